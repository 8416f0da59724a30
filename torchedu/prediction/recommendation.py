"""Recommendations in the user's own names: the best courses of each student, and why those."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from lightning import Trainer
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.nn import functional as F

from torchedu.batch import EnrolmentBatch
from torchedu.datamodules import Enrolments
from torchedu.datamodules.enrolment_batches import EnrolmentBatches
from torchedu.datasets.importers.enrolments.prerequisites import Prerequisites, read_prerequisites
from torchedu.datasets.order import Windows
from torchedu.domains.recommendation import Recommended
from torchedu.metrics.ranking import TOP
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.tables import names_array, write_table
from torchedu.schema import ITEM, PADDING
from torchedu.tasks import CourseRecommendation

STUDENTS = 1024
"""Students whose recommendations are found together."""
CASES = 256
"""Cases whose histories a network sees at once."""
LOOKED_AT = 5
"""How many of a student's last courses may be a reason."""


def ranked(
    task: CourseRecommendation, data: Enrolments, trainer: Trainer, part: str
) -> Recommended:
    """Rank all courses for the held-out courses of a part.

    Args:
        task: The trained task.
        data: The enrolments.
        trainer: Runs the network.
        part: ``val`` or ``test``.

    Returns:
        The cases of all ranks, by student and position.
    """
    data.predict_part = part
    batches = trainer.predict(task, datamodule=data) or []
    columns = [torch.cat(column).cpu() for column in zip(*batches, strict=True)]
    if trainer.world_size > 1:
        gathered: list[list[Tensor]] = [[]] * trainer.world_size
        distributed.all_gather_object(gathered, columns)
        columns = [torch.cat(column) for column in zip(*gathered, strict=True)]
    student, position = (column.numpy() for column in columns[:2])
    order = torch.from_numpy(np.lexsort((position, student)))
    return Recommended(*(column[order] for column in columns))


