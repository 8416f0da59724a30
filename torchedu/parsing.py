"""One dialect for every command: parsers that tell a mistake in two lines."""

import difflib
import inspect
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, get_args

from jsonargparse import ArgumentParser, auto_cli

from torchedu.errors import ConfigError, MissingExtraError, TorcheduError, allowed

RECIPES = Path(__file__).parent / "recipes"
THEIRS = {
    **dict.fromkeys(("learning_rate", "base_lr", "eta"), "lr"),
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs", "num_train_epochs"), "max_epochs"),
    "device": "accelerator",
    **dict.fromkeys(("gpus", "num_gpus", "n_gpus", "gpu", "nproc_per_node"), "devices"),
    **dict.fromkeys(("bs", "batch", "per_device_train_batch_size"), "batch_size"),
    **dict.fromkeys(("random_seed", "seed", "random_state"), "seed_everything"),
    **dict.fromkeys(("workers", "n_workers"), "num_workers"),
    **dict.fromkeys(("wd", "l2"), "weight_decay"),
    **dict.fromkeys(("output_dir", "out", "output", "save_dir", "log_dir"), "run"),
    **dict.fromkeys(("resume_from", "resume_from_checkpoint"), "resume"),
    **dict.fromkeys(("amp", "fp16", "bf16"), "precision"),
    **dict.fromkeys(("data_dir", "data_path", "dataset", "train_file"), "path"),
    "report_to": "log",
    "gradient_accumulation_steps": "accumulate_grad_batches",
    "max_grad_norm": "gradient_clip_val",
}
"""What other programs call options, and the last name of ours."""


class TwoLineErrors(ArgumentParser):
    """A parser that takes no abbreviations and raises ``ConfigError`` instead of printing usage."""

    classes: Mapping[str, Sequence[type]]
    """For options that name a class, the classes known."""
    class_defaults: Mapping[str, object]
    """Values of those classes' options that are not the ones in their signatures."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self.classes = {}
        self.class_defaults = {}

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the mistake as the two lines that a user sees."""
        if not self.exit_on_error:  # a parser inside another's: the outer one tells the whole
            super().error(message, ex)
        choices = {name: [kind.__name__ for kind in kinds] for name, kinds in self.classes.items()}
        options = [*option_names(self), *class_options(self.classes)]
        raise explain(message, options, choices, self.prog) from None

    def format_help(self, formatter: Any = None) -> str:
        """Return the help, which begins with the options of the classes known."""
        own = describe(self.classes, self.class_defaults)
        return f"{own}\n\n{super().format_help()}" if own else super().format_help()


