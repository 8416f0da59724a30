"""iALS: matrix factorisation of implicit feedback by alternating least squares.

Hu et al., "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008,
https://doi.org/10.1109/ICDM.2008.22, with the regularisation of Rendle et al., "Revisiting the
Performance of iALS on Item Recommendation Benchmarks", RecSys 2022,
https://arxiv.org/abs/2110.14037.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines.baseline import Tuned
from torchedu.baselines.recommendation import Scores, bags, of_students, refuse_nothing, settle_next
from torchedu.datasets.enrolments import Enrolled

ROWS = 4096
"""Rows whose systems are solved together."""
CHOSEN_ON = 10_000
"""Students at most on whom the penalty and the weight are chosen."""


@dataclass(eq=False)
class IALS(Tuned[Enrolled, Scores]):
    """A vector a course by alternating least squares; a student's is solved from their history.

    A student who was not fitted is treated like one who was: the vector is the best one for the
    courses so far, with the courses' vectors held fixed.

    Args:
        dim: Width of the vectors.
        unobserved: Candidates for the weight of a course not taken, beside 1 of one taken,
            ascending; chosen with the next as EASE's penalty is, on some of the students.
        penalty: Candidates for the L2 penalty, scaled by how much data a row has, to the power
            ``scaling``.
        scaling: 0 is the paper's of 2008, 1 scales in full.
        rounds: How often both sides are solved.
        seed: Decides where the vectors start.
    """

    name = "iALS"
    candidates = ("unobserved", "penalty")

    dim: int = 32
    unobserved: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    penalty: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
    scaling: float = 1.0
    rounds: int = 5
    seed: int = 0

    def fit(self, enrolled: Enrolled) -> Self:
        """Choose, and solve both sides in turn; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name)
        students = len(enrolled.offsets) - 1
        some = np.random.default_rng(self.seed).permutation(students)[:CHOSEN_ON]

        def learn(rest: Enrolled, asked: Enrolled) -> Callable[..., Scores]:
            taken, own = bags(rest), bags(asked)

            def scores(**setting: float) -> Scores:
                course = self._courses(taken, **setting)
                return self._solved(own, course, **setting) @ course.T

            return scores

        few = of_students(enrolled, np.sort(some))
        self.chosen = settle_next(self.ladders, few, learn, self.seed)
        self.course = self._courses(bags(enrolled), **self.chosen)
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Score the courses; see ``Scores``."""
        return self._solved(bags(enrolled), self.course, **self.chosen) @ self.course.T

    def _courses(self, taken: Any, unobserved: float, penalty: float) -> NDArray[np.float32]:
        """Return a vector a course; shape (num_items, dim)."""
        by_course = sparse.csr_array(taken.T)
        size = (taken.shape[1], self.dim)
        drawn = np.random.default_rng(self.seed).standard_normal(size) / self.dim
        course = drawn.astype(np.float32)
        for _ in range(self.rounds):
            student = self._solved(taken, course, unobserved, penalty)
            course = self._solved(by_course, student, unobserved, penalty)
        return course

    def _solved(
        self, rows: Any, other: NDArray[np.float32], unobserved: float, penalty: float
    ) -> NDArray[np.float32]:
        """Return the best vector of each row, the other side held fixed; shape (rows, dim)."""
        gram = unobserved * (other.T @ other)
        counts = np.diff(rows.indptr)
        weight = (counts + unobserved * len(other)) ** self.scaling * penalty
        vectors = np.zeros((rows.shape[0], self.dim), np.float32)
        outer = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1)
        for first in range(0, rows.shape[0], ROWS):
            some = slice(first, first + ROWS)
            block = rows[some]
            systems = (block @ outer).reshape(-1, self.dim, self.dim) + gram
            systems[:, range(self.dim), range(self.dim)] += weight[some, None]
            vectors[some] = np.linalg.solve(systems, (block @ other)[:, :, None])[:, :, 0]
        return vectors
