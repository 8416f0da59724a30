"""The next course from those just taken: a Markov chain, and a ridge regression in closed form."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from torchedu.baselines.recommender import (
    RecommenderBaseline,
    lags,
    newness,
    recent,
    refuse_nothing,
)
from torchedu.datasets.enrolments import Enrolled

STUDENTS = 16_384
"""Students whose rows of a regression are in memory at once."""


class Markov(RecommenderBaseline):
    """How often each course came right after the last one.

    Args:
        prior: Transitions' worth of mere popularity that each course's own are mixed with.
        recency: How much more the newest enrolments of each student count; see ``newness``.
    """

    name = "last-course Markov"

    def __init__(self, prior: float = 5.0, recency: float = 0.5) -> None:
        self.prior = prior
        self.recency = recency

    def fit(self, enrolled: Enrolled) -> Self:
        """Count transitions; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
        size = enrolled.num_items
        later, before = lags(enrolled, 1)
        pair = enrolled.item[before].astype(np.int64) * size + enrolled.item[later]
        weight = newness(enrolled, self.recency)
        count = np.bincount(pair, weight[later], size * size).reshape(size, size)
        share = np.bincount(enrolled.item, weight, size) / weight.sum()
        total = count.sum(1, keepdims=True) + self.prior
        self.probability = ((count + self.prior * share) / total).astype(np.float32)
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Return the chance of each course; see ``RecommenderBaseline.scores``."""
        ends = histories.offsets[1:]
        some = np.diff(histories.offsets) > 0
        # Row 0 belongs to padding: without transitions of its own it holds mere popularity.
        last = np.where(some, np.append(histories.item, 0)[ends - 1], 0)
        return self.probability[last]


class NextCourseRidge(RecommenderBaseline):
    """Predicts the next course from a recency-weighted bag of the last ones, by least squares.

    Every enrolment with one before it is a row of the regression: its bag is regressed on the
    course itself, all courses at once, with one Cholesky factorisation.

    Args:
        penalty: The L2 penalty.
        decay: How fast older courses lose weight: 1 / lag ** decay.
        window: How many of the last courses count.
        recency: How much more the newest rows of each student count; see ``newness``.
    """

    name = "next-course ridge"

    def __init__(
        self, penalty: float = 30.0, decay: float = 1.0, window: int = 20, recency: float = 0.5
    ) -> None:
        self.penalty = penalty
        self.recency = recency
        self.weights_of_lags = np.arange(1, window + 1, dtype=np.float32) ** np.float32(-decay)

    def fit(self, enrolled: Enrolled) -> Self:
        """Solve the regression; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
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
        gram[np.diag_indices_from(gram)] += self.penalty
        self.weights = linalg.solve(
            gram, moment, assume_a="pos", overwrite_a=True, overwrite_b=True, check_finite=False
        ).astype(np.float32)
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Score the courses; see ``RecommenderBaseline.scores``."""
        return np.asarray(recent(histories, self.weights_of_lags) @ self.weights)

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
