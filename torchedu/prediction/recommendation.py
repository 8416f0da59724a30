"""Recommendations in the user's own names: the best courses of each student, and why those."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.datamodules import Enrolments
from torchedu.datasets.enrolments import Enrolled
from torchedu.metrics.ranking import TOP
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import Columns, predicted
from torchedu.prediction.tables import names_array, row_names, write_table
from torchedu.run_folder import RunFolder
from torchedu.schema import ITEM
from torchedu.tasks import CourseRecommendation

STUDENTS = 25_000
"""Students whose recommendations are written together."""


@predict.register
def _(
    task: CourseRecommendation,
    data: Enrolments,
    trainer: Trainer,
    folder: Path,
    form: str = "parquet",
) -> dict[Path, str]:
    """Write the best courses of each student, given all that they have taken."""
    check_format(form)
    found = predicted(task, data, None, trainer)
    if not trainer.is_global_zero:
        return {}
    file = RunFolder(folder).table("recommendations", form)
    write_table(file, recommendations(data, found))
    return {file: f"the {TOP} best courses of each student, with reasons"}


def recommendations(data: Enrolments, found: Columns) -> Iterator[pa.Table]:
    """Tell what is recommended to each student.

    The reasons for a course are the student's own: of the last five, up to two without which its
    score would be lower, the one it leans on most first.

    Args:
        data: The enrolments.
        found: The columns of ``Recommended``.

    Yields:
        Tables of student, place (from 1), course, score (the network's own) and because.
    """
    names = names_array(data.vocabulary[ITEM])
    reasons = pa.array([None, *names.to_pylist()[1:]], pa.string())
    for first in range(0, max(1, len(found["student"])), STUDENTS):
        some = {name: column[first : first + STUDENTS] for name, column in found.items()}
        # What is minus infinity is out of the running: a student has few courses left.
        row, place = np.isfinite(some["score"]).nonzero()
        because = some["because"][row, place]
        yield pa.table(
            {
                "student": row_names(data.store, "students", some["student"][row]),
                "place": place + 1,
                "course": names.take(pa.array(some["top"][row, place])),
                "score": some["score"][row, place],
                "because": _joined(*(reasons.take(pa.array(because[:, i])) for i in (0, 1))),
            }
        )


def log_chances(
    task: CourseRecommendation, state: NDArray[np.float32], histories: Enrolled
) -> NDArray[np.float32]:
    """Return a network's log chances of every course, from what it knows of students.

    Args:
        task: The network.
        state: The column of ``Recommended``; shape (cases, D).
        histories: What the student of each case has taken, in the network's ids.

    Returns:
        Shape (cases, courses), minus infinity at courses already taken.
    """
    net = task.net.cpu().eval()
    with torch.inference_mode():
        blocks = torch.from_numpy(state).split(task.rows_at_once)
        score = histories.hide(torch.cat([net.logits(some) for some in blocks]).numpy())
        return torch.from_numpy(score).log_softmax(1).numpy()


def _joined(first: pa.StringArray, second: pa.StringArray) -> pa.Array:
    """Join two texts, of which the second, or both, may be missing."""
    both = pc.binary_join_element_wise(first, second, "; ")
    return pc.coalesce(both, first, pa.scalar("", pa.string()))
