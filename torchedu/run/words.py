"""What the words of a command say before they are parsed: recipes, the task, its network."""

import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any

from torchedu.bounded import parse_yaml
from torchedu.errors import ConfigError
from torchedu.parsing import configuration
from torchedu.permissions import is_trusted
from torchedu.run_folder import RunFolder
from torchedu.strategies.named import AUTO, strategy_word
from torchedu.tasks import KnowledgeTracing, Task

DEFAULT_TASK = KnowledgeTracing
FILE = ("--config", "-c")
STRATEGY = "--trainer.strategy"
START = "--init_from"
CLASSES = (
    "class_path", "model", "net", "data", "callbacks", "logger", "strategy", "plugins",
    "profiler", "optimizer", "lr_scheduler", "accelerator",
)  # fmt: skip
"""Last names of options that may hold the import path of a class."""
DIVIDES = tuple(
    f"--data.{name}"
    for name in ("split", "split_column", "val", "val_presentations", "test", "folds", "fold")
)
"""Options that say how data is divided."""
LIBRARIES = ("torchedu.", "lightning.pytorch.", "torch.optim.")
"""Where classes stand that a configuration may name, whoever wrote it."""
PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")


class Words:
    """The words of a command, and the configuration files among them, read once.

    Args:
        words: The words after the command.

    Attributes:
        task: The task that the words, or else a configuration file among them, name.
        names_task: Whether they name one.
        start: The checkpoint that training starts from, where one is named.
        names_net: Whether they name its network.
        names_patience: Whether they say how long training goes on without a better score.
        names_data: Whether they may say which data is meant.
        names_path: Whether they may say where it stands.
        divides: Whether they say how it is divided.

    Raises:
        ConfigError: A configuration is neither a file nor a recipe, or no YAML; or there is no
            such strategy.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._files: list[dict[str, Any]] = []
        self._options: list[str] = []
        self._pieces: list[list[str]] = [[]]  # what comes first, then each option with its value
        tasks: list[str] = []
        self.start = ""
        classes: list[str] = []  # that words name, or values in which they do
        waiting = ""  # the option whose value is the next word
        for word in _in_order(words):
            option, equals, value = (waiting, "=", word) if waiting else word.partition("=")
            if not waiting:
                self._options.append(option)
                self._pieces.append([])
            if equals and option in FILE:
                value = self._read(value)
            elif equals and option == STRATEGY:
                value = strategy_word(value)
            elif equals and option == "--model":
                tasks.append(value)
            elif equals and option == START:
                self.start = value
            is_class = option.lstrip("-").rstrip("+").rpartition(".")[2] in CLASSES
            if equals and is_class:
                classes.append(value)
            takes = not equals and (option in (*FILE, STRATEGY, START) or is_class)
            self._pieces[-1].append(value if waiting else f"{option}{equals}{value}")
            waiting = option if takes else ""
        if waiting in FILE:
            self._read("")
        named = {path.partition(".")[0] for value in classes for path in PATH.findall(value)}
        for content in self._files:
            check_classes(content, named)
        self._name_strategy()
        in_files = [str(model.get("class_path", "")) for model in self._sections("model")]
        self.names_task = any([*in_files, *tasks])
        self.task = _task([*in_files, *tasks])
        chosen = any("net" in _init_args(model) for model in self._sections("model"))
        self.names_net = chosen or "--model.net" in self._options
        self.names_patience = "--early_stopping.patience" in self._options or any(
            "patience" in stop for stop in self._sections("early_stopping")
        )
        about = ("--data", "--config", "-c", "-h", "--help")
        self.names_data = any(option.startswith(about) for option in self._options)
        paths = ("--data.path", "--data.init_args.path", "--data", *FILE)
        self.names_path = any(option in paths for option in self._options)
        self.divides = any(option.replace(".init_args", "") in DIVIDES for option in self._options)

    def for_network(self) -> list[str]:
        """Return what a parser takes: recipes are files, and a strategy is its class."""
        return [word for piece in self._pieces for word in piece]

    def for_training(self) -> list[str]:
        """Return what a parser takes that builds the task too, with its usual network if need be.

        Raises:
            ConfigError: A size of the data is given, which would be of no effect.
        """
        options = {option.replace(".init_args.", ".") for option in self._options}
        given = {name for model in self._sections("model") for name in _init_args(model)}
        for size in self.task.sizes:
            if f"--model.{size}" in options or size in given:
                raise ConfigError(
                    f"⟦model.{size}⟧ is given, which is not yours to choose: it is the data's.",
                    "Leave it out; it is counted in what --data.path names.",
                )
        if self.names_net or "net" not in self.task.usual:
            return self.for_network()
        at = 1 + self._options.index("--model") if "--model" in self._options else 0
        first, after = self._pieces[: at + 1], self._pieces[at + 1 :]
        pieces = [*first, [f"--model.net={self.task.usual['net']}"], *after]
        return [word for piece in pieces for word in piece]

    def _read(self, name: str) -> str:
        """Keep what stands in a configuration file, and return its path."""
        file = configuration(name)
        try:
            content = parse_yaml(Path(file).read_text("utf-8"))
        except ValueError as error:
            raise ConfigError(
                f"--config {file} is no YAML: {error}",
                f"Give a recipe or a run's {RunFolder.CONFIG}.",
            ) from None
        except OSError:
            content = None  # told when the words are parsed
        if isinstance(content, dict):
            self._files.append(content)
        return file

    def _sections(self, name: str) -> list[dict[str, Any]]:
        """Return a section of each configuration file that has it."""
        sections = [content.get(name) for content in self._files]
        return [section for section in sections if isinstance(section, dict)]

    def _name_strategy(self) -> None:
        """Give the class of the last strategy that a file names, so that words set its options."""
        names = [section.get("strategy") for section in self._sections("trainer")]
        words = [strategy_word(name) for name in names if isinstance(name, str)]
        if words and words[-1] != AUTO:
            last = max(i for i, option in enumerate(self._options) if option in FILE)
            self._pieces[last + 1].append(f"{STRATEGY}={words[-1]}")


def _in_order(words: Sequence[str]) -> list[str]:
    """Return the words with files first, and the options of a class after what names it.

    A parser reads them in turn: a file would undo the options before it, and a class get those of
    the class that was meant before.
    """
    pieces: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--") or word.partition("=")[0] in FILE:
            pieces.append([])
        pieces[-1].append(word)
    pieces[1:] = sorted(pieces[1:], key=lambda piece: piece[0].partition("=")[0] not in FILE)
    for name in sorted({_name(piece) for piece in pieces}):  # a class before those within it
        names = [_name(piece) for piece in pieces]
        first = names.index(name)
        if name.rpartition(".")[2] in CLASSES:
            early = [i for i in range(first) if names[i].startswith(f"{name}.")]
            moved = [pieces[i] for i in (first, *early)]
            before, after = pieces[:first], pieces[first + 1 :]
            pieces = [piece for i, piece in enumerate(before) if i not in early] + moved + after
    return [word for piece in pieces for word in piece]


def _name(piece: Sequence[str]) -> str:
    """Return the name of an option that stands with its value, without dashes."""
    option = piece[0].partition("=")[0] if piece else ""
    return option.lstrip("-").replace(".init_args", "")


def check_classes(content: Any, named: Collection[str] = ()) -> None:
    """Refuse classes of a configuration that are neither a library's nor trusted.

    Args:
        content: What the file holds.
        named: Packages that the words name a class of.

    Raises:
        ConfigError: It names another, which would be imported.
    """
    for path in _class_paths(content):
        module = path.rpartition(".")[0]
        known = not module or path.startswith(LIBRARIES) or path.partition(".")[0] in named
        if not (known or is_trusted(module) or module in sys.modules):
            raise ConfigError(
                f"a configuration names the class {path!r}, whose code is not torchedu's.",
                f"If you trust it, name its module: ⟦trust⟧ {path.partition('.')[0]}.",
            )


def _class_paths(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _class_paths(item, str(name).rpartition(".")[2])
    elif isinstance(value, list):
        for item in value:
            yield from _class_paths(item, key)
    elif isinstance(value, str) and key in CLASSES:
        yield value


def _task(names: Sequence[str]) -> type[Task]:
    """Return the last of the names that is a task's."""
    kinds = {kind.__name__: kind for kind in subclasses(Task)}
    for name in reversed(names):
        module, _, kind = name.rpartition(".")
        if kind in kinds and (not module or module.split(".")[0] == "torchedu"):
            return kinds[kind]
        with suppress(ImportError, AttributeError, ValueError):
            own = getattr(import_module(module), kind)
            if isinstance(own, type) and issubclass(own, Task):
                return own
    return DEFAULT_TASK


def _init_args(model: dict[str, Any]) -> dict[str, Any]:
    return model.get("init_args") or {}


def subclasses(base: type) -> list[type]:
    """Return the concrete classes of a kind that torchedu holds, by name."""
    classes: list[type] = [base]
    for kind in classes:
        classes.extend(set(kind.__subclasses__()) - set(classes))
    ours = [kind for kind in classes if kind.__module__.startswith("torchedu")]
    return sorted((kind for kind in ours if not isabstract(kind)), key=lambda kind: kind.__name__)
