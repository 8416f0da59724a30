"""What a run does with the log of events: follows it, and answers questions about students."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from torchedu.serve.events import Event
from torchedu.serve.log import Snapshot

Answer = Mapping[str, Any]
"""What is answered, in values of JSON."""


class Follower:
    """A run that follows the log.

    The service takes its events in three steps: ``check`` before they are written, ``take`` once
    they are on the disk, ``undo`` where they could not be written.

    Attributes:
        name: What the run is called.
        kinds: The kinds of events that it takes.
        verbs: Questions that it answers, each by a method.
        model: The checksum of its network and of what its ids mean.
    """

    kinds: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str, model: str, **verbs: Callable[..., Answer]) -> None:
        self.name = name
        self.model = model
        self.verbs = verbs

    def check(self, events: Sequence[Event]) -> None:
        """Refuse events that cannot be, all or none.

        Raises:
            TorcheduError: One cannot be.
        """

    def notes(self, event: Event) -> str | None:
        """Say what its teller has to know of an event that is taken all the same."""
        return None

    def take(self, events: Sequence[Event]) -> None:
        """Take in events that are in the log."""

    def undo(self) -> None:
        """Be as the log is; what was checked is not in it."""

    def forget(self, students: Sequence[str]) -> None:
        """Forget students of whom the log has nothing any more."""

    def due(self, everything: bool = False) -> list[Snapshot]:
        """Return states that are to be kept with the next events, or all that changed."""
        return []

    def kept(self) -> None:
        """Say that what ``due`` returned is on the disk."""

    def reads(self, student: str) -> bytes:
        """Return what its network reads of a student now, by which answers are found again."""
        return b""

    def overview(self, students: Sequence[str], group: str) -> Answer:
        """Say of each of some students what a class's teacher looks at first, by name."""
        return {}
