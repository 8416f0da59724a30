"""What every data module does: the limits of its options, and its loaders."""

from abc import ABC, abstractmethod
from pathlib import Path

from lightning import LightningDataModule

from torchedu.datamodules.stream import Batches, BatchStream, EpochLoader, ranks_of
from torchedu.datasets import Store
from torchedu.datasets.order import Order
from torchedu.errors import ConfigError
from torchedu.schema import Vocabulary


class DataModule(LightningDataModule, ABC):
    """Data as batches in an exact order.

    A subclass opens ``store`` and writes ``training`` and ``evaluation``.

    Attributes:
        store: The data.
        vocabulary: The names in whose ids its batches are.
        name: What reports call it.

    Args:
        path: Where the data stands, if anywhere.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.

    Raises:
        ConfigError: A value is out of range.
    """

    store: Store
    vocabulary: Vocabulary

    def __init__(self, path: str | None, seed: int, num_workers: int) -> None:
        super().__init__()
        at_least(("num_workers", num_workers, 0), ("seed", seed, 0))
        self.path = path
        self.name = "" if path is None else Path(path).stem
        self.seed = seed
        self.num_workers = num_workers

    @abstractmethod
    def training(self) -> tuple[Batches, Order]:
        """Return what builds the training batches, and their order."""

    @abstractmethod
    def evaluation(self, part: str | None) -> tuple[Batches, Order]:
        """Return what builds the batches of a part, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; None for what is predicted by default.
        """

    def __str__(self) -> str:
        """Say what the data is; Lightning's own text takes loaders apart."""
        return f"{type(self).__name__}: {self.name}, {self.store.summary}"

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part."""
        return len(self.training()[1])

    def train_dataloader(self) -> EpochLoader:
        """Return the training batches, in another order each epoch."""
        return self.loader(*self.training())

    def val_dataloader(self) -> EpochLoader:
        """Return the validation batches."""
        return self.part_dataloader("val")

    def test_dataloader(self) -> EpochLoader:
        """Return the test batches."""
        return self.part_dataloader("test")

    def predict_dataloader(self) -> EpochLoader:
        """Return the batches of what is predicted by default."""
        return self.part_dataloader(None)

    def part_dataloader(self, part: str | None) -> EpochLoader:
        """Return the batches of a part.

        Args:
            part: ``train``, ``val`` or ``test``; None for what is predicted by default.
        """
        return self.loader(*self.evaluation(part))

    def loader(self, batches: Batches, order: Order) -> EpochLoader:
        """Return the batches that the trainer's rank takes.

        Args:
            batches: Builds a batch.
            order: Which windows come when.
        """
        stream = BatchStream(batches, order, *ranks_of(self.trainer))
        return EpochLoader(
            stream, self.num_workers, lambda: self.trainer.current_epoch if self.trainer else 0
        )


def at_least(*options: tuple[str, float, float]) -> None:
    """Refuse an option below its least value.

    Args:
        options: The name of each, its value, and the least that it may be.

    Raises:
        ConfigError: One is below.
    """
    for name, value, least in options:
        if value < least:
            raise ConfigError(f"{name} is {value}.", f"It is at least {least}.")
