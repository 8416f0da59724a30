"""Scores with what each student moves of them, so that two of one set of answers can be compared.

A score of many answers of few students is as sure as the students are many. What a student moves of
a score is its influence function, summed over the student's answers; the spread of these sums gives
the error of the score, and of the difference of two scores that of their differences: for the AUC
that is Obuchowski's estimate for clustered data (Biometrics 53, 1997,
https://doi.org/10.2307/2533958).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.metrics.within import within

WIDE = 1.959963984540054
"""Standard errors on each side of a score that 95 of 100 intervals reach to."""
FEW = 30
"""Students, texts or lessons below whom a score is no judgement."""
PIECES = 100
"""Parts of the people, each of which is left out once to see what it moves."""
LEAST = 1e-7
"""Chances are held as far from 0 and 1 where their log is taken."""
Scores = dict[str, "Estimate"]
Range = tuple[float, float]
"""The least and the most that a score can be: an interval ends there."""
ANY: Range = (-math.inf, math.inf)
SHARE: Range = (0.0, 1.0)
COST: Range = (0.0, math.inf)
AGREEMENT: Range = (-1.0, 1.0)


class Estimate(NamedTuple):
    """A score, or the difference of two.

    Attributes:
        value: It; NaN where it is not defined.
        moved_S: What each student moves of it; shape (students,).
        between: What it can be.
    """

    value: float
    moved_S: NDArray[np.float64]
    between: Range = ANY

    def minus(self, other: "Estimate") -> "Estimate":
        """Return how far this one stands above another, of the same students."""
        apart = self.between[0] - other.between[1], self.between[1] - other.between[0]
        return Estimate(self.value - other.value, self.moved_S - other.moved_S, apart)

    @property
    def error(self) -> float:
        """Its standard error; NaN of one student."""
        many = len(self.moved_S)
        spread = float(np.square(self.moved_S).sum())
        return math.sqrt(spread * many / (many - 1)) if many > 1 else math.nan

    @property
    def p(self) -> float:
        """How often 0 would be as far away by chance alone, as a normal variable has it."""
        if math.isnan(self.value) or math.isnan(self.error):
            return math.nan
        if not self.error:
            return float(self.value == 0)
        return math.erfc(abs(self.value) / self.error / math.sqrt(2))

    @property
    def ends(self) -> tuple[float, float]:
        """Where the interval ends in which it lies 95 of 100 times; NaN of one student."""
        reach = WIDE * self.error
        return max(self.value - reach, self.between[0]), min(self.value + reach, self.between[1])

    def plain(self) -> dict[str, float | None]:
        """Return it with the ends of its interval, None where they are not defined."""
        return {
            name: None if math.isnan(number) else number
            for name, number in zip(("value", "low", "high"), (self.value, *self.ends), strict=True)
        }


def clustered(probability: ArrayLike, correct: ArrayLike, student: ArrayLike) -> Scores:
    """Score predictions, and say what each student moves.

    Args:
        probability: Predicted chance that an answer is right, no NaN; shape (answers,).
        correct: Marks; at least one half is right, where it has to be one or the other.
        student: Whose answer each is, ascending.

    Returns:
        ``auc``, ``auc_within`` (see ``metrics.within``) and ``log_loss``.
    """
    p, y = np.asarray(probability, np.float64), np.asarray(correct, np.float64)
    names, who = np.unique(student, return_inverse=True)
    known = p.clip(LEAST, 1 - LEAST)
    loss = -(y * np.log(known) + (1 - y) * np.log1p(-known))
    return {
        "auc": _auc(p, y >= 0.5, who, len(names)),
        "auc_within": _within(p, y, who),
        "log_loss": averaged(loss, who, COST),
    }


def auc(probability: ArrayLike, correct: ArrayLike, person: ArrayLike) -> Estimate:
    """Return the AUC of predictions, with what each person moves; arguments as ``clustered``."""
    names, who = np.unique(person, return_inverse=True)
    return _auc(np.asarray(probability, np.float64), np.asarray(correct) >= 0.5, who, len(names))


def _sums(values: NDArray[Any], who: NDArray[np.int64], students: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.bincount(who, values, students).astype(np.float64)
    return sums


def _auc(
    p: NDArray[Any], right: NDArray[np.bool_], who: NDArray[np.int64], students: int
) -> Estimate:
    rights, wrongs = int(right.sum()), int((~right).sum())
    if not rights or not wrongs:
        return Estimate(math.nan, np.zeros(students), SHARE)
    order = np.argsort(p)  # answers of one prediction stand in any order: they are counted together
    begins = np.flatnonzero(np.diff(p[order], prepend=-1) != 0)
    run = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(p)))
    placed = np.empty(len(p))
    # Of the other kind, the share that stands on the proper side of each answer; ties count half.
    for kind, others in ((True, wrongs), (False, rights)):
        each = np.add.reduceat(right[order] != kind, begins, dtype=np.int64)
        below = (np.cumsum(each) - each / 2)[run] / others
        mine = right[order] == kind
        placed[order[mine]] = (below if kind else 1 - below)[mine]
    auc = float(placed[right].mean())
    moved = (placed - auc) / np.where(right, rights, wrongs)
    return Estimate(auc, _sums(moved, who, students), SHARE)


def _within(p: NDArray[Any], y: NDArray[Any], who: NDArray[np.int64]) -> Estimate:
    counted = within(p, y, who)
    auc, pairs = counted.auc(), counted.pairs.sum()
    if auc is None:
        return Estimate(math.nan, np.zeros(len(counted.pairs)), SHARE)
    return Estimate(auc, (counted.won / 2 - auc * counted.pairs) / pairs, SHARE)


def averaged(values: ArrayLike, person: ArrayLike, between: Range = ANY) -> Estimate:
    """Return the mean of numbers, with what each person moves of it.

    Args:
        values: Numbers, no NaN; shape (rows,).
        person: Whose each is.
        between: What a number can be.
    """
    each = np.asarray(values, np.float64)
    names, who = np.unique(person, return_inverse=True)
    return of_sums(_sums(each, who, len(names)), np.bincount(who, minlength=len(names)), between)


def of_sums(sum_S: NDArray[Any], number_S: NDArray[Any], between: Range = ANY) -> Estimate:
    """Return the mean of numbers that are summed by person, with what each person moves of it.

    Args:
        sum_S: Of each person; shape (people,).
        number_S: How many there are of each; shape (people,).
        between: What a number can be.
    """
    number = number_S.sum()
    mean = float(sum_S.sum() / number) if number else math.nan
    return Estimate(mean, (sum_S - mean * number_S) / max(1, number), between)


def without_each(
    score: Callable[[NDArray[np.bool_]], float | None], person: ArrayLike, between: Range = ANY
) -> Estimate:
    """Return any score of all rows, with what each of some parts of the people moves of it.

    It is scored again without each part (the jackknife; Quenouille, Biometrika 43, 1956,
    https://doi.org/10.1093/biomet/43.3-4.353), a part a person where they are few.

    Args:
        score: Gives the score of some rows, of a mask of shape (rows,).
        person: Whose each row is; shape (rows,).
        between: What the score can be.

    Returns:
        The score; not defined where it is not without one of the parts.
    """
    names, who = np.unique(person, return_inverse=True)
    parts = min(PIECES, len(names))
    part = np.random.default_rng(0).permutation(len(names))[who] % max(parts, 1)
    whole = score(np.ones(len(who), np.bool_))
    others = [score(part != each) for each in range(parts)]
    known = [value for value in others if value is not None]
    if whole is None or len(known) < len(others) or parts < 2:
        return Estimate(math.nan if whole is None else whole, np.zeros(1), between)
    moved = (whole - np.array(known, np.float64)) * (parts - 1) / parts
    return Estimate(whole, moved, between)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Correct for looking at several differences at once (Holm, 1979).

    Args:
        p: Of each difference how often chance alone would make it; NaN is left out.

    Returns:
        The same for all together: at most 5 of 100 sets of differences that are none have one
        below .05.
    """
    known = sorted((value, name) for name, value in p.items() if not math.isnan(value))
    corrected, most = dict(p), 0.0
    for i, (value, name) in enumerate(known):
        most = max(most, min(1.0, value * (len(known) - i)))
        corrected[name] = most
    return corrected
