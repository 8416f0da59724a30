"""The steps of training and evaluation, written once for every task."""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, Literal, TypeVar

import torch
from lightning import LightningModule
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics import Metric

from torchedu.callbacks import RandomState
from torchedu.errors import CheckpointError
from torchedu.schema import Vocabulary

T = TypeVar("T")
Schedule = Literal["constant", "one_cycle"]


class Task(LightningModule, ABC):
    """A network with its loss, metrics and predictions.

    A subclass builds ``net`` and ``metrics`` and writes ``loss``, ``outcome`` and ``predict_step``.
    Logged are ``train/loss`` and, for ``val`` and ``test``, what ``metrics`` computes; all are
    means over what counts (answers, say), never over batches.

    Args:
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: nn.Module
    metrics: Metric

    def __init__(self, lr: float, weight_decay: float, schedule: Schedule) -> None:
        super().__init__()
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the summed loss of what counts in a batch, and how many that is."""

    def penalty(self) -> Tensor | float:
        """Return what is added to the mean loss of a step, such as a prior on parameters."""
        return 0.0

    @abstractmethod
    def grown(self, names: Vocabulary) -> "Task":
        """Return this task with parameters for new names, to go on with other data."""

    @abstractmethod
    def outcome(self, batch: Any) -> tuple[Tensor, ...]:
        """Return what ``metrics.update`` takes: predictions, truth, and what counts in a batch."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return a batch's part of the step's mean loss."""
        total, count = self.loss(batch)
        own = count.clamp(min=1)
        self.log(
            "train/loss",
            total.detach() / own,
            on_step=False,
            on_epoch=True,
            batch_size=int(own),
            sync_dist=True,
        )
        # Ranks and accumulated batches of unequal size are averaged with equal weight after this,
        # so each divides by the same share of the step's answers and not by its own number.
        return total / batch.mean_over_B[0] + self.penalty()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the validation part."""
        self.metrics.update(*self.outcome(batch))

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the whole validation part."""
        self._log_scores("val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the test part."""
        self.metrics.update(*self.outcome(batch))

    def on_test_epoch_end(self) -> None:
        """Log the scores of the whole test part."""
        self._log_scores("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say which task wrote the checkpoint."""
        checkpoint["task"] = class_path(type(self))

    def configure_callbacks(self) -> list[Callback]:
        """Return what makes an interrupted run go on exactly, under any trainer."""
        return [RandomState()]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule; the command line or a subclass may give others."""
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        cycle = OneCycleLR(optimizer, self.lr, total_steps=steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def _log_scores(self, split: str) -> None:
        scores = self.metrics.compute()
        self.metrics.reset()
        known = {f"{split}/{name}": value for name, value in scores.items() if value is not None}
        self.log_dict(known, sync_dist=True)  # the same on every rank, and so is their mean


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
