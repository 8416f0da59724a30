"""What every baseline of course recommendation can do: fit on some histories, score the courses."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.datasets.enrolments import Enrolled
from torchedu.errors import DataError
from torchedu.schema import RESERVED


class RecommenderBaseline(ABC):
    """A recommender without gradients that a network has to beat to be worth its cost.

    Attributes:
        name: What reports call it.
        gives_logs: Whether its scores are logarithms of chances, and no chances or near ones.
    """

    name: ClassVar[str]
    gives_logs: ClassVar[bool] = False

    @abstractmethod
    def fit(self, enrolled: Enrolled) -> Self:
        """Learn from the training part.

        Args:
            enrolled: The students' courses.

        Returns:
            The baseline itself.

        Raises:
            DataError: There are no enrolments.
        """

    @abstractmethod
    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Say how well each course would go on a student's history.

        Args:
            histories: The courses so far, with ids of the vocabulary that was fitted.

        Returns:
            A score of every course id, the higher the likelier; shape (students, num_items). Those
            of reserved ids, and of courses already taken, mean nothing.
        """


def lags(enrolled: Enrolled, lag: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the enrolments that have another one a number of places before them, and that one.

    Args:
        enrolled: The students' courses.
        lag: How many places before, at least 1.

    Returns:
        Two indices of ``enrolled.item``; shape (pairs,) each.
    """
    lengths = np.diff(enrolled.offsets)
    place = np.arange(len(enrolled.item)) - np.repeat(enrolled.offsets[:-1], lengths)
    later = np.flatnonzero(place >= lag)
    return later, later - lag


def newness(enrolled: Enrolled, recency: float) -> NDArray[np.float32]:
    """Return how much each enrolment counts, 1 on average, the newest of each student the most.

    What is to be recommended is newer than all that is learned from, and what students take
    changes.

    Args:
        enrolled: The histories.
        recency: Counted back from a student's newest enrolment, the nth weighs 1 / n ** recency.

    Returns:
        Shape (enrolments,).
    """
    places = np.arange(len(enrolled.item))
    back = np.repeat(enrolled.offsets[1:], np.diff(enrolled.offsets)) - places
    weights = back ** np.float64(-recency)
    return (weights / weights.mean()).astype(np.float32)


def recent(histories: Enrolled, weights: NDArray[np.float32]) -> sparse.csr_array:
    """Return each history as a weighted bag of its last courses.

    Args:
        histories: The courses so far.
        weights: The weight of the last course, of the last but one and so on; shape (W,).

    Returns:
        Shape (students, num_items).
    """
    lengths = np.minimum(np.diff(histories.offsets), len(weights))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    lag = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)
    at = np.repeat(histories.offsets[1:], lengths) - 1 - lag
    shape = (len(lengths), histories.num_items)
    return sparse.csr_array((weights[lag], histories.item[at], bounds), shape=shape)


def refuse_nothing(enrolled: Enrolled, name: str) -> None:
    """Refuse to learn from no enrolments.

    Raises:
        DataError: There are none.
    """
    if not (enrolled.item >= RESERVED).any():
        raise DataError(
            f"The baseline {name} got no enrolments to learn from.",
            "Check that the training part of the split holds students with courses.",
        )
