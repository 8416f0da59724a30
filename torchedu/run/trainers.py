"""Trainers as torchedu has them, for the command line and for Python."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lightning import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.strategies import Strategy

from torchedu.callbacks import AnswersProgressBar, CompanionsFiles, JobProgress
from torchedu.checkpoints import LastCheckpoint, VerifiedCheckpointIO
from torchedu.datamodules.base import DataModule
from torchedu.metrics_log import metrics_log
from torchedu.run.asked import SameWords
from torchedu.run.words import DEFAULT_TASK
from torchedu.run_folder import RunFolder
from torchedu.strategies.ddp import keep_sums
from torchedu.strategies.limits import check_machine
from torchedu.strategies.named import named_strategy
from torchedu.tasks import Task

EPOCHS = 12
"""Passes over the training part that are enough, where neither words nor the network say."""
STEPS = 600
"""Steps of the optimizer below which training goes on for more of them."""
MOST_EPOCHS = 100
"""Passes that are not exceeded for the sake of steps."""


PATIENCE = 5
"""Passes without a better score after which training ends, where there are few of them."""


class Passes(NamedTuple):
    """How long training is to be.

    Attributes:
        epochs: How many there are.
        patience: After how many of them without a better score it ends.
        share: How much of a pass over the training part each is; a whole number of steps.
    """

    epochs: int
    patience: int
    share: float = 1.0


def passes(data: DataModule, task: Task, epochs: int | None = None, steps: int = STEPS) -> Passes:
    """Return how long training is to be where nobody says.

    Args:
        data: The data: what is small has few steps in a pass, and gets more of them.
        task: The task, whose network may say what is enough for it.
        epochs: Passes that are enough where it does not say.
        steps: Steps of the optimizer below which training goes on for more passes.
    """
    net = task.net
    if net.epochs is not None and epochs is None:
        return Passes(net.epochs, PATIENCE, _share(data, net.epochs, net.most_answers))
    most = max(epochs or EPOCHS, min(-(-steps // data.steps_per_epoch), MOST_EPOCHS))
    return Passes(most, patience_for(most))


def _share(data: DataModule, epochs: int, enough: int | None) -> float:
    """Return how much of a pass an epoch is, so that all of them hold as many answers as enough."""
    if enough is None or (answered := data.answered) is None:
        return 1.0
    share = enough / max(1, epochs * int(answered.sum(dtype="int64")))
    whole = data.steps_per_epoch
    steps = max(1, round(share * whole))
    # Slightly more, so that a trainer that rounds down takes these steps.
    return steps / whole * (1 + 1e-9) if steps < whole else 1.0


def patience_for(epochs: int) -> int:
    """Return after how many passes without a better score training ends, of so many at most."""
    return max(PATIENCE, epochs // 3)


def quiet() -> None:
    """Silence what Lightning says that no user of torchedu can act on."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(_worth_saying)
    for message in (
        ".*does not have many workers.*",  # batches are built faster than a process could send them
        ".*smaller than the logging interval.*",  # what is logged is logged once an epoch
        ".*The dirpath has changed.*",  # a run that goes on in another folder finds its best anew
        ".*exists and is not empty.*",  # a run's folder is named by the user or by a new number
        ".*srun.*is not used.*",  # on a cluster's head node, where a short run needs none
        ".*LeafSpec.*",  # Lightning's use of torch, not the user's
        ".*find_unused_parameters=True was specified.*",  # by us, for the order of sums
        ".*FSDP2-wrapped module .* returned a view tensor.*",  # no task changes it in place
        ".*will be overridden by .*configure_optimizers.*",  # --optimizer asks for just that
        ".*`srun` command is available.*",  # a job that needs it is refused, others do without
    ):
        warnings.filterwarnings("ignore", message)


def trainer(
    run: str | None = None,
    max_epochs: int = EPOCHS,
    patience: int = PATIENCE,
    accelerator: str = "auto",
    devices: int | str = "auto",
    strategy: str | Strategy = "auto",
    precision: str = "32-true",
    callbacks: list[Callback] | None = None,
    monitor: str = DEFAULT_TASK.monitor,
    resume_with: Sequence[str] = (),
    limit_train_batches: int | float = 1.0,
) -> Trainer:
    """Return a Lightning trainer that keeps a run's folder as the command line does.

    Args:
        run: The run's folder; a new number under ``runs/`` where it is None.
        max_epochs: Most passes over the training part.
        patience: Passes without a better validation score after which training ends.
        accelerator: ``cpu``, ``gpu`` or ``auto``, as Lightning has it.
        devices: How many, as Lightning has it.
        strategy: A name of ``torchedu.strategies.named``, or a strategy with its options.
        precision: As Lightning has it.
        callbacks: Further callbacks.
        monitor: The validation score that chooses the best pass: the task's ``monitor``.
        resume_with: What may differ from what a run began with that ``fit(..., ckpt_path=...)``
            goes on with, such as ``lr`` or ``max_epochs``.
        limit_train_batches: How many batches of a pass an epoch has, or which share of them.

    Returns:
        A ``lightning.Trainer`` with CSV logs, best and last checkpoint, early stopping and a bar.

    Raises:
        ConfigError: The run's folder is in use, there is no such strategy, or this machine cannot
            do what is asked.
    """
    quiet()
    strategy = named_strategy(strategy)
    check_machine(accelerator, devices, precision, strategy=strategy)
    stop = EarlyStopping(monitor, mode="max", patience=patience)
    built = Trainer(
        max_epochs=max_epochs,
        limit_train_batches=limit_train_batches,
        accelerator=accelerator,
        devices=devices,
        strategy=strategy,
        precision=precision,  # type: ignore[arg-type]
        logger=metrics_log(run),
        plugins=[VerifiedCheckpointIO()],
        callbacks=[
            *training_callbacks(monitor),
            stop,
            SameWords(resume_with),
            *(callbacks or []),
            LastCheckpoint(),
        ],
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    keep_sums(built)
    return built


def training_callbacks(monitor: str) -> list[Callback]:
    """Return what keeps the best pass by a score, the names, whom it was trained on, and a bar.

    Where the process belongs to a job that wants to know, how far training is goes there too.
    """
    best = ModelCheckpoint(
        filename=Path(RunFolder.BEST).stem,
        monitor=monitor,
        mode="max",
        enable_version_counter=False,
        auto_insert_metric_name=False,
    )
    progress = JobProgress()
    return [best, CompanionsFiles(), AnswersProgressBar(), *[progress] * progress.is_asked]


def _worth_saying(record: logging.LogRecord) -> bool:
    """Tell a notice for the user from Lightning's advertisements and inventories."""
    dull = (
        "GPU available",
        "TPU available",
        "HPU available",
        "Tip:",
        "Seed set to",
        "`Trainer.",
        "to estimate",
        "LightningModule.configure_callbacks",
    )
    return not any(text in record.getMessage() for text in dull)
