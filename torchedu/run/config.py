"""The words of a command as a configuration, from which its runs are built."""

from collections.abc import Sequence
from copy import deepcopy
from enum import Enum
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from torchedu.bounded import parse_yaml, yaml_text
from torchedu.callbacks import GradientGuard, HungRank
from torchedu.checkpoints import Checkpoint, LastCheckpoint, open_checkpoint
from torchedu.datamodules.base import DataModule
from torchedu.domains.building import check_arguments, class_by_path, class_path
from torchedu.errors import CheckpointError, ConfigError
from torchedu.files import write_whole
from torchedu.parsing import LOGS, TwoLineErrors, whole_first
from torchedu.ranges import SEED, check_range
from torchedu.run.asked import is_free
from torchedu.run.start import PATIENCE as START_TIMEOUT
from torchedu.run.trainers import EPOCHS, MOST_EPOCHS, PATIENCE, STEPS, quiet
from torchedu.run.words import DEFAULT_TASK, STRATEGY, Words, subclasses
from torchedu.run_folder import RunFolder
from torchedu.strategies.named import strategies_help
from torchedu.strict import IMPORT_PATH, check, either, json_value, nothing, record, table, text
from torchedu.tasks import Task
from torchedu.tasks.opening import task_class

_SECTION = record(
    {
        "class_path": text(IMPORT_PATH, 500, "the import path of a class"),
        "init_args": either(
            nothing, table(json_value, text(r"[A-Za-z_]\w*", 100, "the name of an option"))
        ),
    },
    ("class_path",),
)
"""What a run's configuration says of its data."""


OF_THE_RUN = {"run", "resume", "resume_with", "log"}
"""Options that belong to one run, and not to another of the same words."""
PLACES = {"path", "out", "features", "encoder", "tokenizer", "source", "init_from"}
"""Last names of options that may hold a path, relative to where the command was given."""


class RunParser(TwoLineErrors, LightningArgumentParser):
    """The parser of the commands that build a run."""

    def format_help(self, formatter: Any = None) -> str:
        """Return the help, which begins with the strategies and the classes known."""
        lines = [f"{STRATEGY} {name}: {text}" for name, text in strategies_help().items()]
        return "\n".join([*lines, super().format_help(formatter)])


class KeptConfig(SaveConfigCallback):
    """Keeps the configuration that a run began with, and below it what was changed as it went on.

    Where things stand and how they are spread is as it is now: no number depends on that.

    Attributes:
        changes: Lines of comment that still come to those of the configuration before.
    """

    changes: Sequence[str] = ()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save it, so that it can be trained again from any folder: under a name of its own."""
        self.config = _from_anywhere(self.config)
        file = RunFolder.of_trainer(trainer).config
        before = file.read_text("utf-8") if file.is_file() else ""
        super().setup(trainer, pl_module, stage)
        if (before or self.changes) and trainer.is_global_zero:
            now = file.read_text("utf-8")
            write_whole(file, _as_it_began(before or now, now, self.changes).encode())
            self.changes = ()  # the scoring after training comes here again


def _from_anywhere(config: Namespace) -> Namespace:
    """Return words without the run that they were of, and with whole paths of what is here."""
    kept = _words(config)
    for name in OF_THE_RUN.intersection(kept.keys()):
        kept[name] = None
    for name, value in config.as_flat().__dict__.items():
        is_place = name.rpartition(".")[2] in PLACES and isinstance(value, str)
        if is_place and "://" not in value and Path(value).exists():
            kept[name] = str(Path(value).resolve())
    return kept


def _words(value: Any) -> Any:
    """Return a copy of a value as words give it: a name of an enumeration is a text."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Namespace):
        copied = Namespace()  # type: ignore[no-untyped-call]
        for name, part in vars(value).items():
            setattr(copied, name, _words(part))
        return copied
    return [_words(part) for part in value] if isinstance(value, list) else deepcopy(value)


def _as_it_began(before: str, now: str, changes: Sequence[str]) -> str:
    """Return a configuration with the words of an earlier one, but for those that are free."""
    first = parse_yaml(before)
    words = _merged(first, parse_yaml(now))
    lines = before.splitlines()
    if words != first:
        kept = [line for line in lines if line.startswith("#")]
        lines = [*kept[:1], *yaml_text(words).splitlines(), *kept[1:]]
    return "\n".join([*lines, *changes, ""])


def _merged(first: Any, last: Any, name: str = "") -> Any:
    if name and is_free(name):
        return last
    if not (isinstance(first, dict) and isinstance(last, dict)):
        return first
    return {
        key: _merged(
            value, last.get(key), name if key == "init_args" else f"{name}.{key}".strip(".")
        )
        for key, value in first.items()
    }


