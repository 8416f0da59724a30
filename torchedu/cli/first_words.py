"""A command's words, looked at before what trains is imported: most mistakes are told at once."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from torchedu.errors import ConfigError
from torchedu.parsing import (
    RECIPES,
    check_log,
    configuration,
    none_named,
    unknown_class,
    unknown_option,
)
from torchedu.run_folder import RunFolder

KNOWN = Path(__file__).parent / "known_words.json"
"""Options and classes; ``scripts/known_words.py`` writes them from the commands' parsers."""
CHECKED = {"fit": "fit", "validate": "test", "test": "test", "predict": "predict"}
"""Commands whose words are looked at, and under which name ``KNOWN`` has theirs."""
LIGHTNINGS = {
    "trainer": "trainer/trainer.py",
    "early_stopping": "callbacks/early_stopping.py",
}
"""Groups of options that are arguments of Lightning's classes, and where those stand: another
version than ours may have more."""
CLASSES = ("data", "model", "model.net")
"""Options that name a class of torchedu's."""
DEFAULT_TASK = "KnowledgeTracing"
CONFIGS = ("--config", "-c")
OF_DATA = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".jsonl", ".zip", ".gz", ".store")
"""Endings of what data is read from, that no class and no configuration has."""
HELP = ("-h", "--help")


def check(command: str, words: Sequence[str], here: bool = True) -> None:
    """Refuse words that the command would refuse, as far as this can be told without training.

    Options, classes, recipes, and whether data with its columns, network and the run's folder are
    there or free.
    What passes is looked at again, as a whole, by the command itself.

    Args:
        command: The command.
        words: The words after it.
        here: Whether it runs on this machine, where its data and the run's folder are.

    Raises:
        TorcheduError: A word is wrong.
    """
    if command not in CHECKED or set(words) & set(HELP):
        return
    known = words_known(command)
    given = list(_given(words))
    files = [configuration(value) for option, value in given if option in CONFIGS]
    own = _own_classes(given, files)
    task = _task(given, files)
    usage = f"torchedu {command}" + " CHECKPOINT" * (command != "fit")
    last = dict(given)
    _check_alone(command, words)
    _check_names(last, known)
    for option, value in given:
        name = option.lstrip("-").rstrip("+").replace(".init_args", "")
        passes = own or name in known["sizes"] or _is_known(name, known["options"])
        if option.startswith("--") and not passes:
            raise unknown_option(name, [*known["options"], *CLASSES, "threads"], usage)
        classes = known.get(f"{name} of {task}", known.get(name))
        if name in CLASSES and classes and not (own or _is_class(value, classes)):
            raise unknown_class(name, value, classes)
    if command == "fit":
        if "--log" in last:
            check_log(last["--log"])
        if here:
            _check_places(last)
            plain = set(map(str, RECIPES.glob("*.yaml"))).issuperset(files)
            if plain and last.get("--data.path") and "://" not in last["--data.path"]:
                # What reads data is imported for that; of another class nobody knows its columns.
                from torchedu.cli.first_columns import check_columns

                check_columns(last["--data.path"], given, task if "--data" not in last else "")
    else:
        _check_data(last)
        if words and not words[0].startswith("-") and "://" not in words[0]:
            RunFolder.find(Path(words[0]))


def words_known(command: str) -> dict[str, list[str]]:
    """Return the options of a command, and the names of classes by the option that takes them."""
    known: dict[str, dict[str, list[str]]] = json.loads(KNOWN.read_text("utf-8"))
    return known[CHECKED[command]]


