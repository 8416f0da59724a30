"""Questions that students are still to answer, and what one of them should do next."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from torchedu.batch import Asked
from torchedu.datamodules import Interactions
from torchedu.datasets.importers.answers.questions import Question, read_questions
from torchedu.datasets.importers.reading.prerequisites import read_prerequisites
from torchedu.engine.mastery import chances, final_states
from torchedu.engine.next_items import RECENT, NextItems, nothing_practised
from torchedu.errors import ConfigError, allowed
from torchedu.features.item_words import ItemWords
from torchedu.prediction.any_task import Asks, Output, asked_outputs
from torchedu.prediction.tables import names_array, row_names
from torchedu.prediction.tracing import histories
from torchedu.readers.answers import AnswerRows, pad_lists
from torchedu.readers.histories import translated
from torchedu.readers.rows import Columns
from torchedu.schema import ITEM, SKILL
from torchedu.tasks import KnowledgeTracing

STUDENTS, PAIRS = 4096, 1_000_000
"""Students who are followed together at most, and questions that are put to them at once."""
Pairs = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Gives, for some histories, which of them are asked what: rows among them, and questions."""


@asked_outputs.register
def _(task: KnowledgeTracing, data: Interactions, asks: Asks) -> list[Output]:
    """Answer what the data and the words ask."""
    if asks.student is not None:
        rows = next_of(task, data, asks.student, asks)
        items = (f"{row['item']} ({row['probability']:.2f})" for row in rows.to_pylist())
        return [Output("next", f"{asks.student} should do next: {', '.join(items)}", rows)]
    tables = []
    if len(data.store.questions.item):
        tables.append(_of_rows(task, data))
    if asks.questions is not None:
        tables.append(_of_file(task, data, read_questions(asks.questions)))
    holds = "the chance of a right answer to each question"
    return [Output("questions", holds, chain.from_iterable(tables))] if tables else []


def next_of(task: KnowledgeTracing, data: Interactions, student: str, asks: Asks) -> pa.Table:
    """Say what a student should do next; see ``engine.next_items``.

    Args:
        task: The trained task.
        data: The answers.
        student: The student's name.
        asks: Among which questions, and how many.

    Returns:
        A table of student, item and probability, the first to do first.

    Raises:
        ConfigError: Nobody is called so.
    """
    assert task.vocabulary is not None
    names = data.store.student_names(np.arange(data.store.num_students))
    if student not in names:
        raise ConfigError(
            f"⟦student⟧ is {student!r}, whom {data.name} does not know.",
            allowed(student, names, 5), option="student", value=student,
        )  # fmt: skip
    needs = asks.prerequisites
    skills = task.vocabulary[SKILL]
    required = None if needs is None else read_prerequisites(needs, skills, SKILL)
    rule = NextItems(asks.target, asks.count, required, asks.mastered)
    among = [Question(item, (), None, None) for item in task.vocabulary[ITEM]]
    if asks.questions is not None:
        among = [q for q in read_questions(asks.questions) if q.student in (None, student)]
    rows, asked = _read(task, among)
    row = np.array([names.index(student)])
    batch = histories(task, data, row, np.diff(data.store.history_offsets)[row])(np.arange(1))
    ((_, state),) = final_states(task.net.cpu().eval(), batch)
    recent_BR = torch.cat([nothing_practised(1), batch.item_BL], 1)[:, -RECENT:]
    (best,) = rule.chosen(task.net, state, asked, torch.from_numpy(rows.skill_NS), recent_BR)
    return pa.table(
        {
            "student": pa.array([student] * len(best), pa.string()),
            "item": pa.array([among[place].item for place, _ in best], pa.string()),
            "probability": pa.array([chance for _, chance in best], pa.float32()),
        }
    )


