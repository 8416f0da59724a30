"""What every baseline can do: fit on some students, predict the answers of others."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import Answers, ragged_index
from torchedu.errors import DataError
from torchedu.schema import RESERVED


class Baseline(ABC):
    """A model without gradients that a network has to beat to be worth its cost.

    Attributes:
        name: What reports call it.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, answers: Answers) -> Self:
        """Learn from the histories of the training students.

        Args:
            answers: The histories; marks are 0, 1 or a share of the marks.

        Returns:
            The baseline itself.

        Raises:
            DataError: There are no answers.
        """

    @abstractmethod
    def predict(self, answers: Answers) -> NDArray[np.float32]:
        """Predict every answer from the same student's answers before it.

        Args:
            answers: The histories, with ids of the vocabulary that was fitted or of one grown from
                it; what it has in addition is unknown to the baseline.

        Returns:
            The probability that the answer is right (the expected share of the marks); shape
            (answers,).
        """


def histories(answers: Answers, students: NDArray[np.int64]) -> Answers:
    """Return the histories of some students.

    Args:
        answers: The histories of all.
        students: Their rows, in the order wanted.

    Returns:
        Copies of their answers; the lists of skills are shared.
    """
    index, offsets = ragged_index(answers.offsets, students)
    return answers._replace(
        offsets=offsets,
        item=answers.item[index],
        correct=answers.correct[index],
        time=None if answers.time is None else answers.time[index],
    )


def hold_out(answers: Answers, share: float, seed: int) -> tuple[Answers, Answers]:
    """Divide students at random, so that a setting is chosen on students who were not fitted.

    Args:
        answers: The histories of the training students.
        share: Share of the students to hold out, 0..1.
        seed: Seed of the draw.

    Returns:
        The histories to fit, then those held out; where there is one student, all and none.
    """
    students = len(answers.offsets) - 1
    drawn = np.random.default_rng(seed).permutation(students)
    held = min(max(round(share * students), 1), max(students - 1, 0))
    return histories(answers, np.sort(drawn[held:])), histories(answers, np.sort(drawn[:held]))


def cross_entropy(probability: NDArray[Any], correct: NDArray[Any]) -> float:
    """Return the mean log loss of predictions, by which settings are chosen."""
    p = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(correct * np.log(p) + (1 - correct) * np.log1p(-p)))


def base_rate(answers: Answers, name: str) -> float:
    """Return the mean mark of all answers, drawn half an answer towards one half.

    Args:
        answers: The histories of the training students.
        name: Who asks, for the message.

    Returns:
        A share strictly inside 0..1, whatever the marks.

    Raises:
        DataError: There are no answers.
    """
    if not len(answers.item):
        raise DataError(
            f"The baseline {name} got no answers to learn from.",
            "Check that the training part of the split holds students with answers.",
        )
    return (float(answers.correct.sum(dtype=np.float64)) + 0.5) / (len(answers.item) + 1)


def named(ids: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Say which ids are names of a fitted vocabulary: neither reserved nor added since."""
    return (ids >= RESERVED) & (ids < size)


def sum_by(ids: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return the sum of the values of each id below ``size``; shape (size,)."""
    sums: NDArray[Any] = np.bincount(ids, values, size)
    return sums
