"""A network's predictions in the user's own names: each answer's chance, each skill's mastery."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from lightning import Trainer
from numpy.typing import NDArray
from rich.progress import track

from torchedu.datamodules import Interactions
from torchedu.datasets.order import Windows
from torchedu.engine.mastery import DEFINITION, final_mastery, follow, mastery
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import CHUNK, names_array, row_names, write_table
from torchedu.readers.answers import AnswerBatches
from torchedu.run_folder import RunFolder
from torchedu.schema import ITEM, RESERVED, SKILL
from torchedu.tasks import KnowledgeTracing

STUDENTS = 4096
"""Students whose mastery is found together."""


class Predicted(NamedTuple):
    """Predictions of answers, student by student, each history in order.

    Attributes:
        student: Row in the store; shape (answers,).
        position: Position in the student's history, from 0.
        probability: The network's prediction, float32.
        correct: What came true, float32.
    """

    student: NDArray[np.int64]
    position: NDArray[np.int64]
    probability: NDArray[np.float32]
    correct: NDArray[np.float32]


@predict.register
def _(
    task: KnowledgeTracing,
    data: Interactions,
    trainer: Trainer,
    folder: Path,
    form: str = "parquet",
) -> dict[Path, str]:
    """Write the chance of each answer, and each student's mastery of each skill."""
    check_format(form)
    known = predict_part(task, data, trainer, None)
    if not trainer.is_global_zero:
        return {}
    answers, skills = (RunFolder(folder).table(name, form) for name in ("predictions", "mastery"))
    write_predictions(answers, data, known)
    write_mastery(skills, task, data)
    return {
        answers: "the chance of each answer",
        skills: "each student's mastery of each skill",
    }


def predict_part(
    task: KnowledgeTracing, data: Interactions, trainer: Trainer, part: str | None
) -> Predicted:
    """Predict the answers of a part once each.

    Args:
        task: The trained task.
        data: The answers.
        trainer: Runs the network.
        part: ``train``, ``val`` or ``test``; all students where it is None.

    Returns:
        The predictions of all ranks.
    """
    found = predicted(task, data, part, trainer)
    student, position = found["student"], found["position"]
    correct = np.empty(len(student), np.float32)
    for first in range(0, len(student), CHUNK):
        some = slice(first, first + CHUNK)
        answer = data.store.history_offsets[student[some]] + position[some]
        correct[some] = data.store.correct[answer]
    return Predicted(student, position, found["probability"], correct)


def write_predictions(file: Path, data: Interactions, known: Predicted) -> None:
    """Write predictions as a table with the columns student, position, item, probability, correct.

    Args:
        file: Where it goes; ``.parquet`` or ``.csv``.
        data: The answers.
        known: The predictions.
    """
    items = names_array(data.store.vocabulary[ITEM])

    def chunks() -> Iterator[pa.Table]:
        for first in range(0, len(known.student), CHUNK):
            student, position, probability, correct = (
                column[first : first + CHUNK] for column in known
            )
            item = data.store.item[data.store.history_offsets[student] + position]
            yield pa.table(
                {
                    "student": row_names(data.store, "students", student),
                    "position": position,
                    "item": items.take(pa.array(item)),
                    "probability": probability,
                    "correct": correct,
                }
            )

    write_table(file, chunks())


def write_mastery(file: Path, task: KnowledgeTracing, data: Interactions) -> None:
    """Write each student's mastery of each skill: the columns student, skill, mastery.

    Mastery is what ``torchedu.engine.mastery.DEFINITION`` says, after all the student's answers, of
    which the network sees the last ``data.window``.

    Args:
        file: Where it goes; ``.parquet`` or ``.csv``.
        task: The trained task.
        data: The answers.
    """
    assert task.vocabulary is not None
    net = task.net.cpu().eval()
    stop = np.diff(data.store.history_offsets)
    students = np.flatnonzero(stop)
    start = np.maximum(stop - data.window, 0)[students]
    windows = Windows(students, start, start, stop[students])
    batches = AnswerBatches(data.store, windows, task.vocabulary, task.net.reads)
    skills = names_array(task.vocabulary[SKILL])[RESERVED:]

    def chunks() -> Iterator[pa.Table]:
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

    write_table(file, chunks())


def followed(
    task: KnowledgeTracing, data: Interactions, known: Predicted, part: str
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
    students, counts = np.unique(known.student, return_counts=True)
    rank = np.argsort(counts, kind="stable")[int(0.9 * (len(counts) - 1))]
    student = int(students[rank])
    batches, _ = data.evaluation(part)
    batch = batches(np.flatnonzero(batches.windows.student == student)[:1])
    net = task.net.cpu().eval()
    steps = torch.cat([mastery(net, state) for state in follow(net, batch)])
    assert task.vocabulary is not None
    store = data.store
    begin = int(store.history_offsets[student] + batch.start_B[0])
    answers = slice(begin, begin + batch.item_BL.shape[1])
    items, skills = store.vocabulary[ITEM], store.vocabulary[SKILL]
    bounds = store.skill_offsets
    return {
        "definition": DEFINITION,
        "skills": list(task.vocabulary[SKILL]),
        "mastery": [[round(p, 4) for p in row] for row in steps.tolist()],
        "items": [items.name(i) for i in store.item[answers].tolist()],
        "correct": [float(mark) for mark in store.correct[answers]],
        "skills_of_items": [
            [skills.name(k) for k in store.skill[bounds[i] : bounds[i + 1]].tolist()]
            for i in store.item[answers].tolist()
        ],
    }
