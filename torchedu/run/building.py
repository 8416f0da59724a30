"""From a configuration to a task, its data and a trainer: the only builder of a run."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jsonargparse import ArgumentError, Namespace
from lightning import Trainer
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.callbacks import AnswersProgressBar, Compile
from torchedu.checkpoints import (
    Checkpoint,
    LastCheckpoint,
    Resume,
    VerifiedCheckpointIO,
    open_checkpoint,
    resume_from,
)
from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError, worded
from torchedu.metrics_log import metrics_log
from torchedu.parsing import LOGGERS, cause_of, check_log
from torchedu.ranges import COUNT, NOT_NEGATIVE, check_range
from torchedu.run.asked import FEATURES, SameWords, asked_before, asked_of, go_on
from torchedu.run.config import KeptConfig, RunConfig
from torchedu.run.logs import log_of
from torchedu.run.options import WRONG_HERE, check_options, check_scored
from torchedu.run.profiler import StepsProfiler
from torchedu.run.start import PATIENCE
from torchedu.run.trainers import passes, patience_for, training_callbacks
from torchedu.run_folder import RunFolder
from torchedu.strategies.ddp import keep_sums
from torchedu.strategies.limits import check_batch, check_machine, check_memory, device_kind
from torchedu.strategies.named import Checks, named_strategy
from torchedu.strategies.sync_batch_norm import SyncBatchNorm
from torchedu.tasks import Task, open_task
from torchedu.threads import share

ENOUGH = {"epochs": COUNT, "steps": NOT_NEGATIVE}
"""What says how long training goes on where the trainer is not told."""


class Run(NamedTuple):
    """What a command works on.

    Attributes:
        task: The task with its network: new, or trained.
        data: Its data.
        trainer: What runs the one on the other.
        resume: The checkpoint that training goes on from, if it does.
        checkpoint: The file of a trained network.
        config: The values of all options; empty for a run that was put together in Python.
        step: Steps taken before, where training goes on.
        names_path: Whether the data stands where the words say, and not a file beside a checkpoint.
    """

    task: Task
    data: DataModule
    trainer: Trainer
    resume: Path | None = None
    checkpoint: Path | None = None
    config: Namespace = Namespace()  # type: ignore[no-untyped-call]
    names_path: bool = True
    step: int = 0

    @property
    def start_timeout(self) -> float:
        """Seconds that its processes wait for one another at the start."""
        return float(self.config.get("start_timeout", PATIENCE))

    @property
    def folder(self) -> Path:
        """The folder that keeps its files."""
        return RunFolder.of_trainer(self.trainer).path


def build(config: RunConfig, meta: bool = False) -> Run:
    """Build a run; one configuration gives equal runs, however often it is built.

    Args:
        config: What is asked for.
        meta: Build the task on the meta device: its network has shapes and no numbers, of any size,
            and this machine need not be able to hold it.

    Returns:
        The run, ready to be trained or used.

    Raises:
        ConfigError: It cannot be built, or this machine cannot do what is asked.
        CheckpointError: A checkpoint that it begins with cannot be used.
    """
    for name, allowed in ENOUGH.items() if config.trains else ():
        check_range(f"enough.{name}", config.config["enough"][name], allowed)
    if config.trains and config.config.log is not None:
        check_log(config.config.log)
    config._set_seed()
    asked, given = instantiated(config, meta), config.config
    data = asked["data"]
    config.config_init = asked
    if not config.trains:
        assert config.checkpoint is not None
        task, file, resume = open_task(config.checkpoint), config.checkpoint.file, None
    else:
        task, file = asked["model"], None
        if given.init_from is not None:
            start = config.start or open_checkpoint(given.init_from)
            task = _grown(task, start, data, config.names_net)
        data.suit(task.net)
        resume = resume_from(given.resume, given.run, task)
        if resume is not None:
            task.check_base(resume.checkpoint.content)
        config.model = task
        config._add_configure_optimizers_method_to_model(config.subcommand)
    trainer = _trainer(config, data, task, resume)
    if config.trains:
        _keep_words(config, trainer, data, resume)
    if isinstance(trainer.strategy, Checks):
        trainer.strategy.check(task)
    if not meta:
        check_memory(task, trainer)
    before, step = (None, 0) if resume is None else (resume.file, resume.step)
    return Run(task, data, trainer, before, file, given, config.names_path, step)


def instantiated(config: RunConfig, meta: bool = False) -> Namespace:
    """Build what the words name, each for itself, and nothing of the run that it belongs to.

    Args:
        config: What is asked for.
        meta: As ``build`` has it.

    Returns:
        The task as ``model``, ``data``, and what else the words name.

    Raises:
        ConfigError: Something cannot be built.
    """
    on_meta = [(_on_meta, Task, True)] if meta else None
    try:
        return config.parser.instantiate(config.config, instantiators=on_meta)
    except (ValueError, TypeError, ArgumentError) as error:
        for name, word in LOGGERS.items():  # whose package may be all that is missing
            if name in str(error):
                check_log(word)
        raise cause_of(error, config.parser.prog) from None


def _on_meta(kind: type[Task], *args: Any, **arguments: Any) -> Task:
    with torch.device("meta"):
        return kind(*args, **arguments)


def _trainer(config: RunConfig, data: DataModule, task: Task, resume: Resume | None) -> Trainer:
    """Build the trainer with the run's folder as its log."""
    given, asked = config.config, config.config_init["trainer"]
    usual = training_callbacks(config.task.monitor) if config.trains else [AnswersProgressBar()]
    config.trainer_defaults = AnswersProgressBar.unless_off(
        {**config.trainer_defaults, "callbacks": usual}, asked
    )
    strategy = named_strategy(asked["strategy"])
    where, nodes = asked["accelerator"], asked["num_nodes"]
    check_options(asked, config.trains)
    check_machine(where, asked["devices"], asked["precision"], nodes, strategy)
    more: dict[str, Any] = _log(config, resume) if config.trains else {"logger": False}
    more["strategy"] = strategy
    if config.trains and asked["max_epochs"] is not None:
        _be_patient(config, patience_for(asked["max_epochs"]))
    elif config.trains and asked["max_steps"] == -1:
        more |= _length(config, data, task)
    if asked["profiler"] == "pytorch":
        more["profiler"] = StepsProfiler()
    plugins = asked["plugins"] or []
    plugins = [*plugins] if isinstance(plugins, list) else [plugins]
    if asked["sync_batchnorm"] and device_kind(where) == "cpu":
        plugins.append(SyncBatchNorm())
    if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
        plugins.append(VerifiedCheckpointIO(None if resume is None else resume.checkpoint))
    try:
        trainer = config.instantiate_trainer(**more, plugins=plugins)
        _ = trainer.is_global_zero  # as a scheduler's variables have it
    except KeyError as error:  # of the environment
        raise ConfigError(
            f"a scheduler began this process, and {error} is not set.",
            "Start it by srun, or take the scheduler's variables (SLURM_NTASKS) away.",
        ) from None
    except (MisconfigurationException, ImportError, *WRONG_HERE) as error:
        raise ConfigError(
            f"the trainer cannot be built: {error}", "Options: torchedu fit --help trainer"
        ) from None
    # Where it is a time Lightning leaves this out, and its own early stopping asks for it.
    vars(trainer).setdefault("val_check_interval", None)
    if config.trains:
        check_batch(data.batch_size, trainer)
        check_scored(data, trainer)
        _keep_patience(config, resume)
    keep_sums(trainer)
    share(trainer.num_devices)
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    if config.trains and given.compile:
        callbacks.append(Compile())
    # It saves what the others have come to, the best score among it.
    callbacks.sort(key=lambda callback: isinstance(callback, LastCheckpoint))
    return trainer