def _of_rows(task: KnowledgeTracing, data: Interactions) -> Iterator[pa.Table]:
    """Put the questions of the data, each after the answers that stand before it."""
    assert task.vocabulary is not None
    store, (student, item, after) = data.store, data.store.questions
    item_id, *skills = translated(store, task.vocabulary)
    judged = None if data.judged is None else torch.from_numpy(data.judged)
    skill_NS = torch.from_numpy(pad_lists(*skills))
    asked = Asked(torch.from_numpy(item_id), skill_NS, judged_B=judged)
    ends, window = np.unique(np.stack([student, after]), axis=1, return_inverse=True)
    window = window.ravel()
    order = np.argsort(window, kind="stable")

    def pairs(index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        some = order[slice(*np.searchsorted(window[order], [index[0], index[-1] + 1]))]
        return window[some] - index[0], item[some]

    return _put(task, data, (ends[0], ends[1]), asked, names_array(store.vocabulary[ITEM]), pairs)


def _of_file(
    task: KnowledgeTracing, data: Interactions, questions: Sequence[Question]
) -> Iterator[pa.Table]:
    """Put questions to every student, or to whom they name, after all answers.

    Raises:
        ConfigError: A question names a student who is not known.
    """
    lengths = np.diff(data.store.history_offsets)
    row_of = {name: i for i, name in enumerate(data.store.student_names(np.arange(len(lengths))))}
    for question in questions:
        if question.student is not None and question.student not in row_of:
            raise ConfigError(
                f"⟦questions⟧ ask {question.student!r}, whom {data.name} does not know.",
                allowed(question.student, row_of, 5), option="questions", value=question.student,
            )  # fmt: skip
    who_M = np.array([-1 if q.student is None else row_of[q.student] for q in questions])
    _, asked = _read(task, questions)
    students = np.arange(len(lengths)) if (who_M < 0).any() else np.unique(who_M)

    def pairs(index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, question = ((who_M < 0) | (who_M == students[index][:, None])).nonzero()
        return row, question

    items = pa.array([question.item for question in questions], pa.string())
    return _put(task, data, (students, lengths[students]), asked, items, pairs)


def _read(task: KnowledgeTracing, questions: Sequence[Question]) -> tuple[AnswerRows, Asked]:
    """Return questions as the network reads them, and what has read them.

    Raises:
        DataError: Nobody knows an item, or all its skills.
    """
    assert task.vocabulary is not None
    assert task.companions is not None
    known = task.companions
    words = ItemWords.of(known.reading)
    rows = AnswerRows(task.vocabulary, known.item_skills, task.net.reads, words)
    columns: Columns = {"item": [question.item for question in questions]}
    columns["skill"] = [list(question.skills) or None for question in questions]
    if any(question.text for question in questions):
        columns["item_text"] = [question.text for question in questions]
    return rows, rows.asked(columns)


def _put(
    task: KnowledgeTracing,
    data: Interactions,
    ends: tuple[NDArray[np.int64], NDArray[np.int64]],
    asked: Asked,
    items: pa.Array,
    pairs: Pairs,
) -> Iterator[pa.Table]:
    """Put questions at the ends of histories, some histories at a time.

    Args:
        task: The trained task.
        data: The answers.
        ends: Each history's student, and how many answers it has.
        asked: The questions.
        items: The item of each of these, by name.
        pairs: Says which of them are put where.

    Yields:
        Tables of student, after, item and probability.
    """
    net = task.net.cpu().eval()
    batches = histories(task, data, *ends)
    student, after = ends
    together = max(1, min(STUDENTS, PAIRS // max(1, len(items))))
    for first in range(0, len(student), together):
        index = np.arange(first, min(first + together, len(student)))
        row, question = pairs(index)
        chance = np.zeros(len(row), np.float32)
        for row_B, state in final_states(net, batches(index)):
            place = np.full(len(index), -1)
            place[row_B.numpy()] = np.arange(len(row_B))
            mine = np.flatnonzero(place[row] >= 0)
            put = (torch.from_numpy(x[mine]) for x in (place[row], question))
            row_P, question_P = put
            chance[mine] = chances(net, state, row_P, asked, question_P).numpy()
        yield pa.table(
            {
                "student": row_names(data.store, "students", student[index][row]),
                "after": after[index][row],
                "item": items.take(pa.array(question)),
                "probability": chance,
            }
        )
