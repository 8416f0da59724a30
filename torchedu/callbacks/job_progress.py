"""How far a run is, told to the job that it belongs to."""

import os
import threading
import time
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from torchedu.callbacks.progress import Counting
from torchedu.job_status import JobStatus, TrainJobStatus

SCORES = ("train/", "val/")
"""What the names of metrics begin with that are told."""


class JobProgress(Callback):
    """Tells how much of training is done, how long the rest takes, and the latest metrics.

    It writes them to the file that ``TORCHEDU_STATUS`` names, as ``torchedu launch`` sets it, and
    to the status of the Kubeflow TrainJob that the process belongs to, if it does. Training neither
    waits for either nor ends where one cannot be told.

    Args:
        every: Seconds between two reports.
    """

    def __init__(self, every: float = 10.0) -> None:
        self.every = every
        named = os.environ.get(JobStatus.VARIABLE)
        self._file = Path(named) if named else None
        self._train_job = TrainJobStatus.of_environment()
        self._began = self._told = 0.0
        self._at_start = 0.0
        self._sending: threading.Thread | None = None
        self._warned = False

    @property
    def is_asked(self) -> bool:
        """Whether this process belongs to a job that wants to know."""
        return self._file is not None or self._train_job is not None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell where training begins; after a resume that is not at nothing."""
        self._began = time.monotonic()
        self._at_start = _done(trainer, -1)
        self._tell(trainer, pl_module, self._at_start)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell how far it is, if it is time."""
        if time.monotonic() - self._told >= self.every:
            self._tell(trainer, pl_module, _done(trainer, batch_idx))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the new scores."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._tell(trainer, pl_module, _done(trainer, trainer.fit_loop.batch_idx))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell that all is done, and wait until it is told."""
        self._tell(trainer, pl_module, 1.0)
        if self._sending is not None:
            self._sending.join()

    def _tell(self, trainer: Trainer, pl_module: LightningModule, done: float) -> None:
        if not trainer.is_global_zero:
            return
        self._told = time.monotonic()
        share, left = done - self._at_start, None
        if share > 0:
            left = round((self._told - self._began) / share * (1 - done))
        known = trainer.callback_metrics
        first = pl_module.monitor if isinstance(pl_module, Counting) else ""
        names = sorted(known, key=lambda name: (name != first, not name.startswith("train/")))
        metrics = {name: float(known[name]) for name in names if name.startswith(SCORES)}
        last = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else float("inf")
        epoch = int(min(trainer.current_epoch + 1, last))
        status = JobStatus(int(100 * done), left, epoch, trainer.global_step, metrics)
        if self._file is not None:
            try:
                status.write(self._file)
            except OSError as error:
                self._warn(f"{self._file} cannot be written ({error.strerror})")
        if self._train_job is not None:
            if self._sending is not None:
                if self._sending.is_alive() and done < 1:
                    return  # the one before is still on its way
                self._sending.join()
            self._sending = threading.Thread(
                target=self._send, args=(self._train_job, status), name="status", daemon=True
            )
            self._sending.start()

    def _send(self, train_job: TrainJobStatus, status: JobStatus) -> None:
        try:
            train_job.send(status)
        except (OSError, ValueError) as error:
            self._warn(f"the TrainJob's status cannot be told how far this run is ({error})")

    def _warn(self, problem: str) -> None:
        if not self._warned:
            self._warned = True
            rank_zero_warn(f"{problem}; training goes on.")


def _done(trainer: Trainer, batch: int) -> float:
    """Return how much of training is done after a batch of this epoch, of 1."""
    if trainer.max_steps > 0:
        return min(1.0, trainer.global_step / trainer.max_steps)
    if not trainer.max_epochs or trainer.max_epochs < 0:
        return 0.0
    epoch = trainer.current_epoch + (batch + 1) / max(1.0, float(trainer.num_training_batches))
    return min(1.0, epoch / trainer.max_epochs)
