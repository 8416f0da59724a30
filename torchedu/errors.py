"""The errors a user can cause, each told in two lines: what is wrong, then what to do."""

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_OPTION = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)`")
_SECTIONS = ("data.", "model.", "trainer.")


class TorcheduError(Exception):
    """Something a user can put right; the command line prints it in two lines and exits with 2.

    In both texts an option stands in backticks under its dotted name, such as `` `data.columns` ``
    or `` `on_bad_row` ``. Who shows the error spells it: Python as an argument, the command line
    as ``--data.columns``.

    Args:
        problem: What is wrong, where, and the value that was given.
        remedy: What is allowed or what to do next.
        option: The option that is wrong, by its dotted name, where it is one.
        value: What was given for it.
        allowed: What may be given, where that can be listed.
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        option: str | None = None,
        value: object = None,
        allowed: Iterable[object] = (),
    ) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy
        self.option = option
        self.value = value
        self.allowed = tuple(allowed)

    def render(self, spell: Callable[[str], str]) -> str:
        """Return the two lines, each folded to one.

        Args:
            spell: Writes an option, given its dotted name, as those who read it do.
        """
        return "\n".join(_one_line(_spelled(text, spell)) for text in (self.problem, self.remedy))

    def __str__(self) -> str:
        """Return the two lines in the words of Python."""
        return self.render(argument)

    def to_json(self) -> dict[str, Any]:
        """Return the error as data, for a service: texts name fields as Python does arguments."""
        problem, remedy = str(self).split("\n")
        return {
            "error": type(self).__name__,
            "problem": problem,
            "remedy": remedy,
            "option": self.option and argument(self.option),
            "value": _plain(self.value),
            "allowed": [_plain(choice) for choice in self.allowed],
        }

    def rename(self, name: Callable[[str], str]) -> None:
        """Give options other dotted names, those under which the user knows them.

        Args:
            name: Returns the new name of an option.
        """
        self.problem, self.remedy = (
            _spelled(text, lambda option: f"`{name(option)}`")
            for text in (self.problem, self.remedy)
        )
        self.option = self.option and name(self.option)

    def options(self) -> tuple[str, ...]:
        """Return the dotted names of all options that the error speaks of, each once."""
        named = _OPTION.findall(f"{self.problem} {self.remedy}")
        return tuple(dict.fromkeys([self.option, *named] if self.option else named))


class ConfigError(TorcheduError):
    """An option or argument has a value that cannot work."""


class DataError(TorcheduError):
    """A file of data cannot be read as it stands.

    Args:
        problem: What is wrong and the value found.
        remedy: What is allowed or what to do next.
        file: The file that holds the problem.
        row: Its row, counted as an editor counts lines (the first line of a file is 1).
        option: The option that is wrong, by its dotted name, where it is one.
        value: What was given for it.
        allowed: What may be given, where that can be listed.
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        option: str | None = None,
        value: object = None,
        allowed: Iterable[object] = (),
    ) -> None:
        where = "" if file is None else f"{file}: " if row is None else f"{file}, row {row}: "
        super().__init__(where + problem, remedy, option=option, value=value, allowed=allowed)
        self.file = None if file is None else str(file)
        self.row = row

    def to_json(self) -> dict[str, Any]:
        """Return the error as data, with its file and row."""
        return super().to_json() | {"file": self.file, "row": self.row}


class CheckpointError(TorcheduError):
    """A checkpoint cannot be opened, or does not fit what it is asked for."""


class TrainingError(TorcheduError):
    """Training cannot go on as it is: a loss that is not finite, too little memory, a lost rank."""


class MissingExtraError(TorcheduError):
    """A feature needs a package that an extra of torchedu installs."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package}, which is not installed.",
            f"Install it with: pip install 'torchedu[{extra}]'",
        )


def argument(option: str) -> str:
    """Return how Python calls an option: its name without the part of a run that has it.

    Args:
        option: Its dotted name, such as ``data.columns`` or ``on_bad_row``.
    """
    section = next((part for part in _SECTIONS if option.startswith(part)), "")
    return option.removeprefix(section)


def command_line(option: str) -> str:
    """Return how the command line calls an option.

    Args:
        option: Its dotted name, such as ``data.columns``.
    """
    return f"--{option}"


def allowed(given: str, choices: Iterable[str], most: int = 12) -> str:
    """Say what is allowed, and which allowed name is nearest to the one given.

    Args:
        given: The name that is not known.
        choices: The names that are.
        most: How many names to list.

    Returns:
        One sentence, such as ``Allowed: fit, test. Did you mean fit?``
    """
    names = list(choices)
    listed = ", ".join(names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f"Allowed: {listed or 'none'}." + (f" Did you mean {near[0]}?" if near else "")


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    return _OPTION.sub(lambda found: spell(found[1]), text)


def _plain(value: object) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
