"""How well each student's own answers are told apart, rather than the answers of all together.

Nearly all pairs of a right and a wrong answer are of two students, so that the pooled AUC says most
of all who is good and what is hard. Choosing what a student should do next needs the other pairs.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK = 2**18
"""Answers of whole students that are put in order at once."""

Skills = Callable[[slice], tuple[NDArray[np.int64], NDArray[Any]]]
"""Of some answers the number of skills of each, and the skills one answer after the other."""


class Within(NamedTuple):
    """Pairs of a right and a wrong answer of one student, counted by student.

    Attributes:
        student: Those who have answers, ascending; shape (students,).
        won: Twice the pairs whose right answer has the higher prediction, and once those that tie;
            shape (students,).
        pairs: All of them; shape (students,).
    """

    student: NDArray[np.int64]
    won: NDArray[np.int64]
    pairs: NDArray[np.int64]

    def auc(self, some: NDArray[np.bool_] | slice = slice(None)) -> float | None:
        """Return the share of pairs in order, ties counting half; None where there is none.

        Args:
            some: Which students count.
        """
        pairs = int(self.pairs[some].sum())
        return int(self.won[some].sum()) / (2 * pairs) if pairs else None


def within(
    probability: ArrayLike, correct: ArrayLike, student: ArrayLike, skills: Skills | None = None
) -> Within:
    """Count pairs within students, or within students and skills.

    It takes time as sorting does, and memory for a block of students: arrays mapped from a disk
    stay there.

    Args:
        probability: Predicted probability that an answer is right, no NaN; shape (answers,).
        correct: Marks, of which at least one half is right; shape (answers,).
        student: Whose answer each is, ascending; shape (answers,).
        skills: Gives the skills of some of the answers: a pair then counts once for each skill that
            its two answers share.

    Raises:
        ValueError: The shapes differ, or students are not ascending.
    """
    p, y, who = np.asarray(probability), np.asarray(correct), np.asarray(student)
    if not p.shape == y.shape == who.shape:
        raise ValueError(f"shapes {p.shape}, {y.shape} and {who.shape}, not (answers,) three times")
    blocks = [_counted(p, y, who, some, skills) for some in _of_whole_students(who)]
    if not blocks:
        return Within(*(np.zeros(0, np.int64) for _ in Within._fields))
    return Within(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _of_whole_students(student: NDArray[Any]) -> Iterator[slice]:
    """Cut answers into blocks, each of whole students."""
    begin, size = 0, BLOCK
    while begin < len(student):
        stop = min(begin + size, len(student))
        steps = np.diff(student[begin : stop + 1])
        if (steps < 0).any():
            raise ValueError("students are not ascending")
        if stop < len(student):
            ends = np.flatnonzero(steps)
            if not len(ends):  # a student of more answers than a block
                size *= 2
                continue
            stop = begin + 1 + int(ends[-1])
        yield slice(begin, stop)
        begin, size = stop, BLOCK


def _counted(
    p: NDArray[Any], y: NDArray[Any], student: NDArray[Any], some: slice, skills: Skills | None
) -> Within:
    """Count the pairs of a block of students."""
    names, group = np.unique(student[some], return_inverse=True)
    values, place = np.unique(p[some], return_inverse=True)
    right, kinds = (y[some] >= 0.5).astype(np.int64), 1
    if skills is not None:
        lengths, skill = skills(some)
        answer = np.repeat(np.arange(len(group)), lengths)
        kinds = int(skill.max(initial=0)) + 1
        place, right, group = place[answer], right[answer], group[answer] * kinds + skill
    won, pairs = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    if len(group):
        # Group, prediction and mark as one number: in a block some 37 bits, and those of skills.
        key = (group * len(values) + place) * 2 + right
        key.sort()
        right, key = key & 1, key >> 1
        group = key // len(values)
        # Answers of one group with one prediction: the wrong ones before them have lower ones.
        runs = np.flatnonzero(np.diff(key, prepend=-1))
        wrongs = np.add.reduceat(1 - right, runs)
        rights = np.add.reduceat(right, runs)
        groups = np.flatnonzero(np.diff(group[runs], prepend=-1))
        earlier = np.cumsum(wrongs) - wrongs
        lower = earlier - np.repeat(earlier[groups], np.diff(groups, append=len(runs)))
        who = group[runs] // kinds
        np.add.at(won, who, rights * (2 * lower + wrongs))
        both = np.add.reduceat(wrongs, groups) * np.add.reduceat(rights, groups)
        np.add.at(pairs, who[groups], both)
    return Within(names.astype(np.int64), won, pairs)
