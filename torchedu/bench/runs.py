"""Runs side by side, by what their folders keep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from torchedu.bench.comparison import Contender, compare, named_once
from torchedu.bounded import parse_json
from torchedu.errors import ConfigError
from torchedu.run_folder import RunFolder

WHICH = ("student", "position", "item", "correct")
"""What an answer of two runs has to agree in to be the same one."""


def compare_runs(runs: Sequence[str | Path], against: str | None = None) -> dict[str, Any]:
    """Compare runs of one task that were scored on one part of the same data.

    Runs of knowledge tracing keep what they said of each answer, and are compared by that; of
    other tasks the scores that they were given stand side by side.

    Args:
        runs: Their folders, which name them.
        against: The run that the others are held against; the first where it is None.

    Returns:
        ``task``, ``data`` and ``split``; then what ``compare`` returns, or ``columns`` and
        ``models``, each with the scores of its run.

    Raises:
        ConfigError: There are fewer than two, one is named twice or was not scored, or they are not
            of one task, data and part.
    """
    folders = [RunFolder(Path(run)) for run in runs]
    if len(folders) < 2:
        raise ConfigError(f"⟦runs⟧ names {len(folders)}.", "Name two runs or more.")
    names = [str(folder.path) for folder in folders]
    named_once("runs", names)
    evaluations = [_evaluation(folder) for folder in folders]
    head = {}
    for key, noun in (("task", "task"), ("split", "part"), ("data", "data")):
        values = [content[key] for content in evaluations]
        other = next((i for i, value in enumerate(values) if value != values[0]), None)
        if other is not None:
            raise ConfigError(
                f"{folders[other].path}: its {noun} is {values[other]}, "
                f"that of {folders[0].path} is {values[0]}.",
                "Compare runs of one task that were scored on one part of the same data.",
            )
        head[key] = values[0]
    tables = [folder.table() for folder in folders]
    if not all(table.is_file() for table in tables):
        rows = []
        for name, content in zip(names, evaluations, strict=True):
            first = next(row for row in content["scores"] if row["kind"] == "network")
            rows.append({"name": name, "kind": "network", "scores": first})
        return {**head, "columns": evaluations[0]["columns"], "models": rows}
    answers = [pyarrow.parquet.read_table(table) for table in tables]
    for name, table in zip(names, answers, strict=True):
        if any(not table[key].equals(answers[0][key]) for key in WHICH):
            raise ConfigError(
                f"{name} was scored on other answers than {names[0]}.",
                "Score both on one data set with the same ⟦data.split⟧ and ⟦data.seed⟧.",
            )
    _, student = np.unique(answers[0]["student"].to_numpy(), return_inverse=True)
    order = np.argsort(student, kind="stable")
    said = [
        Contender(name, "network", table["probability"].to_numpy()[order])
        for name, table in zip(names, answers, strict=True)
    ]
    correct = answers[0]["correct"].to_numpy()[order]
    first = answers[0]["position"].to_numpy()[order] == 0
    return {**head, **compare(said, correct, student[order], against, first)}


def _evaluation(folder: RunFolder) -> dict[str, Any]:
    try:
        content = parse_json(folder.evaluation.read_text("utf-8"))
        known = {key: content[key] for key in ("task", "data", "split", "columns", "scores")}
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{folder.path} holds no scores.",
            "Name a run's folder, as torchedu fit or torchedu test left it.",
        ) from None
    return known
