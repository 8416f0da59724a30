"""From a configuration to a task, its data and a trainer: the only builder of the commands."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError
from lightning import LightningDataModule, Trainer
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.callbacks import AnswersProgressBar, Compile, GradientGuard, HungRank, VocabularyFile
from torchedu.checkpoints import (
    LastCheckpoint,
    Resume,
    VerifiedCheckpointIO,
    find_checkpoint,
    resume_from,
)
from torchedu.chosen import (
    DEFAULT_TASK,
    chosen_task,
    configurations,
    refuse_sizes,
    subclasses,
    with_net,
    with_recipes,
)
from torchedu.errors import ConfigError
from torchedu.metrics_log import metrics_log
from torchedu.parsing import TwoLineErrors, cause_of
from torchedu.run_folder import RunFolder
from torchedu.strategies.ddp import keep_sums
from torchedu.strategies.limits import check_batch, check_machine, check_memory, device_kind
from torchedu.strategies.named import Checks, named_strategy, strategies_help, with_strategy
from torchedu.strategies.sync_batch_norm import SyncBatchNorm
from torchedu.tasks import open_task
from torchedu.tasks.base import Task, class_path

MAX_EPOCHS = 12
STEPS = 600
"""Optimizer steps below which training goes on for more epochs, where none are asked for."""


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
        ".*LeafSpec.*",  # Lightning's use of torch, not the user's
        ".*find_unused_parameters=True was specified.*",  # by us, for the order of sums
        ".*FSDP2-wrapped module .* returned a view tensor.*",  # no task changes it in place
        ".*will be overridden by .*configure_optimizers.*",  # --optimizer asks for just that
    ):
        warnings.filterwarnings("ignore", message)


def trainer(
    run: str | None = None,
    max_epochs: int = MAX_EPOCHS,
    patience: int = 5,
    accelerator: str = "auto",
    devices: int | str = "auto",
    strategy: str | Strategy = "auto",
    precision: str = "32-true",
    callbacks: list[Callback] | None = None,
    monitor: str = DEFAULT_TASK.monitor,
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
        accelerator=accelerator,
        devices=devices,
        strategy=strategy,
        precision=precision,  # type: ignore[arg-type]
        logger=metrics_log(run),
        plugins=[VerifiedCheckpointIO()],
        callbacks=[*_callbacks(monitor), stop, *(callbacks or []), LastCheckpoint()],
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    keep_sums(built)
    return built


def run_folder(trainer: Trainer) -> Path:
    """Return the folder that keeps a run's files."""
    return Path(trainer.log_dir or trainer.default_root_dir)


class RunParser(TwoLineErrors, LightningArgumentParser):
    """The parser of the commands that build a run."""

    def format_help(self, formatter: Any = None) -> str:
        """Return the help, which begins with the strategies and the classes known."""
        return f"{strategies_help()}\n{super().format_help(formatter)}"