def _given(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option and its value; an empty one where it has none."""
    option = ""
    for word in words:
        if word.startswith("--") or word in CONFIGS:
            if option:
                yield option, ""
            option, equals, value = word.partition("=")
            if equals:
                yield option, value
                option = ""
        elif option:
            yield option, word
            option = ""
    if option:
        yield option, ""


def _own_classes(given: Sequence[tuple[str, str]], files: Sequence[str]) -> bool:
    """Say whether classes of other packages may be named, whose options nobody knows here."""
    texts = [value for option, value in given if option not in CONFIGS]
    recipes = {str(file) for file in RECIPES.glob("*.yaml")}
    texts += [_text(file) for file in files if file not in recipes]
    return any("class_path" in text or _names_class(text) for text in texts)


def _task(given: Sequence[tuple[str, str]], files: Sequence[str]) -> str:
    """Return the name of the task that is asked for; none where a checkpoint says it."""
    named = [DEFAULT_TASK, *("" for option, _ in given if option == "--init_from")]
    for file in files:
        named += re.findall(r"^model:\n(?:  .*\n)*?  class_path: *([\w.]+)", _text(file), re.M)
    named += [value for option, value in given if option == "--model"]
    return named[-1].rpartition(".")[2]


def _text(file: str | Path) -> str:
    return Path(file).read_text("utf-8", "replace")


def _names_class(text: str) -> bool:
    """Say whether a text is the import path of a class that is not torchedu's."""
    *module, name = text.split(".")
    path = bool(module) and all(part.isidentifier() for part in module) and name.isidentifier()
    return path and module[0] != "torchedu" and name[:1].isupper()


def _is_known(name: str, options: Sequence[str]) -> bool:
    if name in options or name.endswith(".help"):
        return True
    group, _, argument = name.partition(".")
    if group in LIGHTNINGS and _has_argument(LIGHTNINGS[group], argument.partition(".")[0]):
        return True
    # Below an option that is no group of others stands what belongs to its value.
    parts = name.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    return any(
        place in options and not any(other.startswith(f"{place}.") for other in options)
        for place in above
    )


def _has_argument(file: str, name: str) -> bool:
    """Say whether a class of Lightning, as it is installed, has an argument, by its source."""
    spec = find_spec("lightning")
    places = (spec and spec.submodule_search_locations) or []
    sources = [Path(place) / "pytorch" / file for place in places]
    lines = [line for source in sources if source.is_file() for line in _text(source).splitlines()]
    return any(line.strip().startswith(f"{name}:") for line in lines)


def _is_class(value: str, known: Sequence[str]) -> bool:
    """Say whether a value may name a class: one known, a path of one, or a section."""
    return not value or value in known or not value.isidentifier()


def _check_alone(command: str, words: Sequence[str]) -> None:
    """Refuse words of no option, but for the checkpoint that a command begins with.

    Raises:
        ConfigError: There is such a word, or no checkpoint.
    """
    named = command != "fit" and bool(words) and not words[0].startswith("-")
    if not (command == "fit" or named or any(word.startswith("--ckpt_path") for word in words)):
        raise none_named(command)
    for word in words[named : named + 1]:
        if not word.startswith("-"):
            raise ConfigError(
                f"{word!r} is one word too many.",
                f"Did you mean --data.path {shlex.quote(word)}? Options: torchedu {command} --help",
            )


def _check_names(given: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> None:
    """Refuse a path where a class of data is named, and a network where a task is.

    Raises:
        ConfigError: That is so.
    """
    data, task = given.get("--data", ""), given.get("--model", "")
    if Path(data).suffix in OF_DATA:
        raise ConfigError(
            f"⟦data⟧ names a class, and {data} is a file.",
            f"Did you mean --data.path {shlex.quote(data)}?",
        )
    if any(task in names for name, names in known.items() if name.startswith("model.net")):
        raise ConfigError(
            f"⟦model⟧ names a task, and {task} is a network.", f"Did you mean --model.net {task}?"
        )


def _check_places(given: Mapping[str, str]) -> None:
    """Refuse data that is not there and a folder that is not free.

    Raises:
        TorcheduError: That is so.
    """
    _check_data(given)
    start = given.get("--init_from", "")
    if start and "://" not in start:
        RunFolder.find(Path(start))
    run, resume = given.get("--run", ""), given.get("--resume")
    if run and not (resume and RunFolder(Path(run)).begun()):
        RunFolder(Path(run)).check_free()


def _check_data(given: Mapping[str, str]) -> None:
    """Refuse data that is not there.

    Raises:
        TorcheduError: That is so.
    """
    data = given.get("--data.path")
    if data == "":
        raise ConfigError("⟦data.path⟧ is empty.", "Name a file or folder of data.")
    if data and "://" not in data and not Path(data).exists():
        # Where importers stand; what there is beside it is named.
        from torchedu.datasets.importers.reading.text import locate

        locate(data)
