"""A network's predictions in the user's own names: each answer's chance, each skill's mastery."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from rich.progress import track

from torchedu.datamodules import Interactions
from torchedu.datasets.order import Windows
from torchedu.engine.mastery import DEFINITION, final_mastery, follow, mastery
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import blocks, names_array, row_names
from torchedu.readers.answers import AnswerBatches
from torchedu.schema import ITEM, RESERVED, SKILL
from torchedu.tasks import KnowledgeTracing

STUDENTS = 4096
"""Students whose mastery is found together."""


@outputs.register
def _(task: KnowledgeTracing, data: Interactions, columns: Columns) -> list[Output]:
    """Tell the chance of each answer, and each student's mastery of each skill."""
    return [
        Output("predictions", "the chance of each answer", answers(data, columns)),
        Output("mastery", "each student's mastery of each skill", masteries(task, data)),
    ]


def answers(data: Interactions, columns: Columns) -> Iterator[pa.Table]:
    """Tell the prediction of each answer.

    Args:
        data: The answers.
        columns: The columns of ``TracedAnswers``.

    Yields:
        Tables of student, position, item, probability and correct.
    """
    items = names_array(data.store.vocabulary[ITEM])
    for some in blocks(columns):
        item = data.store.item[data.store.history_offsets[some["student"]] + some["position"]]
        yield pa.table(
            {
                "student": row_names(data.store, "students", some["student"]),
                "position": some["position"],
                "item": items.take(pa.array(item)),
                "probability": some["probability"],
                "correct": some["correct"],
            }
        )


def masteries(task: KnowledgeTracing, data: Interactions) -> Iterator[pa.Table]:
    """Tell each student's mastery of each skill.

    Mastery is what ``torchedu.engine.mastery.DEFINITION`` says, after all the student's answers;
    see ``histories``.

    Args:
        task: The trained task.
        data: The answers.

    Yields:
        Tables of student, skill and mastery.
    """
    assert task.vocabulary is not None
    net = task.net.cpu().eval()
    lengths = np.diff(data.store.history_offsets)
    students = np.flatnonzero(lengths)
    batches = histories(task, data, students, lengths[students])
    skills = names_array(task.vocabulary[SKILL])[RESERVED:]

    for first in track(
        range(0, len(students), STUDENTS),
        "Mastery",
        transient=True,
        disable=len(students) <= STUDENTS or not sys.stdout.isatty(),
    ):
        index = np.arange(first, min(first + STUDENTS, len(students)))
        mastery_BK = final_mastery(net, batches(index)).numpy()
        names = pa.array(data.store.student_names(students[index]), pa.string())
        yield pa.table(
            {
                "student": names.take(pa.array(np.repeat(np.arange(len(index)), len(skills)))),
                "skill": skills.take(pa.array(np.tile(np.arange(len(skills)), len(index)))),
                "mastery": mastery_BK.ravel(),
            }
        )


def histories(
    task: KnowledgeTracing,
    data: Interactions,
    student: NDArray[np.int64],
    stop: NDArray[np.int64],
) -> AnswerBatches:
    """Return what builds batches of histories, to be followed answer by answer.

    Args:
        task: The trained task.
        data: The answers.
        student: The row of each history's student; shape (histories,).
        stop: How many answers each has. A network that was trained on whole histories sees them
            all, another the last ``data.window``.
    """
    start = np.zeros_like(stop) if task.net.past else np.maximum(stop - data.window, 0)
    windows = Windows(student, start, start, stop)
    known = data.store, windows, task.vocabulary, task.net.reads
    return AnswerBatches(*known, judged=data.judged)


def followed(
    task: KnowledgeTracing, data: Interactions, known: Columns, part: str
) -> dict[str, Any]:
    """Follow one student's mastery answer by answer, without the name, for a report.

    Args:
        task: The trained task.
        data: The answers.
        known: The predictions; the student whose history is longer than nine in ten is taken.
        part: What they are of.

    Returns:
        ``definition`` of mastery; ``skills``, their names; ``mastery``,
        shape (answers, skills), as it stood after each answer; ``items``, ``correct``, the marks,
        and ``skills_of_items``, one of each an answer.
    """
    students, counts = np.unique(known["student"], return_counts=True)
    rank = np.argsort(counts, kind="stable")[int(0.9 * (len(counts) - 1))]
    student = int(students[rank])
    batches, _ = data.evaluation(part)
    batch = batches(np.flatnonzero(batches.windows.student == student)[:1])
    net = task.net.cpu().eval()
    steps = torch.cat([mastery(net, state) for state in follow(net, batch)])
    assert task.vocabulary is not None
    store = data.store
    begin = int(store.history_offsets[student] + batch.start_B[0])
    rows = slice(begin, begin + batch.item_BL.shape[1])
    answered, bounds = store.item[rows].tolist(), store.skill_offsets
    items, skills = store.vocabulary[ITEM], store.vocabulary[SKILL]
    return {
        "definition": DEFINITION,
        "skills": list(task.vocabulary[SKILL]),
        "mastery": [[round(p, 4) for p in row] for row in steps.tolist()],
        "items": [items.name(i) for i in answered],
        "correct": [float(mark) for mark in store.correct[rows]],
        "skills_of_items": [
            [skills.name(k) for k in store.skill[bounds[i] : bounds[i + 1]].tolist()]
            for i in answered
        ],
    }
