"""What a user allows beyond the usual: code that files name, models of the hub, unsealed files.

Nothing of this is ever read from a file: words and Python say it, for as long as they run.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import NamedTuple

GROUP = "torchedu.trusted"
"""Entry points by which an installed package says that files may name its classes."""


class Permissions(NamedTuple):
    """What is allowed.

    Attributes:
        trust: Modules whose classes a file may name; those inside them are meant too.
        allow_download: Whether models that are not on this machine may be fetched.
        sealed_only: Whether checkpoints that torchedu did not seal are refused.
        plain_csv: Whether texts are written into CSV as they are, formulas of spreadsheets too.
    """

    trust: frozenset[str] = frozenset()
    allow_download: bool = False
    sealed_only: bool = False
    plain_csv: bool = False

    def words(self) -> list[str]:
        """Return the words of a command that allow as much."""
        trust = ["--trust", ",".join(sorted(self.trust))] if self.trust else []
        return [*trust, *(f"--{name}" for name, given in self._asdict().items() if given is True)]


_held = Permissions()


def held() -> Permissions:
    """Return what is allowed now."""
    return _held


@contextmanager
def allowing(
    *,
    trust: str | Iterable[str] = (),
    allow_download: bool = False,
    sealed_only: bool = False,
    plain_csv: bool = False,
) -> Iterator[None]:
    """Allow more, in all threads of this process, while a block runs.

    Args:
        trust: A module whose classes a checkpoint, an export or a configuration may name, or
            several. Their code runs when such a file is opened.
        allow_download: Fetch models that are not on this machine from the Hugging Face hub.
        sealed_only: Refuse checkpoints without torchedu's seal. A seal shows that a file is whole;
            it does not show who wrote it.
        plain_csv: Write texts into CSV as they are, without the apostrophe before what a
            spreadsheet would compute.
    """
    global _held
    before = _held
    names = [trust] if isinstance(trust, str) else trust
    _held = Permissions(
        before.trust.union(names),
        before.allow_download or allow_download,
        before.sealed_only or sealed_only,
        before.plain_csv or plain_csv,
    )
    try:
        yield
    finally:
        _held = before


def is_trusted(module: str) -> bool:
    """Say whether files may name classes of a module: the user, or its own package, has said so."""
    return any(f"{module}.".startswith(f"{name}.") for name in _held.trust | _installed())


@cache
def _installed() -> frozenset[str]:
    return frozenset(point.value for point in entry_points(group=GROUP))
