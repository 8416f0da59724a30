"""Linear models of which courses are taken together: EASE and item nearest neighbours."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from torchedu.baselines.baseline import Tuned
from torchedu.baselines.recommendation import (
    Scores,
    bags,
    recent,
    refuse_nothing,
    settle_next,
    together,
)
from torchedu.datasets.enrolments import Enrolled

PENALTIES = (
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
)  # fmt: skip
"""An L2 penalty is chosen among these: the best has been seen at 20 and at 1,000."""


@dataclass(eq=False)
class EASE(Tuned[Enrolled, Scores]):
    """The embarrassingly shallow autoencoder: each course from all others, in closed form.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019,
    https://arxiv.org/abs/1905.03375. Deviation: with ``decay`` the history that is scored is
    weighted by how recent each course is, 1 / lag ** decay; the paper weighs all alike.

    Args:
        penalty: Candidates for the L2 penalty lambda, ascending. The one that ranks last courses
            held out of the training part best is used; then all is fitted.
        decay: Candidates for how fast older courses lose weight; 0 is the paper's.
    """

    name = "EASE"
    candidates = ("penalty", "decay")

    penalty: tuple[float, ...] = PENALTIES
    decay: tuple[float, ...] = (0.0,)

    def fit(self, enrolled: Enrolled) -> Self:
        """Choose, and solve for the weights; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name, matrices=5)

        def learn(rest: Enrolled, asked: Enrolled) -> Callable[..., Scores]:
            solved = lru_cache(1)(partial(_ease, together(rest)))
            return lambda penalty, decay: _faded(asked, decay) @ solved(penalty)

        self.chosen = settle_next(self.ladders, enrolled, learn)
        self.weights = _ease(together(enrolled), self.chosen["penalty"])
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Score the courses; see ``Scores``."""
        return np.asarray(_faded(enrolled, self.chosen["decay"]) @ self.weights)


@dataclass(eq=False)
class RecentEASE(EASE):
    """EASE whose scored history is weighted by how recent each course is."""

    name = "EASE, recent first"

    decay: tuple[float, ...] = (0.25, 0.5, 1.0, 1.5, 2.0)


@dataclass(eq=False)
class ItemKNN(Tuned[Enrolled, Scores]):
    """Courses most often taken together with those of the history, by shrunk cosine.

    Sarwar et al., "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001.

    Args:
        neighbours: Candidates for how many neighbours of a course count, ascending; chosen with
            the next as EASE's penalty is.
        shrink: Candidates for what is added to each denominator, so that rare pairs weigh less.
    """

    name = "item-kNN"
    candidates = ("shrink", "neighbours")

    neighbours: tuple[int, ...] = (10, 20, 50, 100, 200, 500, 1000)
    shrink: tuple[float, ...] = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

    def fit(self, enrolled: Enrolled) -> Self:
        """Choose, and find each course's neighbours; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name, matrices=4)

        def learn(rest: Enrolled, asked: Enrolled) -> Callable[..., Scores]:
            alike, taken = lru_cache(1)(partial(_alike, together(rest))), bags(asked)
            return lambda shrink, neighbours: (
                taken @ _nearest(alike(shrink), neighbours)
            ).toarray()

        self.chosen = settle_next(self.ladders, enrolled, learn)
        alike_all = _alike(together(enrolled), self.chosen["shrink"])
        self.weights = _nearest(alike_all, self.chosen["neighbours"])
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Score the courses; see ``Scores``."""
        return np.asarray((bags(enrolled) @ self.weights).toarray())


def _ease(gram: NDArray[np.float64], penalty: float) -> NDArray[np.float32]:
    """Return the weights of each course for all others; shape (num_items, num_items)."""
    factor = gram.copy()
    factor[np.diag_indices_from(factor)] += penalty
    factor, _ = linalg.cho_factor(factor, lower=False, overwrite_a=True, check_finite=False)
    upper, _ = linalg.lapack.dpotri(factor, lower=0, overwrite_c=1)
    inverse = np.triu(upper)
    inverse += np.triu(inverse, 1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)


def _faded(enrolled: Enrolled, decay: float) -> sparse.csr_array:
    """Return each history as a bag in which older courses weigh less."""
    longest = int(np.diff(enrolled.offsets).max(initial=1))
    return recent(enrolled, np.arange(1, longest + 1, dtype=np.float32) ** np.float32(-decay))


def _alike(gram: NDArray[np.float64], shrink: float) -> NDArray[np.float32]:
    """Return the shrunk cosine of each pair of courses; shape (num_items, num_items)."""
    norm = np.sqrt(np.diag(gram))
    alike = gram / np.maximum(np.outer(norm, norm) + shrink, 1e-9)
    np.fill_diagonal(alike, 0.0)
    return alike.astype(np.float32)


def _nearest(alike: NDArray[np.float32], neighbours: float) -> sparse.csr_array:
    """Return the likenesses of each course's nearest neighbours."""
    most = min(int(neighbours), len(alike) - 1)
    least = np.partition(alike, -most, axis=0)[-most]
    return sparse.csr_array(np.where(alike >= least, alike, 0))