class RunCLI(LightningCLI):
    """Builds what a command needs: ``model`` (a task), ``datamodule`` and ``trainer``.

    Args:
        words: The words after the command.
        command: The command's name.
        checkpoint: For commands on a trained network, the file; its network and, unless the words
            say otherwise, the data of its run are used. Without it, a network is built.
    """

    def __init__(self, words: Sequence[str], command: str, checkpoint: Path | None = None) -> None:
        quiet()
        self.checkpoint = checkpoint
        self.resume: Resume | None = None
        training = checkpoint is None
        self.task = chosen_task(words) if training else DEFAULT_TASK
        super().__init__(
            Task,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            parser_class=RunParser,
            parser_kwargs={"prog": f"torchedu {command}", "description": ""},
            trainer_defaults={
                "log_every_n_steps": 10,
                "enable_model_summary": False,
                "callbacks": _callbacks(self.task.monitor) if training else [AnswersProgressBar()],
            },
            save_config_callback=SaveConfigCallback if training else None,
            save_config_kwargs={"overwrite": True},
            load_from_checkpoint_support=False,  # tasks keep plain hyperparameters of their own
            auto_configure_optimizers=training,
            run=False,
            args=list(words),
        )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, task and data, with torchedu's defaults."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults(
            {f"trainer.{k}": v for k, v in self.trainer_defaults.items() if k != "callbacks"}
        )
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True)
        data = saved_data(self.checkpoint) or {"class_path": self._usual_data()}
        parser.set_defaults({"data": data})
        parser.add_argument("--run", type=str | None, help="folder for what the run leaves")
        if self.checkpoint is None:
            parser.add_lightning_class_args(Task, "model", subclass_mode=True)
            usual = {"init_args": dict(self.task.usual.get("init_args", {}))}
            parser.set_defaults({"model": {"class_path": class_path(self.task), **usual}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what training needs besides, and link the data's sizes to the task."""
        assert isinstance(parser, RunParser)
        parser.classes = {"data": subclasses(LightningDataModule)}
        if self.checkpoint is None:
            parser.classes |= {"model": subclasses(Task), "model.net": subclasses(self.task.nets)}
            usual = self.task.usual.get("init_args", {})
            parser.class_defaults = {f"model.{k}": v for k, v in usual.items()}
        if self.checkpoint is not None:
            parser.add_argument("--format", default="parquet", help="of tables: parquet or csv")
            return
        for size in self.task.sizes:
            parser.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults(
            {
                "early_stopping.monitor": self.task.monitor,
                "early_stopping.mode": "max",
                "early_stopping.patience": 5,
            }
        )
        for name, kind in (
            ("save", LastCheckpoint),
            ("gradients", GradientGuard),
            ("hung_rank", HungRank),
        ):
            parser.add_lightning_class_args(kind, name)
        parser.add_argument(
            "--resume",
            type=str | None,
            help="go on from a checkpoint or a run's folder; auto: from --run, if it has begun",
        )
        parser.add_argument(
            "--init_from",
            type=str | None,
            help="start from this network on other data; its vocabulary grows by the data's names",
        )
        parser.add_argument(
            "--compile", type=bool, default=False, help="compile the network's blocks for training"
        )
        parser.add_argument(
            "--lr_find", type=bool, default=False, help="find the learning rate before training"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the words; recipes may be given by their name alone."""
        words = with_recipes(args)
        words = with_strategy(words, configurations(words))
        if self.checkpoint is None:
            refuse_sizes(words, self.task)
            # Not a default of the parser: that would hand its arguments on to the net of one's own.
            words = with_net(words, self.task)
        self.config = parser.parse_args(words)

    def instantiate_classes(self) -> None:
        """Build data, task and trainer, in this order."""
        try:
            self.config_init = self.parser.instantiate(self.config)
        except (ValueError, TypeError, ArgumentError) as error:
            raise cause_of(error, self.parser.prog) from None
        self.datamodule = self._get(self.config_init, "data")
        init_from = None if self.checkpoint else self.config.init_from
        if self.checkpoint is not None:
            self.model = open_task(self.checkpoint)
        elif init_from is not None:
            self.model = self._grown(find_checkpoint(init_from))
        else:
            self.model = self._get(self.config_init, "model")
        if self.checkpoint is None:
            self.model.suit(self.datamodule)
            self.resume = resume_from(self.config.resume, self.config.run, self.model)
            self._add_configure_optimizers_method_to_model(self.subcommand)
        self.trainer = self.instantiate_trainer()
        if isinstance(self.trainer.strategy, Checks):
            self.trainer.strategy.check(self.model)
        check_memory(self.model, self.trainer)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer with the run's folder as its log."""
        asked = self._get(self.config_init, "trainer")
        given, run = asked["logger"], self.config.run
        if self.checkpoint is not None:
            kwargs.setdefault("logger", False)
        elif given is None or isinstance(given, bool):
            again = self.resume if self.resume and self.resume.same_run else None
            step, rows = (again.step, again.rows) if again else (None, None)
            log = metrics_log(run, step, self.config.resume == "auto", rows)
            if given is not False:
                kwargs.setdefault("logger", log)
            elif asked["default_root_dir"] is None:
                kwargs["default_root_dir"] = log.log_dir  # the folder, without the log
        elif run is not None:
            raise ConfigError(
                "--run names the folder of the CSV log, and --trainer.logger asks for another log.",
                "Give one of the two.",
            )
        self.trainer_defaults = AnswersProgressBar.unless_off(self.trainer_defaults, asked)
        kwargs.setdefault("strategy", named_strategy(asked["strategy"]))
        where, nodes = asked["accelerator"], asked["num_nodes"]
        check_machine(where, asked["devices"], asked["precision"], nodes, kwargs["strategy"])
        if self.checkpoint is None and (asked["max_epochs"], asked["max_steps"]) == (None, -1):
            kwargs.setdefault("max_epochs", self._epochs())
        plugins = asked["plugins"] or []
        plugins = [*plugins] if isinstance(plugins, list) else [plugins]
        if asked["sync_batchnorm"] and device_kind(where) == "cpu":
            plugins.append(SyncBatchNorm())
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(VerifiedCheckpointIO())
        kwargs["plugins"] = plugins
        try:
            trainer: Trainer = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise ConfigError(
                f"the trainer cannot be built: {error}", "All options: torchedu fit --help"
            ) from None
        if self.checkpoint is None:
            check_batch(getattr(self.datamodule, "batch_size", None), trainer)
        keep_sums(trainer)
        if self.checkpoint is None and self.config.compile:
            trainer.callbacks.append(Compile())  # type: ignore[attr-defined]
        # It saves what the others have come to, the best score among it.
        trainer.callbacks.sort(key=lambda one: isinstance(one, LastCheckpoint))  # type: ignore[attr-defined]
        return trainer

    def _epochs(self) -> int:
        """Return as many epochs as make enough steps; a small class has few of them in one."""
        steps = getattr(self.datamodule, "steps_per_epoch", STEPS)
        epochs = min(max(-(-STEPS // steps), MAX_EPOCHS), 100)
        stop = self._get(self.config_init, "early_stopping")
        stop.patience = max(stop.patience, epochs // 3)
        return epochs

    def _usual_data(self) -> str:
        """Return the import path of the data module that the task takes if no other is named."""
        file = self.checkpoint
        task = self.task if file is None or not file.is_file() else type(open_task(file))
        return str(task.usual.get("data", DEFAULT_TASK.usual["data"]))

    def _grown(self, checkpoint: Path) -> Task:
        """Return the checkpoint's network with rows for the names of this run's data."""
        given = self._get(self.config_init, "model")
        start = open_task(checkpoint)
        if start.hparams["net"] != given.hparams["net"]:
            rank_zero_info(f"The network is the checkpoint's: {start.hparams['net']}")
        grown: Task = start.grown(self.datamodule.vocabulary)
        for name in grown.trained_by:  # how to train is said by the words
            setattr(grown, name, getattr(given, name))
            grown.hparams[name] = getattr(given, name)
        return grown


def saved_data(checkpoint: Path | None) -> dict[str, Any] | None:
    """Return the data section of the configuration that stands beside a checkpoint.

    Args:
        checkpoint: The file.

    Returns:
        The section; None where there is no such configuration, or it names no data.

    Raises:
        ConfigError: The file there is no configuration.
    """
    file = None if checkpoint is None else RunFolder.of_checkpoint(checkpoint).config
    if file is None or not file.is_file():
        return None
    try:
        data: dict[str, Any] | None = yaml.safe_load(file.read_text("utf-8")).get("data")
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        raise ConfigError(
            f"{file} is no configuration that torchedu wrote: {error}",
            "Name the data instead: --data.path answers.csv.",
        ) from None
    return data


def _callbacks(monitor: str) -> list[Callback]:
    best = ModelCheckpoint(
        filename=Path(RunFolder.BEST).stem,
        monitor=monitor,
        mode="max",
        enable_version_counter=False,
        auto_insert_metric_name=False,
    )
    return [best, VocabularyFile(), AnswersProgressBar()]


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
