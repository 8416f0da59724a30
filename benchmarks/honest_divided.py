"""Is a step's gradient the same however many ranks and accumulated batches share it?"""

from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from harness import Goal
from honest_planted import enrolments, events

from torchedu import AtRisk, CourseEvents, CourseRecommendation, Enrolments, EventGRU, SASRec
from torchedu.datamodules.stream import BatchStream
from torchedu.datasets.importers import import_data
from torchedu.domains.recommendation import LOSSES

WAYS = ((1, 2), (1, 4), (2, 1))
"""Ranks and accumulated batches."""


def measure(students: int) -> tuple[list[Goal], dict[str, Any]]:
    """Compare the first step's gradients of every loss, in double and in single precision.

    Args:
        students: Size of the simulated data.
    """
    off: dict[str, float] = {}
    said = []
    with TemporaryDirectory() as folder:
        for name, data, task in _tasks(Path(folder), students):
            if task.by_batch:
                said.append(name)
                continue
            for dtype, most in ((torch.float64, 1e-9), (torch.float32, 5e-6)):
                whole = gradient(task.to(dtype), data, 1, 1)
                for ranks, accumulate in WAYS:
                    found = gradient(task, data, ranks, accumulate)
                    way = f"{name}, {dtype}, {ranks} ranks, {accumulate} batches"
                    off[way] = float((found - whole).norm() / whole.norm()) / most
    worst = max(off.values())
    goal = Goal("honest.divided", worst, "at most 1 of what is allowed, or said", worst <= 1)
    return [goal], {"of_allowed": off, "said": said}


def gradient(task: Any, data: Any, ranks: int, accumulate: int) -> torch.Tensor:
    """Return the gradient of the first step, as ranks and accumulated batches come to it.

    Args:
        task: The task, which has met the data.
        data: The data module.
        ranks: Number of ranks.
        accumulate: Batches of each that share the step.
    """
    task.zero_grad()
    dtype = next(task.parameters()).dtype
    for rank in range(ranks):
        stream = BatchStream(*data.training(), rank, ranks, accumulate)
        for batch in islice(stream, accumulate):
            batch = type(batch)(*(x.to(dtype) if x.is_floating_point() else x for x in batch))
            loss_B, _ = task.loss(batch)
            (task.share(batch, loss_B) / accumulate / ranks).backward()
    return torch.cat([x.grad.flatten() for x in task.parameters() if x.grad is not None])


def _tasks(folder: Path, students: int) -> Any:
    for maker in (enrolments, events):
        made = maker(np.random.default_rng(0), students)
        (raw := folder / maker.__name__).mkdir()
        store = import_data(made.format, made.write(raw), raw / "x.store", made.options).path
        if maker is enrolments:
            data: Any = Enrolments(str(store), batch_size=64, window=8)
            sizes = data.num_items, data.num_students, data.num_groups
            net = partial(SASRec, dim=16, max_history=8, dropout=0.0)
            for loss in LOSSES:
                task: Any = CourseRecommendation(net, *sizes, loss=loss, negatives=16)
                task.agree(data, training=True)
                yield loss, data, task
        else:
            data = CourseEvents(str(store), batch_size=64)
            for weight in (0.0, 1.0):
                net = partial(EventGRU, dim=16, dropout=0.0)
                names = ("num_modules", "num_attributes", "num_event_columns", "num_moment_columns")
                known = [getattr(data, name) for name in names if hasattr(data, name)]
                task = AtRisk(net, *known, parity_weight=weight)
                task.agree(data, training=True)
                yield f"risk, parity_weight {weight:g}", data, task
