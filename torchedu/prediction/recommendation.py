"""Recommendations in the user's own names: the best courses of each student, and why those."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from torchedu.datamodules import Enrolments
from torchedu.datasets.enrolments import Enrolled
from torchedu.datasets.order import Windows
from torchedu.metrics.ranking import TOP
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import blocks, names_array, row_names
from torchedu.readers.enrolments import EnrolmentBatches
from torchedu.schema import ITEM, PADDING
from torchedu.tasks import CourseRecommendation

STUDENTS = 25_000
"""Students whose recommendations are written together."""


@outputs.register
def _(task: CourseRecommendation, data: Enrolments, columns: Columns) -> list[Output]:
    """Tell the best courses of each student, given all that they have taken."""
    holds = f"the {TOP} best courses of each student, with reasons"
    return [Output("recommendations", holds, recommendations(data, columns))]


def recommendations(data: Enrolments, columns: Columns) -> Iterator[pa.Table]:
    """Tell what is recommended to each student.

    The reasons for a course are the student's own: of the last five, up to two without which its
    score would be lower, the one it leans on most first.

    Args:
        data: The enrolments.
        columns: The columns of ``Recommended``.

    Yields:
        Tables of student, place (from 1), course, score (the network's own) and because.
    """
    names = names_array(data.vocabulary[ITEM])
    reasons = pa.array([None, *names.to_pylist()[1:]], pa.string())
    for some in blocks(columns, STUDENTS):
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


@torch.inference_mode()
def at_positions(
    task: CourseRecommendation,
    data: Enrolments,
    student: NDArray[np.int64],
    position: NDArray[np.int64],
) -> Columns:
    """Recommend to some students what comes at a place of their histories, as if it were not known.

    Args:
        task: The trained task.
        data: The enrolments.
        student: Rows of the store; shape (cases,).
        position: A place in each one's history, which is not looked at.

    Returns:
        The columns of ``Recommended``, reasons among them, in the order of the cases.
    """
    start = np.maximum(position - data.window + 1, 0)
    windows = Windows(student, start, position, position + 1)
    batch = EnrolmentBatches(data.store, windows, task.vocabulary, True)(np.arange(len(student)))
    asked = batch._replace(item_BL=batch.item_BL.masked_fill(batch.scored_BL, PADDING))
    said = task.cpu().eval().recommend(asked)
    return {name: column.numpy() for name, column in said._asdict().items()}


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
