"""One way to evaluate a trained network, whatever its task."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from lightning import LightningDataModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.baselines import Baseline
from torchedu.datamodules import DataModule
from torchedu.errors import ConfigError
from torchedu.evaluation.shared_sections import leaks
from torchedu.files import write_whole
from torchedu.prediction.stream import predicted
from torchedu.run_folder import RunFolder
from torchedu.sections import PERFECT, Section, is_perfect
from torchedu.tasks import Task

Baselines = bool | Sequence[Baseline[Any, Any] | type[Baseline[Any, Any]]]
"""Whether to fit a task's own baselines, or which others to fit beside these."""
BESIDE = {
    "baseline": "the best baseline, {}",
    "human": "{}",
    "bound": "the best that is reachable",
}
"""What the network's score is set beside, by kind of model."""
LETTERS = "AEFHILMNORSX"
"""Letters that are spoken with a vowel first: an HR@10, an MRR."""


@singledispatch
def evaluate(
    task: Task,
    data: LightningDataModule,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score a network beside the baselines, and keep what the report needs.

    Each task of torchedu has its own way to, in a file of ``torchedu.evaluation`` that registers
    it. A task of another package that registers none gets the scores that it logs, with no
    baselines beside them, and its own ``sections`` of what it predicts.

    Args:
        task: The trained task.
        data: The data; the baselines learn from its training part.
        trainer: Runs the network.
        part: Which part is scored, ``test`` or ``val``.
        folder: Where ``evaluation.json`` and the task's other files go, such as the run's folder;
            nothing is written where it is None.
        baselines: Whether to fit the task's baselines too; or baselines of one's own, classes or
            instances, that are fitted and scored beside these (``docs/add_a_baseline.md``).

    Returns:
        What ``evaluation.json`` holds; see ``evaluation``. On ranks other than the first, nothing.

    Raises:
        ConfigError: A baseline has another one's name, or the task has no way to fit it.
    """
    beside = type(task).scored is not Task.scored
    if not (beside or isinstance(baselines, bool)):
        raise ConfigError(
            f"{type(task).__name__} says nowhere how baselines are scored.",
            "Write its method scored, or register its own way to be scored with evaluate.register.",
        )
    run = trainer.test if part == "test" else trainer.validate
    (logged,) = run(task, datamodule=data, verbose=False) or [{}]
    numbers = {name.partition("/")[2] or name: value for name, value in logged.items()}
    rows = [{"name": type(task.net).__name__, "kind": "network", **numbers}]
    sections: Sequence[Section] = ()
    if beside or type(task).sections is not Task.sections:
        columns = predicted(task, data, part, trainer)  # type: ignore[arg-type]
        learned = predicted(task, data, "train", trainer) if beside and baselines else {}  # type: ignore[arg-type]
        if trainer.is_global_zero:
            sections = task.sections(data, columns)
            own = (kind() for kind in task.baselines) if learned else ()
            for baseline in fitted(own, baselines if learned else False, learned):
                scores = task.scored({**columns, **baseline.predict(columns)})
                rows.append({"name": baseline.name, "kind": "baseline", **scores})
    if not trainer.is_global_zero:
        return {}
    found = evaluation(
        task,
        data,
        part,
        counts={},
        columns={name: name.replace("_", " ") for name in numbers},
        scores=rows,
        sections=sections,
    )
    return keep(found, folder)


def fitted(
    own: Iterable[Baseline[Any, Any]], baselines: Baselines, data: Any
) -> list[Baseline[Any, Any]]:
    """Return the baselines that are asked for, fitted, and say what they chose.

    Args:
        own: The task's own.
        baselines: As ``evaluate`` has it.
        data: What they learn from.

    Raises:
        ConfigError: Two have the same name, by which reports tell them apart.
    """
    given = [] if isinstance(baselines, bool) else baselines
    every = [*own, *(one() if isinstance(one, type) else one for one in given)] if baselines else []
    names = [one.name for one in every]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two baselines are called {twice!r}.", "Give each a name of its own.")
    for baseline in every:
        baseline.fit(data)
    words = [
        f"{one.name} {', '.join(f'{key} {value:g}' for key, value in one.chosen.items())}"
        for one in every
        if one.chosen
    ]
    if words:
        rank_zero_info(f"Chosen on data held out of training: {'; '.join(words)}.")
    return every


def evaluation(
    task: Task,
    data: LightningDataModule,
    part: str,
    *,
    counts: Mapping[str, int],
    columns: Mapping[str, str],
    scores: Sequence[Mapping[str, Any]],
    sections: Sequence[Section],
    facts: Mapping[str, int] | None = None,
    verb: str = "reaches",
    origin: float = 0.0,
    lower: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds, plain values only.

    Args:
        task: The task.
        data: The data.
        part: Which part was scored.
        counts: What was scored, by noun.
        columns: The scores' titles by name, the score that matters most first.
        scores: A row a model: its ``name``, its ``kind`` (``network``, ``baseline``, ``blend``,
            ``human``, ``bound``, the most that the data allows, or ``oracle``, which knows what no
            data tells) and its scores.
        sections: What the report shows.
        facts: What else there is, by noun.
        verb: How the network comes to its first score, as a sentence has it.
        origin: The first score of a model that knows nothing.
        lower: Whether the first score is the better the lower it is.
        **more: What else is kept for other programs.
    """
    return {
        "task": type(task).__name__,
        "use_for": task.use_for,
        "not_for": task.not_for,
        "data": data.name if isinstance(data, DataModule) else type(data).__name__,
        "split": part,
        "counts": dict(counts),
        "facts": dict(facts or {}),
        "columns": dict(columns),
        "scores": [dict(row) for row in scores],
        "origin": origin,
        "lower": lower,
        "best": _best(scores, columns, lower),
        "lead": _lead(scores, columns, verb, lower)
        + _left_out(data, part)
        + ("" if lower else _perfect(scores, columns)),
        "sections": [section.to_json() for section in (*sections, *leaks(data))],
        **more,
    }


def keep(found: dict[str, Any], folder: str | Path | None) -> dict[str, Any]:
    """Write ``evaluation.json`` where a folder is given, and return what it holds."""
    if folder is not None:
        file = RunFolder(Path(folder)).evaluation
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(found, ensure_ascii=False, indent=1).encode())
    return found


