"""The errors a user can cause, each told in two lines: what is wrong, then what to do."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class TorcheduError(Exception):
    """Something a user can put right; the command line prints it in two lines and exits with 2.

    Args:
        problem: What is wrong, where, and the value that was given.
        remedy: What is allowed or what to do next.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the two lines, each folded to one."""
        return f"{_one_line(self.problem)}\n{_one_line(self.remedy)}"


class ConfigError(TorcheduError):
    """An option or argument has a value that cannot work."""


class DataError(TorcheduError):
    """A file of data cannot be read as it stands.

    Args:
        problem: What is wrong and the value found.
        remedy: What is allowed or what to do next.
        file: The file that holds the problem.
        row: Its row, counted as an editor counts lines (the first line of a file is 1).
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
    ) -> None:
        where = "" if file is None else f"{file}: " if row is None else f"{file}, row {row}: "
        super().__init__(where + problem, remedy)
        self.file = None if file is None else str(file)
        self.row = row


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


def _one_line(text: str) -> str:
    return " ".join(text.split())