class RunConfig(LightningCLI):
    """What the words of a command ask for: ``model`` (a task), ``data`` and ``trainer``.

    The words are read once. Nothing is built yet: ``torchedu.run.build`` does, as often as asked.

    Args:
        words: The words after the command.
        command: ``fit``, which trains a task; or a command on a trained network.
        checkpoint: For the latter, the network; unless the words say otherwise, the data of its run
            is meant. Only help is given without it.

    Attributes:
        config: The values of all options.
        task: The class of the task.
        trains: Whether a task is built to be trained.
        checkpoint: The trained network.
        start: What training begins with, where that alone names the task.
        names_path: Whether the words say where the data stands, and not a file beside a checkpoint.
        divides: Whether the words say how it is divided.
        names_net: Whether they name a network.
        names_patience: Whether they say how long training goes on without a better score.

    Raises:
        ConfigError: A word is wrong, or nothing says which data is meant.
        CheckpointError: No task of torchedu wrote the checkpoint.
    """

    def __init__(
        self, words: Sequence[str], command: str = "fit", checkpoint: Checkpoint | None = None
    ) -> None:
        quiet()
        self.checkpoint = checkpoint
        self.trains, self._predicts = command == "fit", command == "predict"
        self._words = Words(words)
        self.task = DEFAULT_TASK if checkpoint is None else task_class(checkpoint)
        self._data: dict[str, Any] | None = None
        self.names_path = True
        self.start: Checkpoint | None = None
        self.divides = self._words.divides
        self.names_net, self.names_patience = self._words.names_net, self._words.names_patience
        if self.trains:
            if self._words.start and not self._words.names_task:
                self.start = open_checkpoint(self._words.start)
                self._words.task = task_class(self.start)
            self.task = self._words.task
        elif checkpoint is not None:
            self._data = _data_of(checkpoint.file, self._words.names_data)
            self.names_path = self._data is None or self._words.names_path
        usage = command if self.trains else f"{command} CHECKPOINT"
        super().__init__(
            Task,
            DataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            parser_class=RunParser,
            parser_kwargs={"prog": f"torchedu {usage}", "description": ""},
            trainer_defaults={"log_every_n_steps": 10, "enable_model_summary": False},
            save_config_callback=KeptConfig if self.trains else None,
            save_config_kwargs={"overwrite": True},
            load_from_checkpoint_support=False,  # tasks keep plain hyperparameters of their own
            auto_configure_optimizers=self.trains,
            run=False,
            args=self._words.for_training() if self.trains else self._words.for_network(),
        )

    def learned(self) -> DataModule | None:
        """Return the data that the network was trained on, where its configuration says which."""
        given = {} if self._data is None else dict(self._data.get("init_args") or {})
        if self._data is None or "path" not in given:
            return None
        kind = class_by_path(self._data["class_path"], DataModule, "data")  # type: ignore[type-abstract]
        return kind(**given)

    def _data_meant(self) -> dict[str, Any] | None:
        """Return the data of the network's run, without its store's place where other is named."""
        if self._data is None or not self.names_path:
            return self._data
        given = self._data.get("init_args") or {}
        return {**self._data, "init_args": {k: v for k, v in given.items() if k != "out"}}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, task and data, with torchedu's defaults."""
        parser.add_lightning_class_args(Trainer, "trainer")
        whole_first(parser)
        parser.set_defaults({f"trainer.{k}": v for k, v in self.trainer_defaults.items()})
        parser.add_lightning_class_args(DataModule, "data", subclass_mode=True)
        usual = self.task.usual.get("data", DEFAULT_TASK.usual["data"])
        parser.set_defaults({"data": self._data_meant() or {"class_path": str(usual)}})
        parser.add_argument("--run", type=str | None, help="folder for what the run leaves")
        parser.add_argument(
            "--start_timeout",
            type=float,
            default=START_TIMEOUT,
            help="seconds that several processes wait for one another at the start",
        )
        if self.trains:
            parser.add_lightning_class_args(Task, "model", subclass_mode=True)
            usual = {"init_args": dict(self.task.usual.get("init_args", {}))}
            parser.set_defaults({"model": {"class_path": class_path(self.task), **usual}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what training needs besides, and link the data's sizes to the task."""
        assert isinstance(parser, RunParser)
        parser.classes = {"data": subclasses(DataModule)}
        if not self.trains:
            parser.add_argument("--format", default="parquet", help="of tables: parquet or csv")
            if self._predicts:
                _add_asks(parser)
            return
        parser.classes |= {"model": subclasses(Task), "model.net": subclasses(self.task.nets)}
        usual = self.task.usual.get("init_args", {})
        parser.class_defaults = {f"model.{k}": v for k, v in usual.items()}
        for size in self.task.sizes:
            parser.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults(
            {
                "early_stopping.monitor": self.task.monitor,
                "early_stopping.mode": "max",
                "early_stopping.patience": PATIENCE,
            }
        )
        parser.add_argument(
            "--enough.epochs",
            type=int | None,
            help="passes after which training ends, where neither the trainer is told nor the "
            f"network knows; {EPOCHS} where this is not given either",
        )
        parser.add_argument(
            "--enough.steps",
            type=int,
            default=STEPS,
            help="steps of the optimizer below which it goes on for more passes, "
            f"{MOST_EPOCHS} at most: small data has few steps in one",
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
            "--resume_with",
            type=str | None,
            help="what may differ from the words that the run began with, such as lr,max_epochs",
        )
        parser.add_argument(
            "--init_from",
            type=str | None,
            help="start from this network on other data; its vocabulary grows by the data's names",
        )
        parser.add_argument(
            "--log",
            type=str | None,
            help=f"log to another program too: {', '.join(LOGS)}",
        )
        parser.add_argument(
            "--compile", type=bool, default=False, help="compile the network's blocks for training"
        )
        parser.add_argument(
            "--lr_find", type=bool, default=False, help="find the learning rate before training"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the words."""
        self.config = parser.parse_args(args)

    def _set_seed(self) -> None:
        check_range("seed_everything", self.config.seed_everything, SEED)
        super()._set_seed()

    def instantiate_classes(self) -> None:
        """Build nothing yet."""


class _Unparsed(RunConfig):
    """Words of which the parser is wanted alone."""

    class Ready(Exception):
        """The parser, before it has parsed anything."""

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Hand the parser out."""
        raise self.Ready(parser)


def parser_of(command: str, words: Sequence[str] = ()) -> RunParser:
    """Return what parses the words of a command.

    Args:
        command: ``fit``, or a command on a trained network.
        words: Those of them that name the task.
    """
    try:
        _Unparsed(words, command)
    except _Unparsed.Ready as ready:
        parser: RunParser = ready.args[0]
        return parser
    raise AssertionError(command)


def _add_asks(parser: LightningArgumentParser) -> None:
    """Add what is asked of a network that follows students; see ``prediction.any_task.Asks``."""
    parser.add_argument(
        "--pages", type=bool, default=False, help="write a page a class and a page a student too"
    )
    for name, kind, default, said in (
        ("student", str | None, None, "this student alone: what to do next"),
        ("questions", str | None, None, "a CSV file of items to be asked of every student"),
        ("count", int, 5, "how many items come next"),
        ("target", float, 0.7, "the chance of a right answer that is wanted of them"),
        ("prerequisites", str | None, None, "a CSV file of skills and what they require"),
        ("mastered", float, 0.8, "mastery that opens what requires a skill"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default, help=said)


def _data_of(checkpoint: Path, is_named: bool) -> dict[str, Any] | None:
    """Return the data section of the configuration that stands beside a checkpoint.

    Args:
        checkpoint: The file.
        is_named: Whether data is named besides, so that there may be no such section.

    Raises:
        ConfigError: There is none, or the file there is no configuration.
    """
    file = RunFolder.of_checkpoint(checkpoint).config
    data: dict[str, Any] | None = None
    says_which = False
    try:
        if file.is_file():
            content = parse_yaml(file.read_text("utf-8"))
            check(content, table(json_value))
            data = content.get("data")
        if data is not None:
            check(data, _SECTION)
            # A run that was packed for others says how data is read, and not which.
            says_which = "path" in (data.get("init_args") or {"path": None})
            kind = class_by_path(data["class_path"], DataModule, "data")  # type: ignore[type-abstract]
            check_arguments(kind, data.get("init_args") or {})
    except ValueError as error:
        raise ConfigError(
            f"{file} is no configuration that torchedu wrote: {error}",
            "Name the data instead: --data.path answers.csv.",
        ) from None
    except CheckpointError as error:
        problem = error.problem.replace("the checkpoint", f"{file}", 1)
        raise ConfigError(problem, error.remedy) from None
    if not (says_which or is_named):
        raise ConfigError(
            f"{checkpoint} has no {RunFolder.CONFIG} beside its folder that says which data is "
            "meant.",
            "Name it: --data.path answers.csv.",
        )
    return data
