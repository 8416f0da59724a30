"""One way to score a trained network, whatever its task."""

import json
from functools import singledispatch
from pathlib import Path
from typing import Any

from lightning import LightningDataModule, Trainer

from torchedu.files import write_whole
from torchedu.run_folder import RunFolder
from torchedu.tasks import Task


@singledispatch
def evaluate(
    task: Task,
    data: LightningDataModule,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: bool = True,
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
        baselines: Whether to fit the baselines too.

    Returns:
        What ``evaluation.json`` holds: ``task``, ``data``, ``split``, ``counts`` (what was scored,
        by noun), ``columns`` (the scores' titles by name) and ``scores`` (a row a model, with its
        ``name`` and ``kind``), and what the task adds. On ranks other than the first, nothing.
    """
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


def keep(evaluation: dict[str, Any], trainer: Trainer, folder: str | Path | None) -> dict[str, Any]:
    """Write ``evaluation.json``, and return what ``evaluate`` does."""
    if not trainer.is_global_zero:
        return {}
    if folder is not None:
        file = RunFolder(Path(folder)).evaluation
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(evaluation, ensure_ascii=False, indent=1).encode())
    return evaluation
