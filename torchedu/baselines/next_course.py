"""The next course from those just taken: a Markov chain, and a ridge regression in closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from torchedu.baselines.baseline import Tuned
from torchedu.baselines.ease import PENALTIES
from torchedu.baselines.recommendation import (
    Scores,
    lags,
    newness,
    recent,
    refuse_nothing,
    settle_next,
)
from torchedu.datasets.enrolments import Enrolled

STUDENTS = 16_384
"""Students whose rows of a regression are in memory at once."""


@dataclass(eq=False)
class Markov(Tuned[Enrolled, Scores]):
    """How often each course came right after the last one.

    Args:
        prior: Candidates for how many transitions' worth of mere popularity each course's own are
            mixed with, ascending; chosen with the next as EASE's penalty is.
        recency: Candidates for how much more the newest enrolments of each student count; see
            ``newness``.
    """

    name = "last-course Markov"
    candidates = ("recency", "prior")

    prior: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    recency: tuple[float, ...] = (0.0, 0.5, 1.0)

    def fit(self, enrolled: Enrolled) -> Self:
        """Choose, and count transitions; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name, matrices=3)

        def learn(rest: Enrolled, asked: Enrolled) -> Callable[..., Scores]:
            counted, last = lru_cache(1)(partial(_transitions, rest)), _last(asked)
            return lambda recency, prior: _mixed(*counted(recency), prior)[last]

        self.chosen = settle_next(self.ladders, enrolled, learn)
        counts, share = _transitions(enrolled, self.chosen["recency"])
        self.probability = _mixed(counts, share, self.chosen["prior"])
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Return the chance of each course; see ``Scores``."""
        return self.probability[_last(enrolled)]


@dataclass(eq=False)
class NextCourseRidge(Tuned[Enrolled, Scores]):
    """Predicts the next course from a recency-weighted bag of the last ones, by least squares.

    Every enrolment with one before it is a row of the regression: its bag is regressed on the
    course itself, all courses at once, with one Cholesky factorisation.

    Args:
        penalty: Candidates for the L2 penalty, ascending; chosen as EASE's is.
        decay: How fast older courses lose weight: 1 / lag ** decay.
        window: How many of the last courses count.
        recency: How much more the newest rows of each student count; see ``newness``.
    """

    name = "next-course ridge"
    candidates = ("penalty",)

    penalty: tuple[float, ...] = PENALTIES
    decay: float = 1.0
    window: int = 20
    recency: float = 0.5

    @property
    def weights_of_lags(self) -> NDArray[np.float32]:
        """How much the last course, the last but one and so on weigh; shape (window,)."""
        return np.arange(1, self.window + 1, dtype=np.float32) ** np.float32(-self.decay)

    def fit(self, enrolled: Enrolled) -> Self:
        """Choose, and solve the regression; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name, matrices=5)

        def learn(rest: Enrolled, asked: Enrolled) -> Callable[..., Scores]:
            sums, bag = self._sums(rest), recent(asked, self.weights_of_lags)
            return lambda penalty: bag @ _ridge(*sums, penalty)

        self.chosen = settle_next(self.ladders, enrolled, learn)
        self.weights = _ridge(*self._sums(enrolled), self.chosen["penalty"])
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Score the courses; see ``Scores``."""
        return np.asarray(recent(enrolled, self.weights_of_lags) @ self.weights)

    def _sums(self, enrolled: Enrolled) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the regression is solved from; shape (num_items, num_items) each."""
        size = enrolled.num_items
        gram, moment = np.zeros((size, size)), np.zeros((size, size))
        root = np.sqrt(newness(enrolled, self.recency))
        for first in range(0, len(enrolled.offsets) - 1, STUDENTS):  # else their bags fill memory
            offsets = enrolled.offsets[first : first + STUDENTS + 1]
            rows = slice(offsets[0], offsets[-1])
            some = Enrolled(offsets - offsets[0], enrolled.item[rows], size)
            bag, target = self._rows(some, root[rows])
            gram += (bag.T @ bag).toarray()
            moment += (bag.T @ target).toarray()
        return gram, moment

    def _rows(
        self, enrolled: Enrolled, root: NDArray[np.float32]
    ) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return a row an enrolment: the bag of the courses before it, and the course itself.

        Both are scaled by the root of how much the row counts.
        """
        rows, each = len(enrolled.item), []
        for lag, weight in enumerate(self.weights_of_lags, 1):
            later, before = lags(enrolled, lag)
            each.append((weight * root[later], later, enrolled.item[before]))
        value, row, column = (np.concatenate(part) for part in zip(*each, strict=True))
        shape = (rows, enrolled.num_items)
        target = sparse.csr_array((root, enrolled.item, np.arange(rows + 1)), shape=shape)
        return sparse.csr_array((value, (row, column)), shape=shape), target


def _transitions(
    enrolled: Enrolled, recency: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each course came right after each, and how often each came at all."""
    size = enrolled.num_items
    later, before = lags(enrolled, 1)
    pair = enrolled.item[before].astype(np.int64) * size + enrolled.item[later]
    weight = newness(enrolled, recency)
    counts: NDArray[Any] = np.bincount(pair, weight[later], size * size)
    taken: NDArray[Any] = np.bincount(enrolled.item, weight, size)
    return counts.reshape(size, size), taken / weight.sum()


def _mixed(
    counts: NDArray[np.float64], share: NDArray[np.float64], prior: float
) -> NDArray[np.float32]:
    """Return the chance of each course after each; shape (num_items, num_items)."""
    total = counts.sum(1, keepdims=True) + prior
    return ((counts + prior * share) / total).astype(np.float32)


def _last(enrolled: Enrolled) -> NDArray[np.int32]:
    """Return each student's last course: 0, which has no transitions, where there is none."""
    some = np.diff(enrolled.offsets) > 0
    return np.where(some, np.append(enrolled.item, np.int32(0))[enrolled.offsets[1:] - 1], 0)


def _ridge(
    gram: NDArray[np.float64], moment: NDArray[np.float64], penalty: float
) -> NDArray[np.float32]:
    """Solve a penalised regression; shape (num_items, num_items)."""
    solved = gram.copy()
    solved[np.diag_indices_from(solved)] += penalty
    return linalg.solve(
        solved, moment, assume_a="pos", overwrite_a=True, check_finite=False
    ).astype(np.float32)