def cause_of(error: BaseException, prog: str) -> BaseException:
    """Return the user's mistake that a chain of errors began with, or the error itself."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, TorcheduError):
            return link
        link = link.__cause__ or link.__context__
    # What a constructor said to jsonargparse: our own errors in two lines, torch's of a width of 0.
    ours = re.findall(r"^\s*- (.+)\n    (\S.*)$", str(error), re.M)
    if ours:
        return ConfigError(*ours[-1])
    said = re.search(r"^Errors:\n\s*- (.+)$", str(error), re.M)
    if said:
        return ConfigError(f"the run cannot be built: {said[1]}", f"Options: {prog} --help")
    return error


def run_functions(
    functions: Callable[..., None] | Mapping[str, Callable[..., None]],
    arguments: Sequence[str],
    command: str,
) -> None:
    """Parse the arguments of plain functions and call the one chosen.

    Args:
        functions: One function, or several by subcommand; options are read from their signatures
            and help from their docstrings.
        arguments: The words after the command.
        command: The command's name.

    Raises:
        ConfigError: An option or value is wrong.
    """
    components: Any = functions if callable(functions) else dict(functions)
    auto_cli(
        components,
        args=list(arguments) or ([] if callable(functions) else ["--help"]),
        parser_class=TwoLineErrors,
        prog=f"torchedu {command}",
        as_positional=True,
    )


def listed(words: Sequence[str]) -> list[str]:
    """Return words with those before the first option as one, a list."""
    end = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return [*([json.dumps(list(words[:end]))] if end else []), *words[end:]]


def describe(classes: Mapping[str, Sequence[type]], defaults: Mapping[str, object]) -> str:
    """Return a line of help for each class that an option may name, and for each of its options.

    Args:
        classes: The classes by the option that names one. An argument without a default is filled
            in from elsewhere and has no option.
        defaults: Values of options that are not those of the classes' signatures.

    Returns:
        Lines of at most 100 characters.
    """
    lines = []
    for option, kind in [(option, kind) for option, kinds in classes.items() for kind in kinds]:
        lines.append(
            f"--{option} {kind.__name__}: {(inspect.getdoc(kind) or '').partition('.')[0]}"
        )
        docs = argument_docs(kind)
        for name, default in _own_options(kind).items():
            value = defaults.get(f"{option}.{name}", default)
            full = f"--{option}.{name} {'' if value is None else value}"
            lines.append(f"    {full:31} {docs.get(name, '')}".rstrip())
    return "\n".join(line if len(line) <= 100 else f"{line[:97]}..." for line in lines)


@cache
def argument_docs(kind: type) -> dict[str, str]:
    """Return the first sentence on each argument in the docstrings of a class and its bases.

    Args:
        kind: The class.
    """
    docs = {}
    for base in reversed(kind.__mro__):
        doc = inspect.cleandoc(base.__doc__ or "")
        section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", doc, re.M | re.S)
        for name, text in re.findall(
            r"^    (\w+): (.*?)(?=^    \w|\Z)", section[1] if section else "", re.M | re.S
        ):
            docs[name] = re.split(r"[.;:](?:\s|$)", " ".join(text.split()))[0]
    return docs


def class_options(classes: Mapping[str, Sequence[type]]) -> list[str]:
    """Return the options of the classes that an option may name, without their dashes.

    Args:
        classes: The classes by the option that names one.
    """
    each = ((option, kind) for option, kinds in classes.items() for kind in kinds)
    return list(dict.fromkeys(f"{at}.{name}" for at, kind in each for name in _own_options(kind)))


def _own_options(kind: type) -> dict[str, object]:
    """Return the arguments of a class that have a default, and it."""
    given = inspect.signature(kind).parameters.values()
    return {a.name: a.default for a in given if a.default is not inspect.Parameter.empty}


def whole_first(parser: ArgumentParser) -> None:
    """Have a parser read 1 as a whole number wherever an option may be a share too, and 1.0 is all.

    Python keeps one of two unions that differ in their order alone, so that the kind which is
    tried first would be that of whatever was imported first.
    """
    for action in parser._actions:
        kinds = get_args(vars(action).get("_typehint"))
        if {int, float} <= set(kinds):
            ordered = sorted(kinds, key=lambda kind: kind is not int)
            vars(action)["_typehint"] = reduce(operator.or_, ordered)


def option_names(parser: ArgumentParser) -> list[str]:
    """Return the options of a parser, without their dashes."""
    options = [option for action in parser._actions for option in action.option_strings]
    names = [option[2:] for option in options if option.startswith("--")]
    return [name for name in names if not name.endswith(".help")]


def explain(
    message: str, options: Sequence[str], choices: Mapping[str, Sequence[str]], prog: str
) -> ConfigError:
    """Turn a parser's message, often of a dozen lines, into what is wrong and what to do.

    Args:
        message: What jsonargparse says.
        options: The options that exist.
        choices: For options that name a class, the names known.
        prog: The command, for the pointer to its help.

    Returns:
        The error to raise.
    """
    more = f"Options: {prog.replace(' [options]', '')} --help"
    known = [*options, *choices]
    unknown = re.search(r"unrecognized arguments: (\S+)", message)
    if unknown:
        name = unknown[1].lstrip("-").partition("=")[0]
        if not unknown[1].startswith("-"):
            return ConfigError(f"{name!r} is one word too many.", more)
        return unknown_option(name, known, prog)
    needed = re.match(r"the following arguments are required: (.+)", message)
    if needed:
        names = [f"--{name}" if name in options else name for name in needed[1].split(", ")]
        missed = "which is not given" if len(names) == 1 else "which are not given"
        return ConfigError(f"{prog} needs {' and '.join(names)}, {missed}.", more)
    key = re.search(r'Parser key "([^"]+)"', message)
    if key is None:
        # A configuration file's words, not the command line's.
        stray = re.match(r"(?:Group '([^']+)' does not accept o|O)ption '([^']+)'", message)
        if stray:
            name = ".".join(filter(None, stray.groups()))
            remedy = f"{_nearest(name, known)}{more}"
            return ConfigError(f"the option {name} is not known.", remedy, option=name)
        return ConfigError(" ".join(message.split())[:300], more)
    nested = re.search(r"NestedArg\(key='([^']+)', val='?(.*?)'?\)\s*$", message, re.S)
    given = re.search(r".*(?:Given|Got) value: (.*?)\s*$", message, re.S)  # the last: all of it
    option = f"{key[1]}.{nested[1]}" if nested else key[1]
    value = nested[2] if nested else given[1] if given else None
    value = "null" if value == "None" else value
    keys = list(dict.fromkeys(re.findall(r'Parser key "([^"]+)"', message)))
    if len(keys) > 1 and not nested:  # in a configuration file, where values are whole sections
        option = ".".join(keys)
        deep = re.search(r"(?:path but|path string:|(?:Given|Got) value:) (\S+)", message)
        value = deep[1] if deep else value
    refused = re.search(r"Option '([^']+)' is not accepted", message)
    if refused:
        (*_, path) = re.findall(r"class_path[ =]'([^']+)'", message)
        option = option if option.endswith(refused[1]) else f"{option}.{refused[1]}"
        return ConfigError(
            f"{path.rpartition('.')[2]} has no option --{option}.",
            allowed(refused[1], _arguments(path)),
            option=option,
            allowed=_arguments(path),
        )
    missing = re.search(
        r"class_path '(?:[\w.]*\.)?(\w+)':\s+the following arguments are required: (\S+)", message
    )
    if missing:
        option = f"{option}.{missing[2]}"
        problem = f"{missing[1]} needs --{option}, which is not given."
        return ConfigError(problem, more, option=option)
    if option in choices and re.search("import path|path but|not a subclass", message):
        if value and "\n" in value:  # a file's content: its name was given
            return ConfigError(
                f"--{option} is given a file.",
                f"Data is named by --data.path FILE. {more}",
                option=option,
            )
        return unknown_class(option, value, choices[option])
    kinds = dict.fromkeys(re.findall(r"Expected an? (.+?)(?:\. Got value|\. Got|\n|$)", message))
    if not kinds or value is None:
        inner = " ".join(message[key.end() :].strip(": \n").split())
        return ConfigError(f"--{option}: {inner[:300]}", more, option=option)
    expected = dict.fromkeys(kind for text in kinds for kind in _plain(text))
    if any(kind.isdigit() for kind in expected):
        expected.pop("a whole number", None)  # some are, and these are named
    if nested:
        expected.pop("null", None)  # that is what the whole of it may be, not this part
    remedy = allowed(value, expected, most=20)
    return ConfigError(
        f"--{option} is {value!r}.", remedy, option=option, value=value, allowed=expected
    )


def unknown_option(name: str, known: Iterable[str], prog: str) -> ConfigError:
    """Return what is wrong with an option that there is not.

    Args:
        name: What was given, without dashes.
        known: The options that there are.
        prog: The command.
    """
    remedy = f"{_nearest(name, known)}Options: {prog} --help"
    return ConfigError(f"the option --{name} is not known.", remedy, option=name)


def none_named(command: str) -> ConfigError:
    """Return what is wrong with a command that needs a trained network and names none."""
    return ConfigError(
        f"torchedu {command} needs a trained network, and none is named.",
        f"Give a run's folder or a checkpoint: torchedu {command} runs/version_0",
    )


def unknown_class(option: str, value: str | None, known: Sequence[str]) -> ConfigError:
    """Return what is wrong with the name of a class that there is not.

    Args:
        option: The option that names a class.
        value: The name.
        known: The classes that there are.
    """
    return ConfigError(
        f"--{option} {value!r} is not known.",
        f"{allowed(value or '', known)} Or give the import path of your own class.",
        option=option,
        value=value,
        allowed=known,
    )


def configuration(name: str) -> str:
    """Return the file of a configuration that is named by its recipe or its path.

    Raises:
        ConfigError: It is neither a file nor a recipe.
    """
    known = {file.stem: str(file) for file in sorted(RECIPES.glob("*.yaml"))}
    file = known.get(name, name)
    if not Path(file).is_file():
        raise ConfigError(
            f"--config {name!r} is neither a file nor a recipe.", allowed(name, known)
        )
    return file


def _nearest(name: str, options: Iterable[str]) -> str:
    """Say which option is meant: one of that last name, as others call it too, or spelt like it."""
    known = list(options)
    own = name.replace("-", "_").rpartition(".")[2]
    own = THEIRS.get(own, own)
    near = [option for option in known if option.rpartition(".")[2] == own]
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean --{min(near, key=lambda option: option.count('.'))}? " if near else ""


def _plain(kind: str) -> list[str]:
    """Name a type as a user would."""
    literal = re.match(r"typing.Literal\[(.+)\]", kind)
    if literal:
        return [name.strip().strip("'") for name in literal[1].split(",")]
    if kind.startswith("path but"):
        return []  # said again, and better, as another kind
    if kind.startswith("dot import path"):
        return ["a class or its import path"]
    kind = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", kind)
    return {
        "NoneType": ["null"],
        "bool": ["true", "false"],
        "int": ["a whole number"],
        "float": ["a number"],
        "str": ["a text"],
        "list": ["a list such as [a, b]"],
        "dict": ["a mapping such as {a: b}"],
    }.get(kind, [kind])


def _arguments(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    return list(inspect.signature(getattr(import_module(module), name)).parameters)


LOGS = {
    "wandb": ("wandb", "wandb"),
    "mlflow": ("mlflow", "mlflow"),
    "tensorboard": ("tensorboard", "track"),
}
"""By the word of another program that keeps logs, its package and the extra that installs it."""
LOGGERS = {"WandbLogger": "wandb", "MLFlowLogger": "mlflow", "TensorBoardLogger": "tensorboard"}
"""The words of Lightning's loggers."""


def check_log(word: str) -> None:
    """Refuse a log that is not known, or whose package is not here.

    Args:
        word: One of ``LOGS``.

    Raises:
        ConfigError: It is none.
        MissingExtraError: Its package is not installed.
    """
    if word not in LOGS:
        raise ConfigError(f"⟦log⟧ is {word!r}.", allowed(word, LOGS), option="log", value=word)
    package, extra = LOGS[word]
    if find_spec(package) is None:
        raise MissingExtraError(f"A log of {word}", package, extra)
