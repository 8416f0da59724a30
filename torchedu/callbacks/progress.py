"""How far training is, how fast, and how good, while one waits."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar
from rich.progress import TimeRemainingColumn
from rich.table import Column
from torch import Tensor

from torchedu.callbacks.notebook import NotebookLine
from torchedu.parallel import traits_of


@runtime_checkable
class Counting(Protocol):
    """What a task tells of how far it is; see ``Task``."""

    counts: str
    monitor: str

    @property
    def counted(self) -> Tensor:
        """How much has counted in the loss so far in this epoch, on this rank."""

    @property
    def mean_loss(self) -> Tensor:
        """The mean training loss so far in this epoch, of this rank."""


class AnswersProgressBar(RichProgressBar):
    """A progress bar with the time left, answers (or tokens, say) a second and the latest score.

    Where the output is no terminal (a log file, a cluster's job), it prints one line an epoch; in a
    notebook it is a line that is written over.
    """

    def __init__(self) -> None:
        super().__init__(leave=False)
        self._drawn = sys.stdout.isatty()
        if not self._drawn:
            self.disable()
        self._line = NotebookLine.here()
        self._before: float | None = None
        self._began = time.perf_counter()

    @classmethod
    def unless_off(cls, usual: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a command's usual trainer without this bar, where none or another is asked for.

        Args:
            usual: Arguments of a trainer that the command adds to, ``callbacks`` among them.
            asked: Those that the user gave.

        Returns:
            ``usual``, with other callbacks.
        """
        given = asked["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        other = any(isinstance(callback, ProgressBar) for callback in given)
        off = asked["enable_progress_bar"] is False or other
        kept = [
            callback for callback in usual["callbacks"] if not (off and isinstance(callback, cls))
        ]
        return {**usual, "callbacks": kept}

    def configure_columns(self, trainer: Trainer) -> list[Any]:
        """Return what a line of the terminal has: what is done, its bar, how far, how long."""
        done, bar, batches, *_ = super().configure_columns(trainer)
        return [done, bar, batches, TimeRemainingColumn()]

    def _init_progress(self, trainer: Trainer) -> None:
        super()._init_progress(trainer)
        if (
            self._metric_component is not None
        ):  # in one line with the bar, which is the one to give way
            self._metric_component._table_column = Column(no_wrap=True)

    def _get_train_description(self, current_epoch: int) -> str:
        return f"{_epoch(self.trainer, current_epoch):{len(self.validation_description)}}"

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Begin to count."""
        super().on_train_epoch_start(trainer, module)
        self._before = None
        self._began = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note where the epoch's count begins: after a resume it is not nothing."""
        super().on_train_batch_start(trainer, module, batch, batch_idx)
        if self._before is None:
            self._before = float(module.counted) if isinstance(module, Counting) else 0.0

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Show the line of the validation in the place of the epoch's: there is one line."""
        super().on_validation_start(trainer, module)
        self._show_epoch(False)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Print a line for the epoch where no bar can be drawn."""
        super().on_validation_end(trainer, module)
        self._show_epoch(True)
        if trainer.is_global_zero and not trainer.sanity_checking and not self._drawn:
            beside = self.get_metrics(trainer, module)
            if self._line is None:
                shown = ", ".join(f"{k} {v}" for k, v in beside.items())
                print(f"{_epoch(trainer)}: {shown}", flush=True)
            else:
                self._line.show(_epoch(trainer), 1, 1, beside, now=True)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how far the epoch is."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._line is not None and trainer.is_global_zero:
            beside = self.get_metrics(trainer, pl_module)
            self._line.show(_epoch(trainer), batch_idx + 1, trainer.num_training_batches, beside)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Say how far the scoring is."""
        super().on_test_batch_end(trainer, pl_module, outputs, batch, batch_idx, dataloader_idx)
        self._scoring(trainer, batch_idx, trainer.num_test_batches)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Say how far the scoring is."""
        super().on_predict_batch_end(trainer, pl_module, outputs, batch, batch_idx, dataloader_idx)
        self._scoring(trainer, batch_idx, trainer.num_predict_batches)

    def _show_epoch(self, visible: bool) -> None:
        if self.progress is not None and self.train_progress_bar_id is not None:
            self.progress.update(self.train_progress_bar_id, visible=visible)

    def _scoring(self, trainer: Trainer, batch_idx: int, batches: Sequence[float]) -> None:
        if self._line is not None and trainer.is_global_zero:
            self._line.show("scoring", batch_idx + 1, sum(batches), {})

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return what is shown beside the bar."""
        if not isinstance(pl_module, Counting):
            return {}
        seconds = time.perf_counter() - self._began
        counted = (float(pl_module.counted) - (self._before or 0)) * traits_of(trainer).shares
        shown: dict[str, Any] = {
            f"{pl_module.counts}/s": f"{counted / max(seconds, 1e-9):,.0f}",
            "train/loss": f"{float(pl_module.mean_loss):.4f}",
        }
        if pl_module.monitor in trainer.callback_metrics:
            shown[pl_module.monitor] = f"{trainer.callback_metrics[pl_module.monitor]:.4f}"
        return shown


def _epoch(trainer: Trainer, number: int | None = None) -> str:
    """Return the number of an epoch, from 1; that of the current one where it is None."""
    epochs = trainer.max_epochs if trainer.max_epochs not in (None, -1) else "?"
    return f"epoch {1 + (trainer.current_epoch if number is None else number)} of {epochs}"
