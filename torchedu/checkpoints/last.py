"""The checkpoint that a run goes on from, and the stop that a scheduler asks for."""

import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from torchedu.checkpoints.verified_io import VerifiedCheckpointIO
from torchedu.errors import ConfigError, TrainingError
from torchedu.run_folder import RunFolder

STOPPED = 75
"""Exit code of a run that saved and stopped at a signal: run it again (EX_TEMPFAIL)."""
SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGINT")
"""What schedulers send before they kill (``sbatch --signal=USR1@90``, Kubernetes), terminals that
close, and Ctrl-C."""


class LastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt``, from which a run goes on, and stops when a signal asks for it.

    It saves at the end of each epoch, and between two steps as often as asked, without waiting for
    the disk. At a signal that schedulers send before they kill, or at Ctrl-C, it saves after the
    step that is being taken, on all ranks alike, and the process exits with code 75 (130 after
    Ctrl-C); a second signal ends it at once. A validation that is due belongs to its step: it saves
    and stops when that is done, so that whoever goes on has its scores and what came of them.

    Args:
        every_n_steps: Steps of the optimizer between two checkpoints; none of their own where it
            is None.
        minutes: Most minutes between two checkpoints; no such limit where it is None.

    Attributes:
        asked: What the run was asked for that its numbers depend on, which the checkpoint keeps.
        same_words: Whether the words that began the run go on with it, as those of a search do.

    Raises:
        ConfigError: A value is not above 0.
    """

    def __init__(self, every_n_steps: int | None = None, minutes: float | None = 10.0) -> None:
        for name, value in (("every_n_steps", every_n_steps), ("minutes", minutes)):
            if value is not None and value <= 0:
                raise ConfigError(f"⟦save.{name}⟧ is {value}.", "It is above 0, or null.")
        self.every_n_steps = every_n_steps
        self.minutes = minutes
        self.asked: dict[str, Any] = {}
        self.same_words = False
        self._trainer: Trainer | None = None
        self._file = Path()
        self._saved_at = 0.0
        self._step = 0
        self._validates = False
        self._saves = False  # whether the run's folder lacks what this training came to
        self._signal: int | None = None
        self._stop = False
        self._early_stop = False
        self._handlers: dict[int, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the run's folder."""
        if stage != TrainerFn.FITTING or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self._trainer = trainer
        self._file = RunFolder.of_trainer(trainer).last
        self._saves = False
        self._signal = None
        # Until this listens, Lightning does, and its handler talks to other ranks at any moment.
        trainer._signal_connector._sigterm_notifier_fn = self._noted  # type: ignore[method-assign, assignment]
        cluster = trainer._accelerator_connector.cluster_environment
        if isinstance(cluster, SLURMEnvironment):
            cluster.auto_requeue = False  # which saves in a handler, whatever step is being taken

    def _noted(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def state_dict(self) -> dict[str, Any]:
        """Return what was asked, how much of the log it is, and whether training is over."""
        if self._trainer is None:
            return {"rows": None, "should_stop": False, "asked": self.asked}
        rows = getattr(self._trainer.logger, "rows", None)
        return {"rows": rows, "should_stop": self._trainer.should_stop, "asked": self.asked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what ``state_dict`` returned."""
        self._early_stop = state_dict["should_stop"]

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let callbacks that keep the best find it again, and count the epochs once.

        Lightning's forget the last score, and all where their folder has another name than it had.
        """
        file = Path(str(trainer.ckpt_path)).resolve()
        self._saves, own = file != self._file.resolve(), file.parent
        for callback in trainer.checkpoint_callbacks:
            state = checkpoint["callbacks"].get(callback.state_key)
            if state and isinstance(callback, ModelCheckpoint):
                callback.current_score = state.get("current_score")
                if callback.dirpath is not None and Path(callback.dirpath).resolve() == own:
                    state |= _stands_in(Path(callback.dirpath), state)
        # Where steps say how long training is, Lightning goes through the end of an epoch again.
        progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]
        if (
            trainer.max_steps >= 0
            and progress["total"]["processed"] == progress["total"]["started"]
        ):
            for counts in progress.values():
                counts["processed"] -= counts["completed"] < counts["processed"]

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for signals; one that comes now is heeded after the first step."""
        self._listen()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for signals; from here on, saving does not wait for the disk."""
        if self._trainer is None:
            return
        self._saved_at = time.monotonic()
        self._step = trainer.global_step
        self._stop = False
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        patience = [stopping for stopping in callbacks if isinstance(stopping, EarlyStopping)]
        if self._early_stop and all(
            stopping.wait_count >= stopping.patience for stopping in patience
        ):
            trainer.should_stop = True  # as was decided in the epoch that the checkpoint ended
        io = trainer.strategy.checkpoint_io
        if isinstance(io, VerifiedCheckpointIO):
            io.asynchronous = True
        self._listen()

    def _listen(self) -> None:
        if self._trainer is None or self._handlers:
            return
        if threading.current_thread() is threading.main_thread():
            here = signal.Signals.__members__  # not every system has them all
            for number in (here[name] for name in SIGNALS if name in here):
                # What is ignored stays so: nohup keeps a run from the end of its terminal.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._heard)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save between two steps, if it is time and no validation of the step is due."""
        self._validates = False
        if self._trainer is None or trainer.global_step == self._step:
            return  # gradients are still being accumulated
        self._step = trainer.global_step
        # Lightning trains on without what is due at a step, or at the end of an epoch, if it goes
        # on from what was saved before it.
        batches = trainer.fit_loop._data_fetcher
        self._validates = batches is not None and trainer.fit_loop.epoch_loop._should_check_val_fx(
            batches
        )
        due = self._agreed(trainer)
        if due and not (self._validates or trainer.is_last_batch):
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after a step whose validation was due, if it is time."""
        # The end of an epoch saves by itself; it also follows at once where training is to stop.
        if not self._validates or trainer.is_last_batch or trainer.should_stop:
            return
        self._validates = False
        if self._agreed(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save at the end of an epoch, after its validation and what was decided by it."""
        if self._trainer is not None:
            self._agreed(trainer)
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening, and wait until all is on the disk."""
        self._end(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if there was nothing left to train, and what was gone on from was not the last.

        So it is with the best of a run that was killed before it saved its last.
        """
        if self._trainer is not None and self._saves:
            self._save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop listening, and wait until all is on the disk."""
        self._end(trainer)

    def _end(self, trainer: Trainer) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        vars(trainer._signal_connector).pop("_sigterm_notifier_fn", None)
        io = trainer.strategy.checkpoint_io
        if isinstance(io, VerifiedCheckpointIO):
            io.asynchronous = False
            io.wait()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal; the second one acts as if nobody listened."""
        if self._signal is None:
            self._signal = number
            return
        ctrl_c = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if ctrl_c else signal.SIG_DFL)
        signal.raise_signal(number)

    def _agreed(self, trainer: Trainer) -> bool:
        """Return whether to save now, and note whether to stop; the same on all ranks."""
        late = time.monotonic() - self._saved_at
        minutes = trainer.is_global_zero and late > 60 * (self.minutes or float("inf"))
        wishes = [minutes, self._signal is not None]
        if trainer.world_size > 1:
            asked = torch.tensor(wishes, dtype=torch.int32, device=trainer.strategy.root_device)
            wishes = [n > 0 for n in trainer.strategy.reduce(asked, reduce_op="sum").tolist()]
        self._stop |= wishes[1]
        steps = self.every_n_steps is not None and trainer.global_step % self.every_n_steps == 0
        return steps or any(wishes)

    def _save(self, trainer: Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()  # the rows before the checkpoint are on the disk before it is
        trainer.save_checkpoint(self._file, weights_only=False)
        self._saves = False
        self._saved_at = time.monotonic()
        if not self._stop:
            return
        if trainer.local_rank:
            raise SystemExit(0)  # the first process's code is its node's
        name = "a signal" if self._signal is None else signal.Signals(self._signal).name
        run = RunFolder.of_checkpoint(self._file).path
        notice = TrainingError(
            f"Stopped by {name} after step {trainer.global_step:,}; saved in {self._file}.",
            "To go on: the same words" + (f" and ⟦run⟧ {run} ⟦resume⟧ auto", "")[self.same_words],
        )
        if trainer.is_global_zero:
            print(notice, file=sys.stderr, flush=True)
        raise SystemExit(130 if self._signal == signal.SIGINT else STOPPED)


def _stands_in(folder: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ``ModelCheckpoint`` knows of its files, which now stand in a folder."""
    names = ("best_model_path", "kth_best_model_path", "last_model_path")
    paths = {name: state[name] for name in names if state.get(name)}
    return {
        "dirpath": str(folder),
        **{name: str(folder / Path(path).name) for name, path in paths.items()},
        "best_k_models": {
            str(folder / Path(path).name): score
            for path, score in state.get("best_k_models", {}).items()
        },
    }
