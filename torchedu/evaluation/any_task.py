"""One way to score a trained network, whatever its task."""

import json
from collections.abc import Iterable, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from lightning import LightningDataModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.baselines import Baseline
from torchedu.errors import ConfigError
from torchedu.files import write_whole
from torchedu.tasks import Task

Baselines = bool | Sequence[Baseline[Any, Any] | type[Baseline[Any, Any]]]
"""Whether to fit a task's own baselines, or which others to fit beside these."""


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

    Each task has its own way to, in a file of ``torchedu.evaluation`` that registers it. A task of
    one's own without one gets the scores that it logs, with no baselines beside them.

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
        What ``evaluation.json`` holds: ``task``, ``data``, ``split``, ``counts`` (what was scored,
        by noun), ``columns`` (the scores' titles by name) and ``scores`` (a row a model, with its
        ``name`` and ``kind``), and what the task adds. On ranks other than the first, nothing.

    Raises:
        ConfigError: A baseline has another one's name, or the task has no way to fit it.
    """
    if not isinstance(baselines, bool):
        raise ConfigError(
            f"{type(task).__name__} says nowhere what its baselines are fitted to.",
            "Register its own way to be scored with evaluate.register.",
        )
    run = trainer.test if part == "test" else trainer.validate
    (logged,) = run(task, datamodule=data, verbose=False) or [{}]
    numbers = {name.partition("/")[2] or name: value for name, value in logged.items()}
    evaluation = {
        "task": type(task).__name__,
        "data": getattr(data, "name", type(data).__name__),
        "split": part,
        "counts": {},
        "columns": {name: name.replace("_", " ") for name in numbers},
        "scores": [{"name": type(task.net).__name__, "kind": "network", **numbers}],
    }
    return keep(evaluation, trainer, folder)


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


def keep(evaluation: dict[str, Any], trainer: Trainer, folder: str | Path | None) -> dict[str, Any]:
    """Write ``evaluation.json``, and return what ``evaluate`` does."""
    if not trainer.is_global_zero:
        return {}
    if folder is not None:
        file = Path(folder) / "evaluation.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(evaluation, ensure_ascii=False, indent=1).encode())
    return evaluation
