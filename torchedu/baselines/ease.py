"""Linear models of which courses are taken together: EASE and item nearest neighbours."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from torchedu.baselines.recommender import RecommenderBaseline, recent, refuse_nothing
from torchedu.datasets.enrolments import Enrolled


class EASE(RecommenderBaseline):
    """The embarrassingly shallow autoencoder: each course from all others, in closed form.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019,
    https://arxiv.org/abs/1905.03375. Deviation: with ``decay`` the history that is scored is
    weighted by how recent each course is, 1 / lag ** decay; the paper weighs all alike.

    Args:
        penalty: The L2 penalty lambda.
        decay: How fast older courses lose weight; 0 is the paper's.
    """

    name = "EASE"

    def __init__(self, penalty: float = 50.0, decay: float = 0.0) -> None:
        self.penalty = penalty
        self.decay = decay

    def fit(self, enrolled: Enrolled) -> Self:
        """Solve for the weights; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
        gram = together(enrolled)
        gram[np.diag_indices_from(gram)] += self.penalty
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self.weights = weights.astype(np.float32)
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Score the courses; see ``RecommenderBaseline.scores``."""
        longest = int(np.diff(histories.offsets).max(initial=1))
        weights = np.arange(1, longest + 1, dtype=np.float32) ** np.float32(-self.decay)
        return np.asarray(recent(histories, weights) @ self.weights)


class RecentEASE(EASE):
    """EASE whose scored history is weighted by how recent each course is."""

    name = "EASE, recent first"

    def __init__(self, penalty: float = 50.0, decay: float = 1.0) -> None:
        super().__init__(penalty, decay)


class ItemKNN(RecommenderBaseline):
    """Courses most often taken together with those of the history, by shrunk cosine.

    Sarwar et al., "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001.

    Args:
        neighbours: How many neighbours of a course count.
        shrink: Added to each denominator, so that rare pairs weigh less.
    """

    name = "item-kNN"

    def __init__(self, neighbours: int = 100, shrink: float = 20.0) -> None:
        self.neighbours = neighbours
        self.shrink = shrink

    def fit(self, enrolled: Enrolled) -> Self:
        """Find each course's neighbours; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
        gram = together(enrolled)
        norm = np.sqrt(np.diag(gram))
        alike = gram / (np.outer(norm, norm) + self.shrink)
        np.fill_diagonal(alike, 0.0)
        most = min(self.neighbours, len(alike) - 1)
        least = np.partition(alike, -most, axis=0)[-most]
        self.weights = sparse.csr_array(np.where(alike >= least, alike, 0).astype(np.float32))
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Score the courses; see ``RecommenderBaseline.scores``."""
        return np.asarray((bags(histories) @ self.weights).toarray())


def bags(enrolled: Enrolled) -> sparse.csr_array:
    """Return which courses each student has taken; shape (students, num_items)."""
    ones = np.ones(len(enrolled.item), np.float32)
    shape = (len(enrolled.offsets) - 1, enrolled.num_items)
    return sparse.csr_array((ones, enrolled.item, enrolled.offsets), shape=shape)


def together(enrolled: Enrolled) -> NDArray[np.float64]:
    """Return how many students took each pair of courses; shape (num_items, num_items)."""
    taken = bags(enrolled)
    return np.asarray((taken.T @ taken).toarray(), np.float64)