def _keep_patience(config: RunConfig, resume: Resume | None) -> None:
    """Let the words say the patience that holds: what a run began with, where none is named."""
    stop, given = config.config_init["early_stopping"], config.config["early_stopping"]
    before = None if resume is None else asked_before(resume.checkpoint)
    if before and not config.names_patience:
        stop.patience = before.get("early_stopping.patience", stop.patience)
    given["patience"] = stop.patience


def _keep_words(
    config: RunConfig, trainer: Trainer, data: DataModule, resume: Resume | None
) -> None:
    """Let checkpoints keep what is asked for; a run goes on with what it began with."""
    given = config.config
    asked = asked_of(given, trainer, data)
    accepted = [name.strip() for name in (given.resume_with or "").split(",") if name.strip()]
    before = None if resume is None else resume.checkpoint
    named = [name for name in accepted if name != FEATURES]  # which are made once ranks have met
    changes = [] if before is None else go_on(before, asked, named)
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    callbacks.insert(0, SameWords(accepted, asked, before))  # before anything is written
    for callback in callbacks:
        if isinstance(callback, KeptConfig) and resume is not None:
            callback.changes = [f"# From step {resume.step} on, {line}" for line in changes]


def _log(config: RunConfig, resume: Resume | None) -> dict[str, Any]:
    """Return the trainer's arguments that make the run's folder."""
    given, asked = config.config, config.config_init["trainer"]
    if asked["logger"] is not None and not isinstance(asked["logger"], bool):
        if given.run is not None:
            raise ConfigError(
                "⟦run⟧ names the folder of the CSV log, and ⟦trainer.logger⟧ asks for another log.",
                "Give one of the two.",
            )
        return {}
    again = resume if resume and resume.same_run else None
    step, rows = (again.step, again.rows) if again else (None, None)
    log = metrics_log(given.run, step, given.resume == "auto", rows)
    if given.log is not None:
        return {"logger": [log, log_of(given.log, Path(log.log_dir))]}
    if asked["logger"] is not False:
        return {"logger": log}
    _ = log.experiment  # the folder without the log, of this run alone as well
    return {} if asked["default_root_dir"] else {"default_root_dir": log.log_dir}


