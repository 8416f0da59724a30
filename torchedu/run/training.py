"""What a run comes to: trained, its best network opened again, scored and reported."""

import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.tuner import Tuner
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from torchedu.callbacks import advice
from torchedu.checkpoints import open_checkpoint
from torchedu.datamodules.base import DataModule
from torchedu.errors import CheckpointError, ConfigError, allowed
from torchedu.evaluation import evaluate
from torchedu.evaluation.shown import shown_html
from torchedu.report import pictures_html, write_report
from torchedu.run.building import Run
from torchedu.run.options import WRONG_HERE
from torchedu.run.start import meeting
from torchedu.run.trainers import PATIENCE, Passes, passes, trainer
from torchedu.stages import stage
from torchedu.tasks import Task, open_task


class Result(NamedTuple):
    """What a run came to.

    Attributes:
        task: The network that was scored: the best of the run.
        evaluation: Its scores, as ``evaluate`` returns them; empty on other ranks than the first,
            and of a trial run (``--trainer.fast_dev_run``), which is not scored.
        folder: The folder that keeps its files.
        checkpoint: The file of that network, if it was kept.
        report: The page; or why it could not be written, which costs no one the scores.
    """

    task: Task
    evaluation: Mapping[str, Any]
    folder: Path
    checkpoint: Path | None = None
    report: Path | Exception | None = None

    def _repr_html_(self) -> str:
        """Show the scores and the pictures of the report in a notebook."""
        shown = shown_html(self.evaluation) if self.evaluation else ""
        return shown + pictures_html(self.folder)


def train(run: Run) -> Result:
    """Train, open the best network again, score it on the test part, and write the report.

    Args:
        run: What ``build`` returned, or a task, data and trainer of one's own. Every rank calls
            this.

    Returns:
        What came of it.

    Raises:
        ConfigError: What training is asked for cannot be done.
        CheckpointError: The best network cannot be opened again.
        TrainingError: A loss or gradient is not finite.
    """
    if run.trainer.is_global_zero:
        run.data.tell_leaks()
    trained = best_of(run)
    if run.trainer.fast_dev_run:  # type: ignore[attr-defined]
        return Result(run.task, {}, run.folder)
    return score(trained, run.folder)


def fit(
    task: Task,
    data: DataModule,
    run: str | None = None,
    max_epochs: int | None = None,
    accelerator: str = "auto",
) -> Result:
    """Train a task on data, score its best network beside the baselines, and write the report.

    It is what ``torchedu fit`` does, with its numbers: after ``lightning.seed_everything(0,
    workers=True)``, data and then task built, the one as the other (see ``domains.of_data``).

    Args:
        task: The task.
        data: The data.
        run: The run's folder; a new number under ``runs/`` where it is None.
        max_epochs: Most passes over the training part; as many as are enough where it is None.
        accelerator: ``cpu``, ``gpu`` or ``auto``, as Lightning has it.

    Returns:
        What came of it, which a notebook shows.
    """
    data.suit(task.net)
    enough = passes(data, task) if max_epochs is None else Passes(max_epochs, PATIENCE)
    built = trainer(
        run,
        enough.epochs,
        enough.patience,
        accelerator,
        monitor=task.monitor,
        limit_train_batches=enough.share,
    )
    return train(Run(task, data, built))


def best_of(run: Run) -> Run:
    """Train, and return the run with its best network, opened again where one was kept.

    Args:
        run: As ``train`` has it, which raises the same.
    """
    task, data, trainer = run.task, run.data, run.trainer
    try:
        with meeting(trainer, run.start_timeout):
            trainer.fit(task, datamodule=data, ckpt_path=run.resume, weights_only=True)
    except (MisconfigurationException, ImportError, *WRONG_HERE) as error:
        mistake = _mistake(error, task) or _not_gone_on(run, error) or _cannot(run, error)
        if mistake is None:
            raise
        raise mistake from error
    kept = trainer.checkpoint_callback
    best = Path(kept.best_model_path) if isinstance(kept, ModelCheckpoint) else Path()
    if trainer.fast_dev_run or best == Path():  # type: ignore[attr-defined]
        return run
    # The run may have gone on in a folder that was moved.
    opened = open_checkpoint(best if best.exists() else run.folder)
    return run._replace(task=open_task(opened), checkpoint=opened.file)