def course_scores(
    task: CourseRecommendation,
    data: Enrolments,
    student: NDArray[np.int64],
    position: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return a network's log chances of every course, for some enrolments.

    Args:
        task: The trained task.
        data: The enrolments.
        student: Rows of the students in the store; shape (cases,).
        position: Position in the history of the course that is looked for; shape (cases,).

    Returns:
        Shape (cases, courses), minus infinity at courses already taken.
    """
    first = np.maximum(position - (data.window - 1), 0)
    windows = Windows(student, first, position, position + 1)
    batches = EnrolmentBatches(data.store, windows, data.vocabulary, with_history=True)
    task = task.cpu().eval()
    found = []
    with torch.inference_mode():
        for some in np.array_split(np.arange(len(student)), -(-len(student) // CASES)):
            found += [score.log_softmax(1) for *_, score in task.scores(batches(some))]
        return torch.cat(found).numpy()


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
    data.predict_part = "test"
    trainer.predict(task, datamodule=data)  # agrees on names, and runs on the trainer's devices
    if not trainer.is_global_zero:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"recommendations.{form}"
    needs = None
    if data.prerequisites is not None:
        needs = read_prerequisites(data.prerequisites, data.vocabulary[ITEM])
    write_table(file, recommendations(task, data, needs))
    return {file: f"the {TOP} best courses of each student, with reasons"}


def recommendations(
    task: CourseRecommendation,
    data: Enrolments,
    needs: Prerequisites | None = None,
    top: int = TOP,
) -> Iterator[pa.Table]:
    """Recommend courses to every student, given all that they have taken.

    The reasons for a course are the student's own: of the last five, up to two without which its
    score would be lower, the one it leans on most first.

    Args:
        task: The trained task.
        data: The enrolments.
        needs: What each course requires; nothing where it is None.
        top: How many courses to recommend.

    Yields:
        Tables of student, place (from 1), course, score (the network's own) and because.
    """
    store, task = data.store, task.cpu().eval()
    names = names_array(data.vocabulary[ITEM])
    reasons = pa.array([None, *names.to_pylist()[1:]], pa.string())
    known = np.array(store.vocabulary[ITEM].translation(data.vocabulary[ITEM]))
    lengths = np.diff(store.history_offsets)
    for some in np.array_split(np.flatnonzero(lengths), -(-len(lengths) // STUDENTS)):
        first = np.maximum(lengths[some] - (data.window - 1), 0)
        windows = Windows(some, first, first, lengths[some])
        batches = EnrolmentBatches(store, windows, data.vocabulary, with_history=True)
        batch = batches(np.arange(len(some)))
        with torch.inference_mode():
            score_BN = torch.cat([score for *_, score in task.scores(after(batch))])
            if needs is not None:
                taken = store.enrolled(some, lengths[some])
                row = np.repeat(np.arange(len(some)), lengths[some])
                closed = needs.closed(row, known[taken.item], len(some))
                score_BN.masked_fill_(torch.from_numpy(closed), -torch.inf)
            best = score_BN.topk(min(top, score_BN.shape[1]))
            because = _reasons(task, batch, best.indices)
        student, place = best.values.isfinite().nonzero(as_tuple=True)
        reason = because[student, place]
        told = [reasons.take(pa.array(reason[:, i].numpy())) for i in (0, 1)]
        people = pa.array(store.student_names(some), pa.string())
        yield pa.table(
            {
                "student": people.take(pa.array(student.numpy())),
                "place": (place + 1).numpy(),
                "course": names.take(pa.array(best.indices[student, place].numpy())),
                "score": best.values[student, place].numpy(),
                "because": _joined(*told),
            }
        )


def after(batch: EnrolmentBatch) -> EnrolmentBatch:
    """Return a batch in which what comes after each student's last course is to be predicted."""
    item_BL = F.pad(batch.item_BL, (0, 1))
    length_B = (batch.item_BL != PADDING).sum(1)
    scored_BL = torch.arange(item_BL.shape[1]) == length_B.unsqueeze(1)
    return batch._replace(item_BL=item_BL, scored_BL=scored_BL)


def _reasons(task: CourseRecommendation, batch: EnrolmentBatch, top_BK: Tensor) -> Tensor:
    """Return two courses that each recommendation leans on, 0 for none; shape (B, K, 2)."""
    length_B = (batch.item_BL != PADDING).sum(1)

    def score(items_BL: Tensor) -> Tensor:
        case = after(batch._replace(item_BL=items_BL))
        rows, steps = case.scored_BL.nonzero(as_tuple=True)
        return task.net.logits(task(case)[rows, steps], top_BK)

    whole_BK, falls, courses = score(batch.item_BL), [], []
    place_L = torch.arange(batch.item_BL.shape[1])
    for lag in range(1, LOOKED_AT + 1):
        at_B1 = (length_B - lag).clamp(min=0).unsqueeze(1)
        rest_BL = batch.item_BL.gather(
            1, (place_L + (place_L >= at_B1)).clamp(max=len(place_L) - 1)
        )
        rest_BL[place_L.expand_as(rest_BL) >= (length_B - 1).unsqueeze(1)] = PADDING
        fall_BK = whole_BK - score(rest_BL)
        falls.append(fall_BK.masked_fill((length_B < lag).unsqueeze(1), 0.0))
        courses.append(batch.item_BL.gather(1, at_B1).expand_as(top_BK))
    most = torch.stack(falls, -1).topk(2)
    found_BK2 = torch.stack(courses, -1).gather(-1, most.indices)
    return found_BK2.masked_fill(most.values <= 0, PADDING)


def _joined(first: pa.StringArray, second: pa.StringArray) -> pa.Array:
    """Join two texts, of which the second, or both, may be missing."""
    both = pc.binary_join_element_wise(first, second, "; ")
    return pc.coalesce(both, first, pa.scalar("", pa.string()))
