"""Students' answers as baselines of knowledge tracing take them: some students, means, names."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.baseline import hold_out
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.errors import DataError
from torchedu.schema import RESERVED

CHUNK = 1_000_000
"""Answers whose features are in memory at a time while predicting."""


def histories(answers: Answers, students: NDArray[np.int64]) -> Answers:
    """Return the histories of some students.

    Args:
        answers: The histories of all.
        students: Their rows, in the order wanted.

    Returns:
        Copies of their answers; the lists of skills are shared.
    """
    index, offsets = ragged_index(answers.offsets, students)
    return answers._replace(
        offsets=offsets,
        item=answers.item[index],
        correct=answers.correct[index],
        time=None if answers.time is None else answers.time[index],
    )


def divide(answers: Answers, share: float, seed: int) -> tuple[Answers, Answers]:
    """Divide students at random, so that a setting is chosen on students who were not fitted.

    Args:
        answers: The histories of the training students.
        share: Share of the students to hold out, 0..1.
        seed: Seed of the draw.

    Returns:
        The histories to fit, then those held out; where there is one student, all and none.
    """
    students = np.arange(len(answers.offsets) - 1)
    held = hold_out(students, share, len(answers.item) + 1, seed)
    return histories(answers, students[~held]), histories(answers, students[held])


def thinned(answers: Answers, most: int, seed: int) -> Answers:
    """Draw students at random to about so many answers, where there are more.

    Args:
        answers: The histories of the training students.
        most: So many.
        seed: Seed of the draw.
    """
    if len(answers.item) <= most:
        return answers
    return histories(answers, drawn(answers, most, seed))


def drawn(answers: Answers, most: int, seed: int) -> NDArray[np.int64]:
    """Return the rows of the students that ``thinned`` keeps, ascending."""
    lengths = np.diff(answers.offsets)
    if len(answers.item) <= most:
        return np.arange(len(lengths))
    order = np.random.default_rng(seed).permutation(len(lengths))
    enough = int(np.searchsorted(np.cumsum(lengths[order]), most)) + 1
    return np.sort(order[:enough])


def by_students(answers: Answers) -> Iterator[tuple[slice, Answers]]:
    """Yield some students' histories at a time, and where their answers stand.

    Args:
        answers: The histories; of these about ``CHUNK`` answers are given at a time.
    """
    students = len(answers.offsets) - 1
    begin = 0
    while begin < students:
        most = answers.offsets[begin] + CHUNK
        end = max(begin + 1, int(np.searchsorted(answers.offsets, most, "right")) - 1)
        where = slice(int(answers.offsets[begin]), int(answers.offsets[end]))
        yield where, histories(answers, np.arange(begin, end))
        begin = end


def base_rate(answers: Answers, name: str) -> float:
    """Return the mean mark of all answers, drawn half an answer towards one half.

    Args:
        answers: The histories of the training students.
        name: Who asks, for the message.

    Returns:
        A share strictly inside 0..1, whatever the marks.

    Raises:
        DataError: There are no answers.
    """
    if not len(answers.item):
        raise DataError(
            f"The baseline {name} got no answers to learn from.",
            "Check that the training part of the split holds students with answers.",
        )
    return (float(answers.correct.sum(dtype=np.float64)) + 0.5) / (len(answers.item) + 1)


def named(ids: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Say which ids are names of a fitted vocabulary: neither reserved nor added since."""
    return (ids >= RESERVED) & (ids < size)


def sum_by(ids: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return the sum of the values of each id below ``size``; shape (size,)."""
    sums: NDArray[Any] = np.bincount(ids, values, size)
    return sums
