"""The errors a user can cause, each told in two lines: what is wrong, then what to do."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

_OPTION = re.compile(r"⟦(\w+(?:\.\w+)*)⟧")  # brackets that no heading and no path has
_SECTIONS = re.compile(
    r"(?:data|model(?:\.net)?|trainer(?:\.strategy)?|early_stopping|gradients|hung_rank|save)\."
)
# What moves a terminal's cursor, colours it or turns its text around, and halves of characters.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class TorcheduError(Exception):
    """Something a user can put right; the command line prints it in two lines, and exits with 2.

    In both texts an option stands in white brackets under its dotted name, such as
    ``⟦data.columns⟧`` or ``⟦on_bad_row⟧``. It is spelled for who reads it: in Python as an
    argument, on the command line as ``--data.columns``. Backticks are a user's own.

    Args:
        problem: What is wrong, where, and the value that was given.
        remedy: What is allowed or what to do next.
        option: The option that is wrong, by its dotted name; where none is given, the first that
            the problem names.
        value: What was given for it.
        allowed: What may be given, where that can be listed.

    Attributes:
        code: What the command exits with.
    """

    code: ClassVar[int] = 2

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
        first = _OPTION.search(problem)
        self.option = option or (first and first[1])
        self.value = value
        self.allowed = tuple(allowed)

    def render(self, spell: Callable[[str], str]) -> str:
        """Return the two lines, each folded to one that a terminal prints as it stands.

        Args:
            spell: Writes an option, given its dotted name, as those who read it do.
        """
        return "\n".join(_worded(text, spell) for text in (self.problem, self.remedy))

    def __str__(self) -> str:
        """Return the two lines in the words of who reads them: Python's, or a command's."""
        return self.render(_spell)

    def to_json(self) -> dict[str, Any]:
        """Return the error as data, for a service: texts name fields as Python does arguments."""
        problem, remedy = self.render(argument).split("\n")
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
            _OPTION.sub(lambda match: f"⟦{name(match[1])}⟧", text)
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


class LostRankError(TrainingError):
    """Another process of a run is gone: what it has saved goes on if all begin again (70)."""

    code = 70  # EX_SOFTWARE of sysexits.h: who began the run may begin it again


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
    section = _SECTIONS.match(option)
    return option[section.end() :] if section else option


def command_line(option: str) -> str:
    """Return how the command line calls an option.

    Args:
        option: Its dotted name, such as ``data.columns``.
    """
    return f"--{option}"


_spell: Callable[[str], str] = argument


@contextmanager
def read_by(spell: Callable[[str], str]) -> Iterator[None]:
    """Spell the options in all texts of this process, threads included, for another reader.

    Args:
        spell: ``command_line`` while a command runs.
    """
    global _spell
    before, _spell = _spell, spell
    try:
        yield
    finally:
        _spell = before


def worded(text: str) -> str:
    """Return a notice as an error's line is: its options spelled for who reads it.

    Args:
        text: It, with options in white brackets; see ``TorcheduError``.
    """
    return _worded(text, _spell)


def printable(text: str) -> str:
    """Return a text with what would steer a terminal escaped; line ends and tabs stay.

    Args:
        text: It, a user's name, a path or a network's words.
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def allowed(
    given: str, choices: Iterable[str], most: int = 12, spell: Callable[[str], str] = str
) -> str:
    """Say what is allowed, and which allowed name is nearest to the one given.

    Args:
        given: The name that is not known.
        choices: The names that are.
        most: How many names to list.
        spell: Writes the nearest as the user has to.

    Returns:
        One sentence, such as ``Allowed: fit, test. Did you mean fit?``
    """
    names = list(choices)
    listed = ", ".join(names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
    plain = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(given.casefold(), plain, n=1, cutoff=0.5)
    return f"Allowed: {listed or 'none'}." + (
        f" Did you mean {spell(plain[near[0]])}?" if near else ""
    )


def _worded(text: str, spell: Callable[[str], str]) -> str:
    return printable(" ".join(_OPTION.sub(lambda match: spell(match[1]), text).split()))


def _plain(value: object) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
