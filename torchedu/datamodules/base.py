"""What every data module does: the limits of its options, and its loaders."""

import hashlib
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from lightning import LightningDataModule

from torchedu.companions import Companions
from torchedu.datamodules.stored import stored
from torchedu.datamodules.stream import Batches, BatchStream, EpochLoader, ranks_of
from torchedu.datasets import Store
from torchedu.datasets.order import Order
from torchedu.errors import ConfigError
from torchedu.models import Network
from torchedu.schema import Vocabulary

S = TypeVar("S", bound=Store)


class DataModule(LightningDataModule, ABC):
    """Data as batches in an exact order.

    A subclass opens ``store`` (see ``stored``) and writes ``training`` and ``evaluation``. Nothing
    is imported or opened before it is first asked for.

    Attributes:
        name: What reports call it.
        batch_size: Windows in a global batch; None where the data cuts its batches itself.
        longest: The option that says how long a batch's rows are at most; none where none does.

    Args:
        path: Where the data stands, if anywhere.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.

    Raises:
        ConfigError: A value is out of range.
    """

    longest: ClassVar[str] = ""
    name: str
    batch_size: int | None

    def __init__(self, path: str | None, seed: int, num_workers: int) -> None:
        super().__init__()
        at_least(("num_workers", num_workers, 0), ("seed", seed, 0))
        self.path = path
        self.name = "" if path is None else Path(path).stem
        self.seed = seed
        self.num_workers = num_workers

    @cached_property
    @abstractmethod
    def store(self) -> Store:
        """The data, made of raw files first where that was not done yet."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names in whose ids its batches are."""
        return self.store.vocabulary

    @cached_property
    def digest(self) -> str:
        """What tells its content from any other, wherever it stands: a hash in 64 digits."""
        files = json.dumps(self.store.manifest["files"], sort_keys=True)
        return hashlib.sha256(files.encode()).hexdigest()

    def prepare_data(self) -> None:
        """Import raw files, once a host; a size that a network asks for does so before."""
        _ = self.store

    def stored(
        self, kind: type[S], format: str | None = None, options: Mapping[str, Any] | None = None
    ) -> S:
        """Open the store at ``path``, or import the raw files there; see ``stored.stored``.

        Args:
            kind: What the store has to hold.
            format: The format of raw files, where the user said it.
            options: The importer's options that the data module has as arguments.
        """
        assert self.path is not None
        arguments = inspect.signature(type(self)).parameters
        return stored(kind, self.path, format, options or {}, arguments)

    @abstractmethod
    def training(self) -> tuple[Batches, Order]:
        """Return what builds the training batches, and their order."""

    @abstractmethod
    def evaluation(self, part: str | None) -> tuple[Batches, Order]:
        """Return what builds the batches of a part, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; None for what is predicted by default.
        """

    def use(self, companions: Companions) -> None:
        """Give batches as a trained network's weights need them: in the ids of its names, say.

        Args:
            companions: What the weights belong to.
        """
        self.vocabulary = companions.vocabulary

    def facts(self, net: Network) -> Any:
        """Return what a network learns from the data before training; None by default.

        Args:
            net: It; see ``Network.learn``.
        """
        return None

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
            option = f"data.{name}"
            raise ConfigError(
                f"⟦{option}⟧ is {value}.", f"It is at least {least}.", option=option, value=value
            )