def _length(config: RunConfig, data: DataModule, task: Task) -> dict[str, Any]:
    """Return the trainer's arguments that say how long it trains, where nobody says.

    Args:
        config: What is asked for.
        data: The data: what is small has few steps in a pass, of what is large a share is enough.
        task: The task, whose network may say what is enough for it.
    """
    asked, limit = config.config["enough"], config.config["trainer"]["limit_train_batches"]
    enough = passes(data, task, asked["epochs"], asked["steps"])
    _be_patient(config, enough.patience)
    share = enough.share if limit is None else limit
    return {"max_epochs": enough.epochs, "limit_train_batches": share}


def _be_patient(config: RunConfig, patience: int) -> None:
    if not config.names_patience:
        stop = config.config_init["early_stopping"]
        stop.patience = max(stop.patience, patience)


def _grown(given: Task, checkpoint: Checkpoint, data: DataModule, names_net: bool) -> Task:
    """Return a checkpoint's network with rows for the names of this run's data.

    Raises:
        ConfigError: The words name another network than the checkpoint's.
    """
    start = open_task(checkpoint)
    net = start.arguments()["net"]
    if names_net and type(given.net) is not type(start.net):
        raise ConfigError(
            f"⟦model.net⟧ is {type(given.net).__name__}, and {checkpoint.file} holds a "
            f"{type(start.net).__name__}.",
            "Leave it out, or train anew without ⟦init_from⟧.",
        )
    if net != given.arguments()["net"]:
        rank_zero_info(worded(f"The network is the checkpoint's: {net}"))
    grown: Task = start.grown(data.vocabulary)
    grown.people = start.people
    for name in grown.trained_by:  # how to train is said by the words
        setattr(grown, name, getattr(given, name))
    return grown
