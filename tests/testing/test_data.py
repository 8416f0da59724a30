"""The check of data passes torchedu's own and names each thing that is wrong."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import torchedu.datamodules
from tests.testing.examples import Examples
from torchedu.companions import Companions
from torchedu.datamodules import Interactions
from torchedu.datamodules.base import DataModule
from torchedu.datamodules.stream import EpochLoader
from torchedu.datasets.order import Order
from torchedu.testing import ContractError, check_data
from torchedu.testing.data import DATA_CONTRACTS


def discovered() -> list[str]:
    return [
        name
        for name, kind in inspect.getmembers(torchedu.datamodules, inspect.isclass)
        if issubclass(kind, DataModule) and not inspect.isabstract(kind)
    ]


@pytest.mark.parametrize("name", discovered())
def test_data_keeps_the_contract(name: str, examples: Examples) -> None:
    assert name in examples.makers, f"give tests/testing/examples.py small data for {name}"
    check_data(examples(name), examples.companions(name))


class NumbersOfNumpy(Interactions):
    @property
    def num_items(self) -> Any:
        return np.int64(super().num_items)


class TooFewItems(Interactions):
    @property
    def num_items(self) -> int:
        return super().num_items - 1


class LongerThanSaid(Interactions):
    longest = "context"


class ValidatesOnTraining(Interactions):
    def evaluation(self, part: str | None) -> tuple[Any, Order]:
        return super().evaluation("train" if part == "val" else part)


class ScoresNothing(Interactions):
    def evaluation(self, part: str | None) -> tuple[Any, Order]:
        batches, order = super().evaluation(part)
        return (lambda index, scored=True: batches(index, False)), order


class LosesABatch(Interactions):
    def training(self) -> tuple[Any, Order]:
        batches, order = super().training()
        return batches, Shorter(order.lengths, order.batch_size, order.seed)


class Shorter(Order):
    def __len__(self) -> int:
        return super().__len__() - 1

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        return super().epoch(epoch)[1:]


class ScoresTheContextToo(Interactions):
    def evaluation(self, part: str | None) -> tuple[Any, Order]:
        batches, order = super().evaluation(part)
        windows = batches.windows
        batches.windows = windows._replace(first=windows.start)
        return batches, order


class DividesByNothing(Interactions):
    def training(self) -> tuple[Any, Order]:
        batches, order = super().training()
        return Counting(batches), order


class Counting:
    """Batches of windows that say that they are empty."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.windows = batches.windows._replace(stop=batches.windows.first)

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> Any:
        return self.batches(index, scored)


class DrawsAnew(Interactions):
    def training(self) -> tuple[Any, Order]:
        batches, order = super().training()
        order.seed = int(np.random.randint(1000))  # noqa: NPY002
        return batches, order


class AlwaysTheSame(Interactions):
    def training(self) -> tuple[Any, Order]:
        batches, order = super().training()
        return batches, Still(order.lengths, order.batch_size, order.seed)


class Still(Order):
    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        return super().epoch(0)


class ShufflesEvaluation(Interactions):
    def evaluation(self, part: str | None) -> tuple[Any, Order]:
        batches, order = super().evaluation(part)
        return batches, Order(order.lengths, 5)


class Miscounts(Interactions):
    @property
    def steps_per_epoch(self) -> int:
        return super().steps_per_epoch + 1


class BeginsAgain(Interactions):
    def loader(self, batches: Any, order: Order) -> EpochLoader:
        loader = super().loader(batches, order)
        loader.load_state_dict = lambda state: None  # type: ignore[method-assign]
        return loader


class GivesTheSameTwice(Interactions):
    def training(self) -> tuple[Any, Order]:
        batches, order = super().training()
        return Remembering(batches), order


class Remembering:
    """Batches that are made once."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.windows = batches.windows
        self.made: dict[tuple[bytes, bool], Any] = {}

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> Any:
        key = index.tobytes(), scored
        return self.made.setdefault(key, self.batches(index, scored))


class KeepsItsNames(Interactions):
    def use(self, companions: Companions) -> None:
        """Go on with one's own names."""


class MapsByPlace(Interactions):
    def use(self, companions: Companions) -> None:
        super().use(companions)
        self.store.vocabulary = companions.vocabulary


BROKEN = {
    NumbersOfNumpy: "sizes",
    TooFewItems: "sizes",
    LongerThanSaid: "longest",
    ValidatesOnTraining: "parts",
    ScoresNothing: "parts",
    LosesABatch: "once",
    ScoresTheContextToo: "once",
    DividesByNothing: "mean_over",
    DrawsAnew: "exact_order",
    AlwaysTheSame: "exact_order",
    ShufflesEvaluation: "still_evaluation",
    Miscounts: "steps",
    BeginsAgain: "resumes",
    GivesTheSameTwice: "unshared",
    KeepsItsNames: "other_names",
    MapsByPlace: "other_names",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_data_is_caught_by_its_contract(kind: type[Interactions], class_store: Path) -> None:
    data = kind(str(class_store), batch_size=8, window=20, context=5)
    with pytest.raises(ContractError) as caught:
        check_data(data)
    assert caught.value.contract == BROKEN[kind], caught.value


def test_every_contract_has_data_that_breaks_it_and_says_what_it_asks() -> None:
    assert set(BROKEN.values()) == set(DATA_CONTRACTS)
    assert all(contract.__doc__ for contract in DATA_CONTRACTS.values())
