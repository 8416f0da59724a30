"""iALS: matrix factorisation of implicit feedback by alternating least squares.

Hu et al., "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008,
https://doi.org/10.1109/ICDM.2008.22, with the regularisation of Rendle et al., "Revisiting the
Performance of iALS on Item Recommendation Benchmarks", RecSys 2022,
https://arxiv.org/abs/2110.14037.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines.ease import bags
from torchedu.baselines.recommender import RecommenderBaseline, refuse_nothing
from torchedu.datasets.enrolments import Enrolled

ROWS = 4096
"""Rows whose systems are solved together."""


class IALS(RecommenderBaseline):
    """A vector a course by alternating least squares; a student's is solved from their history.

    A student who was not fitted is treated like one who was: the vector is the best one for the
    courses so far, with the courses' vectors held fixed.

    Args:
        dim: Width of the vectors.
        unobserved: Weight of a course not taken, beside 1 of one taken.
        penalty: The L2 penalty, scaled by how much data a row has, to the power ``scaling``.
        scaling: 0 is the paper's of 2008, 1 scales in full.
        rounds: How often both sides are solved.
        seed: Decides where the vectors start.
    """

    name = "iALS"

    def __init__(
        self,
        dim: int = 32,
        unobserved: float = 0.03,
        penalty: float = 0.003,
        scaling: float = 1.0,
        rounds: int = 5,
        seed: int = 0,
    ) -> None:
        self.dim = dim
        self.unobserved = unobserved
        self.penalty = penalty
        self.scaling = scaling
        self.rounds = rounds
        self.seed = seed

    def fit(self, enrolled: Enrolled) -> Self:
        """Solve both sides in turn; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
        taken = bags(enrolled)
        by_course = sparse.csr_array(taken.T)
        drawn = np.random.default_rng(self.seed)
        size = (enrolled.num_items, self.dim)
        self.course = (drawn.standard_normal(size) / self.dim).astype(np.float32)
        for _ in range(self.rounds):
            student = self._solved(taken, self.course)
            self.course = self._solved(by_course, student)
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Score the courses; see ``RecommenderBaseline.scores``."""
        return self._solved(bags(histories), self.course) @ self.course.T

    def _solved(self, rows: Any, other: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the best vector of each row, the other side held fixed; shape (rows, dim)."""
        gram = self.unobserved * (other.T @ other)
        counts = np.diff(rows.indptr)
        weight = (counts + self.unobserved * len(other)) ** self.scaling * self.penalty
        found = np.zeros((rows.shape[0], self.dim), np.float32)
        outer = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1)
        for first in range(0, rows.shape[0], ROWS):
            some = slice(first, first + ROWS)
            block = rows[some]
            systems = (block @ outer).reshape(-1, self.dim, self.dim) + gram
            systems[:, range(self.dim), range(self.dim)] += weight[some, None]
            found[some] = np.linalg.solve(systems, (block @ other)[:, :, None])[:, :, 0]
        return found
