"""The steps of training and evaluation, written once for every task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

import torch
from lightning import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics import Metric

from torchedu.callbacks import Advice, GradientGuard, HungRank, RandomState
from torchedu.callbacks.gradients import clip, of_one_mesh
from torchedu.checkpoints import read_usable
from torchedu.errors import CheckpointError
from torchedu.schema import Vocabulary
from torchedu.sections import Section

T = TypeVar("T")
Schedule = Literal["constant", "one_cycle"]


class Task(LightningModule, ABC):
    """A network with its loss, metrics and predictions.

    A subclass builds ``net`` and ``metrics`` and writes ``loss``, ``outcome`` and ``predict_step``.
    Logged are ``train/loss`` and, for ``val`` and ``test``, what ``metrics`` computes; all are
    means over what counts (answers, say), never over batches. The ``train/loss`` of an epoch that
    was interrupted is that of the whole epoch.

    Attributes:
        monitor: The score, the higher the better, that chooses the best epoch and ends training.
        counts: What its loss is a mean over.
        sizes: Arguments that are sizes of the data, each an attribute of its data module.
        nets: What its networks are.
        trained_by: Arguments that say how it is trained, not what it is.
        keys: Columns of what ``predict_step`` returns that say what a prediction is of, by which
            predictions are ordered; the first column where it names none.
        use_for: What the task is for, as a model card says it.
        not_for: What it must not be used for.
        usual: What the command line takes where nothing else is said: import paths of ``net`` and
            ``data``, and ``init_args`` of the task.

    Args:
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: nn.Module
    metrics: Metric
    monitor: ClassVar[str] = "val/auc"
    counts: ClassVar[str] = "answers"
    sizes: ClassVar[tuple[str, ...]] = ()
    nets: ClassVar[type[nn.Module]] = nn.Module
    trained_by: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "schedule")
    keys: ClassVar[tuple[str, ...]] = ()
    use_for: ClassVar[str] = ""
    not_for: ClassVar[str] = ""
    usual: ClassVar[dict[str, Any]] = {}

    def __init__(self, lr: float, weight_decay: float, schedule: Schedule) -> None:
        super().__init__()
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self._sums = torch.zeros(2, dtype=torch.float64)  # of this epoch: loss, and what counted
        self._logged_at = -1
        self._position: list[Any] = []  # of the loader, where a run goes on

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the summed loss of what counts in each row of a batch, and how many that is.

        Args:
            batch: A batch, whose tensors all have B as their first dimension.

        Returns:
            The sums and the numbers; shape (B,) each.
        """

    @abstractmethod
    def pseudonyms(self, batch: Any) -> list[str]:
        """Name each row of a batch as its owner can find it, and nobody else the person."""

    def penalty(self) -> Tensor | float:
        """Return what is added to the mean loss of a step, such as a prior on parameters."""
        return 0.0

    @abstractmethod
    def grown(self, names: Vocabulary) -> "Task":
        """Return this task with parameters for new names, to go on with other data."""

    def suit(self, data: LightningDataModule) -> None:
        """Let data that was asked for nothing else cut its batches as they suit the network."""

    @abstractmethod
    def outcome(self, batch: Any) -> tuple[Tensor, ...]:
        """Return what ``metrics.update`` takes: predictions, truth, and what counts in a batch."""

    def sections(
        self, data: LightningDataModule, predicted: Mapping[str, NDArray[Any]]
    ) -> Sequence[Section]:
        """Return sections of one's own for the report, from what was predicted of a part.

        Args:
            data: The data.
            predicted: The columns that ``predict_step`` returned, in the order of ``keys``.
        """
        return ()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return a batch's part of the step's mean loss."""
        loss_B, count_B = self.loss(batch)
        self.note(loss_B, count_B)
        return self.share(batch, loss_B)

    @torch.no_grad()
    def note(self, loss_B: Tensor, count_B: Tensor) -> None:
        """Add what ``loss`` returned to the mean of the epoch."""
        self._sums[0] += loss_B.sum()
        self._sums[1] += count_B.sum()

    def share(self, batch: Any, loss_B: Tensor) -> Tensor:
        """Return what the losses of rows of a batch add to the step's mean loss."""
        # Ranks and accumulated batches of unequal size are averaged with equal weight after this,
        # so each divides by the same share of the step's answers and not by its own number.
        part = loss_B.sum() / batch.mean_over_B[0] + self.penalty()
        # Times one: a loss that is not finite makes its gradients so, which every rank then sees.
        return part * (1 + 0 * part.detach())

    def on_fit_start(self) -> None:
        """Keep the sums where the losses are."""
        if self.device.type != "mps":  # Apple's GPUs have no float64
            self._sums = self._sums.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Begin the mean of an epoch."""
        self._sums.zero_()

    @property
    def mean_loss(self) -> Tensor:
        """The mean training loss so far in this epoch, of this rank; NaN before its first batch."""
        return self._sums[0] / self._sums[1]

    @property
    def counted(self) -> Tensor:
        """How much has counted in the loss so far in this epoch, on this rank: answers, say."""
        return self._sums[1]

    def on_train_epoch_end(self) -> None:
        """Log the mean training loss of an epoch that ended without a validation."""
        if self._logged_at != self.trainer.global_step:
            mean = self._whole_mean()
            self.log("train/loss", mean, logger=False, sync_dist=True)
            # By the module's log, the row would come after the checkpoint that ends the epoch.
            step = self.trainer.global_step - 1
            row = {"train/loss": float(mean), "epoch": self.current_epoch}
            for logger in self.loggers:
                logger.log_metrics(row, step)

    def _whole_mean(self) -> Tensor:
        """Return the mean training loss of this epoch so far, over all ranks."""
        self._logged_at = self.trainer.global_step
        total, count = self.trainer.strategy.reduce(self._sums.clone(), reduce_op="sum")
        return cast(Tensor, total / count)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the validation part."""
        self.metrics.update(*self.outcome(batch))

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the whole validation part, and the training loss so far."""
        self._log_scores("val")
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            self.log("train/loss", self._whole_mean(), sync_dist=True)  # the same on every rank

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the test part."""
        self.metrics.update(*self.outcome(batch))

    def on_test_epoch_end(self) -> None:
        """Log the scores of the whole test part."""
        self._log_scores("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say which task wrote the checkpoint, and how far the mean of its epoch has come."""
        checkpoint["task"] = class_path(type(self))
        sums = self._sums.clone()
        if self._trainer is not None:
            sums = self._trainer.strategy.reduce(sums, reduce_op="sum")
            # Ranks that share one copy of the network have each counted the same.
            share = self._trainer.distributed_sampler_kwargs or {"num_replicas": 1}
            sums *= share["num_replicas"] / self._trainer.world_size
        checkpoint["loss_sums"] = sums.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the mean of the epoch, and in steps of as many accumulated batches as now."""
        if self._trainer is None:
            return
        loops = checkpoint.get("loops", {})
        self._position = loops.get("fit_loop", {}).get("state_dict", {}).get("combined_loader", [])
        share = self._trainer.distributed_sampler_kwargs or {"rank": 0}
        if share["rank"] == 0:  # on every rank that takes the first share of the batches
            saved = checkpoint.get("loss_sums", [0.0, 0.0])
            self._sums.copy_(torch.tensor(saved, dtype=self._sums.dtype))
        _rescale(loops, self._trainer.accumulate_grad_batches)

    def on_train_start(self) -> None:
        """Put the loader where the checkpoint stood, before its first batch is drawn.

        Lightning does so itself, but not where the loader was asked for before, as a schedule does
        that needs to know the number of steps.
        """
        loader: Any = self.trainer.train_dataloader
        if len(self._position) == 1 and hasattr(loader, "load_state_dict"):
            loader.load_state_dict(self._position[0])
        self._position = []

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]  # on the class alone, as Lightning has it
        cls,
        checkpoint_path: str | Path,
        map_location: Any = "cpu",
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **arguments: Any,
    ) -> Self:
        """Open a checkpoint that this task wrote; nothing in it is executed.

        Args:
            checkpoint_path: The file; where it is damaged, the newest other one of its run is used.
            map_location: Where its tensors go, as ``torch.load`` has it.
            hparams_file: As Lightning has it.
            strict: As Lightning has it.
            weights_only: Of no effect; nothing but weights and plain values is ever read.
            **arguments: Take the place of saved ones.

        Returns:
            The task.

        Raises:
            CheckpointError: It cannot be used, or is an address.
        """
        read = read_usable(checkpoint_path, map_location)
        file: Path | BytesIO = read.file
        if read.in_parts:  # Lightning opens one file
            file = BytesIO()
            torch.save(read.content, file)
            file.seek(0)
        return super().load_from_checkpoint(
            file, map_location, hparams_file, strict, weights_only=True, **arguments
        )

    def configure_callbacks(self) -> list[Callback]:
        """Return what every run has, under any trainer, unless the trainer has its own."""
        own = (RandomState(), GradientGuard(), HungRank(), Advice())
        given = {type(callback) for callback in self.trainer.callbacks}  # type: ignore[attr-defined]
        return [callback for callback in own if type(callback) not in given]

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients, by the norm of what all devices keep of them."""
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        by_norm = gradient_clip_algorithm in (None, "norm")
        if gradient_clip_val and by_norm and len(of_one_mesh(parameters)) > 1:
            clip(parameters, gradient_clip_val)  # torch's own knows one mesh
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule; the command line or a subclass may give others."""
        groups = self.parameter_groups()
        optimizer = torch.optim.AdamW(groups, self.lr, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        most = [group["lr"] for group in optimizer.param_groups]
        rise = 0.1 if steps != 10 else 0.2  # a tenth of ten is a rise of no length to torch
        cycle = OneCycleLR(optimizer, most, total_steps=steps, pct_start=rise)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return what AdamW steps, by learning rate where that differs from ``lr``."""
        return [{"params": [one for one in self.parameters() if one.requires_grad]}]

    def _log_scores(self, split: str) -> None:
        scores = self.metrics.compute()
        self.metrics.reset()
        known = {f"{split}/{name}": value for name, value in scores.items() if value is not None}
        self.log_dict(known, sync_dist=True)  # the same on every rank, and so is their mean


def _rescale(loops: dict[str, Any], accumulate: int) -> None:
    """Count the batches of a checkpoint's epoch as this run divides them.

    Lightning counts what one rank takes at once. A global batch is one step whatever it is divided
    into, and the checkpoint stands between two steps.
    """
    fit = loops.get("fit_loop", {})
    for loader in fit.get("state_dict", {}).get("combined_loader", []):
        saved = loader.get("accumulate", accumulate)
        for progress in (fit["epoch_loop.batch_progress"][k] for k in ("total", "current")):
            taken = progress["ready"]
            for name in progress:  # what is not yet completed stays so
                progress[name] += taken * accumulate // saved - taken


def class_path(kind: type) -> str:
    """Return the import path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def class_by_path(path: str, base: type[T], noun: str) -> type[T]:
    """Return the class that a checkpoint names.

    Its module is imported, and nothing but a class of the kind expected is ever returned.

    Args:
        path: The import path.
        base: What the class has to be.
        noun: What to call it in an error.

    Returns:
        The class.

    Raises:
        CheckpointError: There is no such class, or it is of another kind.
    """
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise CheckpointError(
            f"the checkpoint's {noun} {path!r} cannot be imported.",
            "Install the package that defines it, or put its folder on PYTHONPATH.",
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise CheckpointError(
            f"the checkpoint names {path!r}, which is no {noun} of torchedu.",
            "Use a checkpoint written by torchedu.",
        )
    return kind