def _best(
    scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str], lower: bool
) -> list[str]:
    """Name the models whose first score is the best of what could be had: no bound, no oracle."""
    name = next(iter(columns), "")
    had = {
        row["name"]: -row[name] if lower else row[name]
        for row in scores
        if row["kind"] not in ("bound", "oracle") and row.get(name) is not None
    }
    return [model for model, value in had.items() if value == max(had.values())]


def _lead(
    scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str], verb: str, lower: bool
) -> str:
    """Say in a sentence what the network reached, beside the best of each other kind."""
    if not columns or not scores:
        return ""
    name, title = next(iter(columns.items()))
    best: dict[str, tuple[float, str]] = {}
    for row in scores:
        value = row.get(name)
        if value is not None and value == value:
            other = best.get(row["kind"])
            if other is None or (value < other[0] if lower else value > other[0]):
                best[row["kind"]] = value, row["name"]
    if "network" not in best:
        return f"The network's {title} is not defined on this part of the data."
    value, network = best["network"]
    beside = [
        f"{_distance(value, best[kind][0])} {words.format(best[kind][1])}"
        for kind, words in BESIDE.items()
        if kind in best
    ]
    article = "an" if title[0] in (LETTERS if title[:2].isupper() else "AEIOaeio") else "a"
    *first, last = [f"{network} {verb} {article} {title} of {value:.3f}", *beside]
    return f"{', '.join(first)}, and {last}." if len(first) > 1 else ", ".join([*first, last]) + "."


def _perfect(scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Doubt a network's first score that nobody reaches honestly."""
    name = next(iter(columns), "")
    reached = [row.get(name) for row in scores if row["kind"] == "network"]
    return f" {PERFECT}." if any(is_perfect(value) for value in reached) else ""


def _left_out(data: LightningDataModule, part: str) -> str:
    """Say how many were not scored, since training has used them."""
    if not isinstance(data, DataModule):
        return ""
    count, whom = data.left_out.get(part, 0), data.whom
    return f" {count:,} {whom} that training has used are left out." if count else ""


def _distance(value: float, other: float) -> str:
    distance = round(value, 3) - round(other, 3)
    if abs(distance) < 0.0005:
        return "level with"
    return f"{abs(distance):.3f} {'above' if distance > 0 else 'below'}"