def score(run: Run, folder: Path, part: str = "test") -> Result:
    """Score a trained network beside the baselines, and write the report.

    Args:
        run: The network, its data and a trainer.
        folder: Where the scores and the report go.
        part: ``val`` or ``test``.

    Returns:
        What came of it.
    """
    run.data.leave_out(run.task.people, part)
    if run.trainer.is_global_zero:
        run.data.tell_leaks()
    try:
        with meeting(run.trainer, run.start_timeout):
            evaluation = evaluate(run.task, run.data, run.trainer, part, folder)
    except MisconfigurationException as error:
        raise _mistake(error, run.task) or error from None
    report: Path | Exception | None = None
    if run.trainer.is_global_zero:
        stage("writing the report")
        try:
            report = write_report(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the scores are told first
            report = error
        stage()
    return Result(run.task, evaluation, folder, run.checkpoint, report)


def found_lr(run: Run) -> float:
    """Find a learning rate for a run, and let its task take it.

    Raises:
        ConfigError: Training is too short to find one.
    """
    finder = Tuner(run.trainer).lr_find(run.task, datamodule=run.data, min_lr=1e-5)
    lr = finder.suggestion() if finder else None
    if lr is None:
        raise ConfigError(
            "no learning rate could be found: training is too short to try enough of them.",
            "Raise ⟦trainer.max_epochs⟧, lower ⟦data.batch_size⟧, or set ⟦model.lr⟧ yourself.",
        )
    return lr


def _not_gone_on(run: Run, error: Exception) -> CheckpointError | None:
    """Return why training cannot go on, where it fails at what a checkpoint put back."""
    if run.resume is None or run.trainer.global_step > run.step or advice(error) is not None:
        return None
    return CheckpointError(
        f"{run.resume} cannot be gone on from: what it holds does not fit this run "
        f"({type(error).__name__}: {error}).",
        "Give the words that the run began with, or start from its network with ⟦init_from⟧.",
    )


def _cannot(run: Run, error: Exception) -> ConfigError | None:
    """Return what Lightning itself stops at before the first step: options that it cannot do."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames]
    stopped = next((name for name in reversed(names) if name != "torch"), "")
    if run.trainer.global_step > run.step or stopped != "lightning":
        return None
    return ConfigError(
        f"the trainer cannot do what is asked: {error}", "Options: torchedu fit --help trainer"
    )


def _mistake(error: Exception, task: Task) -> ConfigError | None:
    """Return what a user can put right of what Lightning and torch find out while training."""
    said = str(error)
    if "Early stopping conditioned on metric" in said:
        metric, *known = re.findall(
            r"`([a-z]+/[^`]+|[^`/ ]+)`", said.replace("`EarlyStopping`", "")
        )
        if metric != task.monitor or not any(name.startswith("val/") for name in known):
            remedy = f"⟦early_stopping.monitor⟧: {allowed(metric, known)}"
        else:
            remedy = "Use more data, a larger ⟦data.val⟧ or another ⟦data.seed⟧."
            metric += f", which needs {task.compares}" * bool(task.compares)
        return ConfigError(
            f"training watches {metric}: the validation part does not give it.", remedy
        )
    if "specified number of total steps" in said:
        return ConfigError(
            "the checkpoint's schedule of the learning rate has come to its end.",
            "Go on from its network with ⟦init_from⟧ instead of ⟦resume⟧.",
        )
    if "positive integer total_steps" in said:
        return ConfigError("there is nothing to train.", "Raise ⟦trainer.max_epochs⟧.")
    if isinstance(error, MisconfigurationException):
        words = re.sub(r"`(limit_\w+|val_check_interval|max_\w+)`", r"⟦trainer.\1⟧", said)
        problem, _, remedy = " ".join(words.split()).partition(". ")
        return ConfigError(f"{problem}.", remedy or "Options: torchedu fit --help trainer")
    return None
