"""What every data module does: the limits of its options, and its loaders."""

import hashlib
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

import numpy as np
from lightning import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from numpy.typing import NDArray

from torchedu.companions import Companions
from torchedu.datamodules.frames import Frame, Place, in_file
from torchedu.datamodules.stored import stored
from torchedu.datamodules.stream import Batches, BatchStream, EpochLoader, ranks_of
from torchedu.datasets import AnswerStore, Store
from torchedu.datasets.order import Order
from torchedu.datasets.splits import Part
from torchedu.errors import ConfigError, allowed, worded
from torchedu.leaks import Finding, check
from torchedu.models import Network
from torchedu.people import People
from torchedu.ranges import COUNT, NOT_NEGATIVE, SEED, Range, Ranged
from torchedu.schema import Vocabulary

S = TypeVar("S", bound=Store)
Options = dict[str, str | float | list[str]]
"""Options of an importer by name, as words of a command or as Python has them."""
Seen = Literal["drop", "refuse", "keep"]
MOST_WORKERS = 256
"""Processes beyond which no machine builds batches faster."""
SEEN = ("drop", "refuse", "keep")

NAMES = 50_000
"""Names that are in memory at once."""
LOOKED_AT = 1_000_000
"""Answers, of whole students, among which leaks are looked for before training and scoring: so it
takes no more memory than that."""


class Known:
    """The names by which rows are recognised, some of which are in memory at a time.

    Args:
        store: The data.
        rows: Which rows.
    """

    def __init__(self, store: Store, rows: NDArray[Any]) -> None:
        self._store, self._rows = store, rows
        self._named = bool(store.known_as(rows[:1]))

    def __len__(self) -> int:
        """Return how many there are: none where the data has no names."""
        return len(self._rows) if self._named else 0

    def __iter__(self) -> Iterator[str]:
        """Yield them in order."""
        for begin in range(0, len(self), NAMES):
            yield from self._store.known_as(self._rows[begin : begin + NAMES])


