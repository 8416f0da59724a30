"""What a task is of itself, whatever trains it: names, loss, outcome and predictions."""

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchedu.companions import Companions
from torchedu.domains.building import Net, builder, described
from torchedu.domains.of_data import OfData
from torchedu.domains.rows import finite_of
from torchedu.errors import CheckpointError, ConfigError
from torchedu.layers import VocabularyTable
from torchedu.models.network import Network
from torchedu.people import People
from torchedu.ranges import NOT_NEGATIVE, Ranged
from torchedu.schema import Vocabulary
from torchedu.sections import Section

if TYPE_CHECKING:
    from torchmetrics import Metric

Schedule = Literal["constant", "one_cycle"]


class Domain(Ranged, nn.Module, ABC, metaclass=OfData):
    """A network with its loss, scores and predictions; no trainer is needed, and none imported.

    A subclass keeps every argument as an attribute of the same name, builds ``net`` and ``metrics``
    and writes ``loss``, ``outcome``, ``predict`` and ``pseudonyms``. With ``torchedu.tasks.Task``
    as a further base it is a LightningModule, which any trainer trains.

    Attributes:
        net: The network.
        companions: What the weights belong to; None before it has met data.
        sparse: Whether tables of names have sparse gradients.
        epoch: The pass over the training part that is going on, ``step`` the optimizer's; from 0.
        started: Whether weights were taken over from another run.
        people: Whom the weights were trained on, here or before; None where that is not known.
        finite: While a batch is scored, whether each row of what the network gave is finite, shape
            (B,) each time; None where nobody asks.
        monitor: The score, the higher the better, that chooses the best epoch and ends training.
        counts: What its loss is a mean over.
        compares: What data has to hold for that score to be defined, in words.
        sizes: Arguments that are sizes of the data, each an attribute of its data module.
        binds: The kinds of names that its weights belong to, each with the size that counts them
            (or nothing); a kind that ends in ``.`` stands for all that begin with it.
        fixed: Kinds of names of which data has to have the same.
        unknown: What becomes of names of a kind that the network lacks, as users are told.
        nets: What its networks are.
        keys: Columns of what ``predict`` returns that say what a prediction is of, by which they
            are ordered; the first column where it names none.
        baselines: Classes of ``torchedu.baselines.Baseline`` that it is scored beside, where no
            evaluation of its own is registered: each is fitted to the columns that are predicted of
            the training part, and gives some of them anew (see ``scored``).
        use_for: What the task is for, as a model card says it.
        not_for: What it must not be used for.
        trained_by: Arguments that say how it is trained, not what it is.
        usual: What the command line takes where nothing else is said: import paths of ``net`` and
            ``data``, and ``init_args`` of the task.

    Args:
        lr: Learning rate of AdamW, or of row-wise Adagrad.
        weight_decay: Its weight decay.
        schedule: Of the learning rate of AdamW: ``constant`` keeps it; ``one_cycle`` raises it to
            ``lr`` over the first tenth of all steps and lowers it to nothing by the last.
        sparse: Give tables of names sparse gradients, and step with row-wise Adagrad in place of
            AdamW: for tables of which a batch touches little.
    """

    section = "model"
    limits: ClassVar = dict.fromkeys(("lr", "weight_decay"), NOT_NEGATIVE)
    net: Network
    monitor: ClassVar[str] = "val/auc"
    counts: ClassVar[str] = "answers"
    compares: ClassVar[str] = ""
    sizes: ClassVar[tuple[str, ...]] = ()
    binds: ClassVar[Mapping[str, str]] = {}
    fixed: ClassVar[tuple[str, ...]] = ()
    unknown: ClassVar[Mapping[str, str]] = {}
    nets: ClassVar[type[Network]] = Network
    keys: ClassVar[tuple[str, ...]] = ()
    baselines: ClassVar[tuple[type[Any], ...]] = ()
    use_for: ClassVar[str] = ""
    not_for: ClassVar[str] = ""
    trained_by: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "schedule")
    usual: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, lr: float, weight_decay: float, schedule: Schedule, sparse: bool = False
    ) -> None:
        super().__init__()
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.sparse = sparse
        self.companions: Companions | None = None
        self.epoch = self.step = 0
        self.started = False
        self.people: People | None = None
        self.finite: list[Tensor] | None = None

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The names that the weights belong to; None before it has met data."""
        return None if self.companions is None else self.companions.vocabulary

    @property
    def metrics(self) -> "Metric":
        """What the scores are computed by: what was set, or ``scoring`` when it is first asked for.

        torchmetrics is slow to import, and a trained network in use scores nothing.
        """
        if "metrics" not in self._modules:
            device = next((x.device for x in self.net.parameters() if not x.is_meta), None)
            self._modules["metrics"] = self.scoring().to(device or "cpu")
        return cast("Metric", self._modules["metrics"])

    @metrics.setter
    def metrics(self, metrics: "Metric") -> None:
        self._modules["metrics"] = metrics

    def scoring(self) -> "Metric":
        """Return what ``metrics`` is, where a task does not set it as it is built."""
        raise NotImplementedError(f"{type(self).__name__} has no metrics")

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the summed loss of what counts in each row of a batch, and how many that is.

        Args:
            batch: A batch, whose tensors all have B as their first dimension.

        Returns:
            The sums and the numbers; shape (B,) each.
        """

    @abstractmethod
    def outcome(self, batch: Any) -> tuple[Tensor, ...]:
        """Return what ``metrics.update`` takes: predictions, truth, and what counts in a batch."""

    @abstractmethod
    def predict(self, batch: Any) -> Any:
        """Return what is said of a batch: a named tuple of columns of equal length."""

    @abstractmethod
    def pseudonyms(self, batch: Any) -> list[str]:
        """Name each row of a batch as its owner can find it, and nobody else the person."""

    def read(self, rows: Any) -> Any:
        """Return rows in Python as a batch, where a task has no engine (``torchedu.engine``).

        Args:
            rows: Dicts, or a table; ``torchedu.readers.rows`` makes columns of either.
        """
        raise ConfigError(
            f"{type(self).__name__} reads no rows.",
            "Write its method read(rows), which returns a batch, or an engine that serves it.",
        )

    def scored(self, predicted: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        """Return the scores of predicted columns, by which baselines stand beside the network.

        Args:
            predicted: The columns that ``predict`` returned, some of them a baseline's.

        Returns:
            By the names that ``metrics`` gives them; none where a task is set beside nothing.
        """
        return {}

    def sections(self, data: Any, predicted: Mapping[str, NDArray[Any]]) -> Sequence[Section]:
        """Return sections of one's own for the report, from what was predicted of a part.

        Args:
            data: The data module.
            predicted: The columns that ``predict`` returned, in the order of ``keys``.
        """
        return ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move it, or give it another type: what is counted beside the network keeps its own."""
        beside = [part for name, part in self.named_modules() if name.partition(".")[0] != "net"]
        before = [(part, name, x) for part in beside for name, x in part._buffers.items()]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for part, name, x in before:
            now = part._buffers[name]
            if x is not None and now is not None and now.dtype != x.dtype:
                part._buffers[name] = x.to(now.device)
        return self

    def forward(self, batch: Any) -> Any:
        """Return what the network gives for a batch."""
        given = self.net(batch)
        if self.finite is not None:
            self.finite.append(self.finite_rows(batch, given))
        return given

    def output(self, batch: Any) -> dict[str, Tensor]:
        """Return what an export gives other programs for a batch: tensors by name.

        It is what ``forward`` gives by default, as ``output``, or ``output_0`` and so on. Fields of
        the batch that are not read may hold nothing.
        """
        given = tree_leaves(self(batch))
        names = ["output"] if len(given) == 1 else [f"output_{i}" for i in range(len(given))]
        return dict(zip(names, given, strict=True))

    def finite_rows(self, batch: Any, given: Any) -> Tensor:
        """Say of each row of a batch whether what the network gave for it is finite; shape (B,).

        Args:
            batch: The batch.
            given: What ``forward`` returns: tensors that have B as their first dimension.
        """
        numbers = [
            x for x in tree_leaves(given) if isinstance(x, Tensor) and x.dtype.is_floating_point
        ]
        return torch.stack([finite_of(x) for x in numbers]).all(0)

    @property
    def by_batch(self) -> str:
        """Why its loss is another one where ranks or accumulated batches share a step, if it is."""
        return ""

    def penalty(self) -> Tensor | float:
        """Return what is added to the mean loss of a step: the network's own term by default."""
        return self.net.penalty()

    def built(self, net: object, base: Callable[..., Net], *sizes: Any) -> Net:
        """Return a network with tables as this task steps them.

        Args:
            net: What builds it, or its description in a checkpoint.
            base: What it has to be.
            *sizes: Its first arguments.
        """
        network = builder(net, base)(*sizes)
        if self.sparse:
            for module in network.modules():
                if isinstance(module, nn.Embedding):
                    module.sparse = True
        return network

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this task again, as plain values by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names} | {"net": described(self.net)}

    def computed(self, fitting: bool) -> dict[str, Any]:
        """Return the scores of all outcomes since the last time, and begin anew.

        Args:
            fitting: Whether they are of the validation part, while training.
        """
        scores: dict[str, Any] = self.metrics.compute()
        self.metrics.reset()
        return scores

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return what the optimizer steps, by learning rate where that differs from ``lr``."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return [{"params": trained, "lr": self.lr * self.net.lr_share}]

    def agree(self, data: Any, training: bool) -> None:
        """Agree with data on sizes, names and lengths, and learn what it says before training.

        Args:
            data: A data module.
            training: Whether training is to begin or to go on.

        Raises:
            ConfigError: Its sizes or lengths are not the network's.
            CheckpointError: It lacks what the network reads, or means something else by it; see
                ``Companions.agree``.
        """
        data.suit(self.net)
        most = self.net.max_history
        length = getattr(data, data.longest) if data.longest else 0
        if most is not None and length > most:
            raise ConfigError(
                f"⟦data.{data.longest}⟧ of {length} is longer than the network's {most} steps.",
                f"Set ⟦data.{data.longest}⟧ to at most {most}, or build a network that takes more.",
            )
        own = data.own.bound(tuple(self.binds), self.fixed)
        known = self.companions
        if known is not None and known != own:
            for note in known.agree(own, self.unknown):
                self.tell(note)
            known = known.learnt(own) if training else known
            data.use(known)
        for size in self.sizes:
            # Where names are known, what they count may differ: they are mapped.
            if self.companions is None or size not in self.binds.values():
                self.check_size(size, getattr(self, size), getattr(data, size))
        fresh, self.companions = self.companions is None, known or own
        if fresh or training:
            facts = data.facts(self.net)  # of which what is kept with the weights may be one
            self.take_facts(data, fresh)
            self.net.learn(facts, fresh and not self.started)

    def tell(self, note: str) -> None:
        """Let a user know of something that is no mistake."""
        logging.getLogger(__name__).info(note)

    def check_size(self, size: str, known: Any, given: Any) -> None:
        """Refuse data of another size than the network's.

        Args:
            size: One of ``sizes``.
            known: The network's.
            given: The data's.

        Raises:
            ConfigError: They do not go together.
        """
        if known != given:
            raise ConfigError(
                f"the network has {size} {known}, the data {given}.",
                f"Build it with the data's {size}, or give data with the same.",
            )

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Take from data what this task keeps with the weights; nothing by default.

        Args:
            data: A data module, whose batches are in the network's names.
            fresh: Whether no data was met before.
        """

    def check_companions(self, companions: Companions) -> None:
        """Refuse those of a checkpoint that does not go with this network; none by default."""

    def take(self, companions: Companions) -> None:
        """Take what the weights of a checkpoint belong to, before these are taken.

        Args:
            companions: The checkpoint's.

        Raises:
            CheckpointError: The data in use says otherwise.
        """
        other = self.companions and companions.difference(self.companions)
        if other:
            raise CheckpointError(
                f"the checkpoint belongs to other data than this: {other}.",
                "To go on with new data, start from it with ⟦init_from⟧; its names then grow.",
            )
        self.companions = companions

    def sizes_of(self, vocabulary: Vocabulary) -> dict[str, int]:
        """Return the sizes that a vocabulary gives the network."""
        return {
            size: sum(len(vocabulary[kind]) for kind in vocabulary.family(bound))
            for bound, size in self.binds.items()
            if size
        }

    def grown(self, names: Vocabulary) -> Self:
        """Return this task with parameters for new names, to go on with other data.

        Args:
            names: The names of that data; those that are known keep their parameters, new ones
                start afresh.

        Returns:
            A new task, whose vocabulary is this one's with the new names at its end.
        """
        assert self.companions is not None
        new_names = {kind: names[kind] for bound in self.binds for kind in names.family(bound)}
        known = self.companions.vocabulary
        companions = self.companions.grown(Vocabulary(new_names))
        vocabulary = companions.vocabulary
        new = type(self)(**{**self.arguments(), **self.sizes_of(vocabulary)})
        new.take(companions)
        state, weights = new.state_dict(), self.state_dict()
        families = {
            f"{name}.weight": module.kind
            for name, module in self.named_modules()
            if isinstance(module, VocabularyTable) and module.kind.endswith(".")
        }
        for name, value in weights.items():
            if name in families:  # where one kind has grown, the rows of the next ones have moved
                rows = known.family_rows(vocabulary, families[name])
                known_rows = value[: len(rows)]  # a table of no names has a row too
                state[name][rows] = known_rows.to(state[name].dtype)
            else:
                state[name][tuple(slice(size) for size in value.shape)] = value
        return new
