"""What every baseline can do, whatever the task: learn from data, predict what the task asks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import DataError

Data = TypeVar("Data", contravariant=True)
Predicted = TypeVar("Predicted", covariant=True)
Ladders = Mapping[str, Sequence[float]]
"""Values in ascending order that may be chosen, by name; at least one each."""
PATIENCE = 1
"""Values of a ladder that may be no better before a walk turns back."""


class Baseline(ABC, Generic[Data, Predicted]):
    """A model without gradients that a network has to beat to be worth its cost.

    What it learns from and what it predicts are its task's: ``docs/add_a_baseline.md`` has the
    table. One that is to suit data of any size takes candidates for what it cannot know (see
    ``Tuned``), chooses among them with ``settle`` on data that it holds out, and then learns from
    all.

    Attributes:
        name: What reports call it.
        gives_logs: Whether it predicts logarithms of chances, and not chances or near ones.
        chosen: What it chose among its candidates, by name.
    """

    name: str
    gives_logs: bool = False
    chosen: Mapping[str, float] = MappingProxyType({})

    @abstractmethod
    def fit(self, data: Data) -> Self:
        """Learn.

        Args:
            data: The training part, its outcomes included.

        Returns:
            The baseline itself.

        Raises:
            DataError: There is nothing to learn from.
        """

    @abstractmethod
    def predict(self, data: Data) -> Predicted:
        """Predict what the task asks.

        Args:
            data: What is asked about, with ids of the vocabulary that was fitted or of one grown
                from it. No prediction may depend on the outcome that it is for, nor on later ones.
        """


@dataclass(eq=False)
class Tuned(Baseline[Data, Predicted]):
    """A baseline whose arguments are fields, some of them candidates that it chooses among.

    Attributes:
        candidates: The names of these; what is dear to change comes first.
        ladders: Their values, in ascending order; the middle ones stand until some are chosen.
    """

    candidates: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Begin with the middle ones."""
        self.ladders: Ladders = {name: vars(self)[name] for name in self.candidates}
        self.chosen = middle(self.ladders)


def settle(ladders: Ladders, loss: Callable[..., float]) -> dict[str, float]:
    """Choose a value of each ladder, so that together they have the least loss that is found.

    The first ladder is walked from its middle, up and down, until ``PATIENCE`` values and one more
    were no better; the others are settled alike at each of its steps. Losses along a ladder of
    penalties fall and rise once, but for noise, so that few of many values need be tried.

    Args:
        ladders: Names, and the values that may be chosen, each near its neighbours; what is dear
            to change comes first.
        loss: What is to be least, given a value of each ladder by name. It is not asked where each
            ladder has one value only.

    Returns:
        The values chosen, by name.
    """
    if all(len(ladder) == 1 for ladder in ladders.values()):
        return middle(ladders)
    return _settled(list(ladders.items()), {}, loss)[0]


def _settled(
    ladders: Sequence[tuple[str, Sequence[float]]],
    fixed: dict[str, float],
    loss: Callable[..., float],
) -> tuple[dict[str, float], float]:
    if not ladders:
        return fixed, loss(**fixed)
    (name, ladder), *rest = ladders

    def at(place: int) -> tuple[dict[str, float], float]:
        return _settled(rest, {**fixed, name: ladder[place]}, loss)

    best = at(len(ladder) // 2)
    for step in (1, -1):
        place, worse = len(ladder) // 2 + step, 0
        while 0 <= place < len(ladder) and worse <= PATIENCE:
            other = at(place)
            better = other[1] < best[1]
            best, worse = (other, 0) if better else (best, worse + 1)
            place += step
    return best


def middle(ladders: Ladders) -> dict[str, float]:
    """Return the values that are used where nothing can be held out to choose by."""
    return {name: ladder[len(ladder) // 2] for name, ladder in ladders.items()}


def hold_out(owner: NDArray[Any], share: float, most: int, seed: int) -> NDArray[np.bool_]:
    """Draw rows to choose by, all rows of an owner together.

    Args:
        owner: Whose each row is, such as its student's; shape (rows,).
        share: Share of the owners to hold out, 0..1.
        most: Number of rows that need not be exceeded by more than an owner's.
        seed: Seed of the draw.

    Returns:
        Which rows are held out: none of a single owner's, unless the share is 1; shape (rows,).
    """
    owners, place = np.unique(owner, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(owners))
    held = min(max(round(share * len(owners)), 1), max(len(owners) - (share < 1), 0))
    rows = np.bincount(place, minlength=len(owners))
    held = min(held, int(np.searchsorted(np.cumsum(rows[drawn]), most)) + 1)
    drawn_rows: NDArray[np.bool_] = np.isin(place, drawn[:held])
    return drawn_rows


def cross_entropy(probability: NDArray[Any], correct: NDArray[Any]) -> float:
    """Return the mean log loss of predictions of what is 0, 1 or a share."""
    return float(log_losses(probability, correct).mean())


def log_losses(probability: NDArray[Any], correct: NDArray[Any]) -> NDArray[np.float64]:
    """Return the log loss of each prediction of what is 0, 1 or a share; shape (rows,)."""
    p = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    losses: NDArray[np.float64] = -(correct * np.log(p) + (1 - correct) * np.log1p(-p))
    return losses


def refuse_one_kind(outcome: NDArray[Any], name: str, noun: str) -> None:
    """Refuse outcomes that are all alike, from which nothing can be learnt.

    Args:
        outcome: The outcomes; shape (rows,).
        name: What the baseline is called.
        noun: What the outcomes are, in the plural.

    Raises:
        DataError: They are.
    """
    if len(np.unique(outcome)) < 2:
        raise DataError(
            f"The baseline {name} got {noun} of one kind only.",
            f"Train on data with {noun} of several kinds.",
        )