class DataModule(Ranged, LightningDataModule, ABC):
    """Data as batches in an exact order.

    A subclass opens ``store`` (see ``stored``) and writes ``training`` and ``evaluation``. Nothing
    is imported or opened before it is first asked for.

    Attributes:
        name: What reports call it.
        batch_size: Windows in a global batch; None where the data cuts its batches itself.
        whom: What its parts are made of.
        left_out: How many of them are not scored, since training has used them, by part.
        longest: The option that says how long a batch's rows are at most; none where none does.

    Args:
        path: Where the data stands, if anywhere; or a table in memory, such as a DataFrame.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether those whom training has used are scored: ``drop`` leaves them out, ``refuse``
            ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range.
    """

    longest: ClassVar[str] = ""
    whom: ClassVar[str] = "students"
    section = "data"
    limits: ClassVar = {
        "batch_size": COUNT,
        "context": NOT_NEGATIVE,
        "num_workers": Range(0, MOST_WORKERS),
        "seed": SEED,
        "window": Range(2),
    }
    name: str
    batch_size: int | None

    def __init__(
        self, path: Place | None, seed: int, num_workers: int, seen: Seen = "drop"
    ) -> None:
        super().__init__()
        if seen not in SEEN:
            raise ConfigError(
                f"⟦data.seen⟧ is {seen!r}.", allowed(str(seen), SEEN),
                option="data.seen", value=seen, allowed=SEEN,
            )  # fmt: skip
        self.seen = seen
        self._looked_for: set[str] = set()
        self._learned: DataModule | None = None
        self.left_out: dict[str, int] = {}
        if path is not None:
            path = in_file(path, self) if isinstance(path, Frame) else str(path)
        self.path = path
        self.name = "" if path is None else Path(path).stem
        self.seed = seed
        self.num_workers = num_workers

    @cached_property
    @abstractmethod
    def store(self) -> Store:
        """The data, made of raw files first where that was not done yet."""

    @cached_property
    def own(self) -> Companions:
        """What the data says of itself: its names, and what else weights may belong to."""
        return Companions(self.store.vocabulary)

    @property
    def answered(self) -> NDArray[np.float32] | None:
        """How often each item was answered in the training part, by its id; None of other data."""
        return None

    @cached_property
    def companions(self) -> Companions:
        """What its batches belong to: its own, or what a trained network's weights do."""
        return self.own

    def _repr_html_(self) -> str:
        """Show in a notebook what it holds, and how much."""
        rows = "".join(
            f"<tr><td>{escape(kind)}</td><td>{len(list(self.store.vocabulary[kind])):,}</td></tr>"
            for kind in self.store.vocabulary.kinds
        )
        said = f"<p><b>{escape(self.name)}</b>: {escape(self.store.summary)}</p>"
        return f"{said}<table><tr><th>names of</th><th>number</th></tr>{rows}</table>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The names in whose ids its batches are."""
        return self.companions.vocabulary

    @cached_property
    def digest(self) -> str:
        """What tells its content from any other, wherever it stands: a hash in 64 digits."""
        files = json.dumps(self.store.manifest["files"], sort_keys=True)
        return hashlib.sha256(files.encode()).hexdigest()

    def ask(self) -> None:
        """Take rows that only ask as questions, where data of this kind may have such."""

    @property
    def features_digest(self) -> str | None:
        """What tells vectors that a frozen model made of its texts from others; None without any.

        They are made first where that was not done yet, by all ranks together.
        """
        return None

    def prepare_data(self) -> None:
        """Import raw files, once a host; a size that a network asks for does so before."""
        _ = self.store

    def stored(
        self,
        kind: type[S],
        format: str | None = None,
        options: Mapping[str, Any] | None = None,
        out: str | None = None,
    ) -> S:
        """Open the store at ``path``, or import the raw files there; see ``stored.stored``.

        Args:
            kind: What the store has to hold.
            format: The format of raw files, where the user said it.
            options: The importer's options.
            out: Where the store of raw files is made, where the user said it.
        """
        assert self.path is not None
        arguments = inspect.signature(type(self)).parameters
        return stored(kind, self.path, format, options or {}, arguments, out)

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
        self.companions = companions

    def suit(self, net: Network) -> None:
        """Give batches that suit a network, where nothing else was asked for.

        Args:
            net: It.
        """

    def facts(self, net: Network) -> Any:
        """Return what a network learns from the data before training; None by default.

        Args:
            net: It; see ``Network.learn``.
        """
        return None

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """The parts ``train``, ``val`` and ``test``: rows of the store, or a ``Part`` each."""
        return {}

    @property
    def learned(self) -> Self:
        """The data that network and baselines learn from: itself, where nothing else was said."""
        return self if self._learned is None else cast(Self, self._learned)

    def follow(self, learned: "DataModule", divided: bool = False) -> None:
        """Become what a network is scored on that was trained on other data of its kind.

        All of it is then the test part, or what it names as such itself. Baselines learn, and
        thresholds and the like are chosen, where the network was trained.

        Args:
            learned: The data that it was trained on, as divided then.
            divided: Whether this data stays divided as its options say.
        """
        self._learned = learned
        parts = None if divided else self.whole()
        if parts is not None:
            none = Part(*(column[:0] for column in parts)) if isinstance(parts, Part) else parts[:0]
            self.parts = {"train": none, "val": none, "test": parts}

    def whole(self) -> Any:
        """Return all that can be scored, or what the data itself names as its test part.

        None where a kind of data has no way to say so: it stays divided as its options say.
        """
        return None

    @cached_property
    def findings(self) -> list[Finding]:
        """What may make scores on it too good; see ``torchedu.leaks.check``."""
        return check(self.store, self.parts, most=LOOKED_AT)

    def tell_leaks(self) -> None:
        """Say once what may make scores too good."""
        if "leaks" not in self._looked_for:
            for finding in self.findings:
                rank_zero_info(worded(f"Look here first: {finding}"))
            if isinstance(self.store, AnswerStore) and self.store.num_answers > LOOKED_AT:
                rank_zero_info(
                    f"Leaks were looked for in {LOOKED_AT:,} of {self.store.num_answers:,} "
                    f"answers, of whole students; in all: torchedu data check {self.store.path}"
                )
        self._looked_for.add("leaks")

    def names_of(self, part: str) -> "Known":
        """Return by what names those of a part are recognised, in its order."""
        whole = self.parts.get(part, np.empty(0, np.int64))
        return Known(self.store, whole.student if isinstance(whole, Part) else whole)

    def people(self, before: People | None) -> People | None:
        """Return whom training uses; None where they have no names.

        Args:
            before: Those of the network that it begins with, who are kept.
        """
        names = {part: self.names_of(part) for part in ("train", "val")}
        if not names["train"]:
            return before
        return People.of({part: (names[part], self._span(part)[1]) for part in names}, before)

    def leave_out(self, people: People | None, part: str) -> None:
        """Take out of a part that is scored whom a network was trained on, as ``seen`` says.

        Args:
            people: Whom it was trained on; None where that is not known.
            part: ``val`` or ``test``.

        Raises:
            ConfigError: There are some, and ``seen`` refuses them; or nobody would be left.
        """
        met_before = part in self._looked_for
        self._looked_for.add(part)
        if people is None or met_before or not (names := self.names_of(part)):
            return
        met = people.met(part, names, self._span(part)[0])
        if not met.any():
            return
        text = f"training has used {met.sum():,} of the {len(met):,} {self.whom} of the {part} part"
        if self.seen == "keep":
            rank_zero_warn(f"{text}, who are scored with the others: scores are too high.")
            return
        if self.seen == "refuse" or met.all():
            raise ConfigError(
                f"{text}.",
                "Give data or the split that it was not trained on, leave them out with "
                "⟦data.seen⟧ drop, or score them all the same with ⟦data.seen⟧ keep.",
                option="data.seen", value=self.seen, allowed=SEEN,
            )  # fmt: skip
        rank_zero_info(f"{text.capitalize()}: these are left out.")
        self.left_out[part] = int(met.sum())
        whole = self.parts[part]
        some = Part(*(column[~met] for column in whole)) if isinstance(whole, Part) else whole[~met]
        self.parts = {**self.parts, part: some}

    def _span(self, part: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the histories of a part are scored from, and to; 0 and 1 without any."""
        whole = self.parts[part]
        if isinstance(whole, Part):
            return np.asarray(whole.first, np.int64), np.asarray(whole.stop, np.int64)
        return np.zeros(len(whole), np.int64), np.ones(len(whole), np.int64)

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
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return EpochLoader(
            stream,
            self.num_workers,
            lambda: self.trainer.current_epoch if self.trainer else 0,
            pinned=on_gpu,
        )
