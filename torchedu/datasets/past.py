"""What a student had done before each answer, as numbers: over the whole history, without a loop.

Marks enter from -1, wrong, to 1, right, so that 0 says that nothing is known. All of it can also be
kept along, an answer at a time, from a state of one size: ``torchedu.layers.past`` does so.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from torchedu.datasets.answers import Answers, ragged_index
from torchedu.schema import (
    IN_ALL_RATES,
    LOG_SCALE,
    ON_SKILL_RATES,
    RECENT_ANSWERS,
    REMEMBERED_SKILLS,
    RESERVED,
    SMOOTHED_BY,
)

Floats = NDArray[np.float64]


class Past(NamedTuple):
    """What came before each answer of some histories.

    A count n enters as log(1 + n) / ``LOG_SCALE``; an average is a moving one of the marks, that
    starts from 0; what is of the latest answer is 0 where there is none.

    Attributes:
        in_all: Attempts, wins, smoothed mean of the marks, an average for each of ``IN_ALL_RATES``,
            the latest mark; shape (answers, 7), float32.
        on_item: Of the student's last ``RECENT_ANSWERS`` answers those on the same item: attempts,
            wins, the latest mark, 1 / answers since; shape (answers, 4), float32.
        row: Which answer each row of ``on_skill`` belongs to, ascending; shape (pairs,).
        skill: One of its item's skills; shape (pairs,).
        on_skill: Of all earlier answers on that skill: attempts, wins, an average for each of
            ``ON_SKILL_RATES``, the latest mark, 1 / answers since; zero of skills from
            ``REMEMBERED_SKILLS`` on; shape (pairs, 6), float32.
    """

    in_all: NDArray[np.float32]
    on_item: NDArray[np.float32]
    row: NDArray[np.int64]
    skill: NDArray[np.int64]
    on_skill: NDArray[np.float32]


class Earlier:
    """Earlier attempts of each of some attempts: those with the same key.

    Args:
        key: What the attempts are counted by, such as student and skill in one number; shape
            (attempts,), in the order in which they happened.
        correct: The mark of each attempt, 0..1; same shape.
        place: Which of the student's answers it is; same shape.
        most: Those of so many answers before it count; all where it is None.
    """

    def __init__(
        self,
        key: NDArray[np.int64],
        correct: NDArray[np.float64],
        place: NDArray[np.int64],
        most: int | None = None,
    ) -> None:
        self._order = np.argsort(key, kind="stable")
        ordered = key[self._order]
        first = np.ones(len(key), bool)
        first[1:] = ordered[1:] != ordered[:-1]
        begins = np.flatnonzero(first)
        self._here = np.arange(len(key))
        self._begin = np.repeat(begins, np.diff(begins, append=len(key)))
        self._correct = correct[self._order]
        self._place = place[self._order]
        if most is not None:
            # One rising line of all keys and places, in which no key reaches back into another.
            span = int(self._place.max(initial=0)) + most + 1
            line = self._begin * span + self._place
            self._begin = np.maximum(self._begin, np.searchsorted(line, line - most))

    def attempts(self) -> Floats:
        """Return their number."""
        return self._given((self._here - self._begin).astype(np.float64))

    def wins(self) -> Floats:
        """Return the sum of their marks."""
        before = np.cumsum(self._correct) - self._correct
        # Shares of marks may leave a rounding error below zero, which no logarithm forgives.
        return self._given(np.maximum(before - before[self._begin], 0.0))

    def average(self, rate: float) -> Floats:
        """Return the moving average of their marks from -1 to 1, each new one at a rate."""
        # One pass over all; what stood before the first of a key is then taken off as it faded.
        over_all = lfilter([rate], [1, rate - 1], 2 * self._correct - 1)
        before = np.append(0.0, over_all)[:-1]
        return self._given(before - (1 - rate) ** (self._here - self._begin) * before[self._begin])

    def latest(self) -> Floats:
        """Return the mark of the latest, from -1 to 1; 0 where there is none."""
        mark = (
            2 * np.concatenate([[0.5], self._correct[:-1]]) - 1
            if len(self._here)
            else self._correct
        )
        return self._given(np.where(self._here > self._begin, mark, 0.0))

    def recency(self) -> Floats:
        """Return 1 / answers since the latest; 0 where there is none."""
        since = np.diff(self._place, prepend=-1)
        met = self._here > self._begin
        return self._given(np.where(met, 1 / np.where(met, since, 1), 0.0))

    def _given(self, ordered: Floats) -> Floats:
        given = np.empty_like(ordered)
        given[self._order] = ordered
        return given


def columns(skills: int) -> int:
    """Return how many numbers come before an answer whose item has so many skills."""
    return 4 + len(IN_ALL_RATES) + 4 + skills * (4 + len(ON_SKILL_RATES))


def past(answers: Answers) -> Past:
    """Return what came before each answer.

    Args:
        answers: The histories. Items and skills without a name of their own are not met again:
            nothing is known of them.
    """
    item = answers.item.astype(np.int64)
    correct = answers.correct.astype(np.float64)
    lengths = np.diff(answers.offsets)
    student = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(item)) - np.repeat(answers.offsets[:-1], lengths)

    every = Earlier(student, correct, place)
    attempts, wins = every.attempts(), every.wins()
    in_all = [
        _log(attempts),
        _log(wins),
        (2 * wins - attempts) / (attempts + SMOOTHED_BY),
        *(every.average(rate) for rate in IN_ALL_RATES),
        every.latest(),
    ]
    same = Earlier(student * answers.num_items + item, correct, place, RECENT_ANSWERS)
    on_item = [_log(same.attempts()), _log(same.wins()), same.latest(), same.recency()]
    index, bounds = ragged_index(answers.skill_offsets, item)
    row = np.repeat(np.arange(len(item)), np.diff(bounds))
    skill = answers.skill[index].astype(np.int64)
    named = skill >= RESERVED
    row, skill = row[named], skill[named]
    like = Earlier(student[row] * answers.num_skills + skill, correct[row], place[row])
    on_skill = [
        _log(like.attempts()),
        _log(like.wins()),
        *(like.average(rate) for rate in ON_SKILL_RATES),
        like.latest(),
        like.recency(),
    ]
    return Past(
        _columns(in_all),
        _columns(on_item) * (item >= RESERVED)[:, None],
        row,
        skill,
        _columns(on_skill) * (skill < REMEMBERED_SKILLS)[:, None],
    )


def _log(count: Floats) -> Floats:
    return np.log1p(count) / LOG_SCALE


def _columns(numbers: list[Floats]) -> NDArray[np.float32]:
    return np.stack(numbers, axis=1).astype(np.float32)
