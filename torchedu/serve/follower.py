"""What a run does with the log of events: follows it, and answers questions about students."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.serve.events import Event
from torchedu.serve.log import EventLog, Snapshot

Answer = Mapping[str, Any]
"""What is answered, in values of JSON."""


class Foreseen(NamedTuple):
    """What a run said of an event before it took it in.

    Attributes:
        seq: The event's place in the log.
        student: Whose it is.
        chance: How likely it was; NaN where nothing can be said.
        came: What came: the mark, or 1 for what happened and 0 for what did not.
        known: Whether the network knows what it is about.
        new: Whether it is the first of the student.
        id: The network's id of the item; 0 where there is none.
    """

    seq: int
    student: str
    chance: float
    came: float
    known: bool = True
    new: bool = False
    id: int = 0


class Follower:
    """A run that follows the log.

    The service takes its events in three steps: ``check`` before they are written, ``take`` once
    they are on the disk, ``undo`` where they could not be written.

    Attributes:
        name: What the run is called.
        kinds: The kinds of events that it takes.
        verbs: Questions that it answers, each by a method.
        network: The checksum of its network and of what its ids mean, by which states are kept.
        loss: By which loss it is compared with another; see ``comparing.LOSSES``.
        learned: How many answers of each item, by its id, the network has learned from; None where
            it does not say so.
    """

    kinds: ClassVar[frozenset[str]] = frozenset()
    loss: ClassVar[str] = "log_loss"
    learned: NDArray[np.float64] | None = None

    def __init__(self, name: str, network: str, **verbs: Callable[..., Answer]) -> None:
        self.name = name
        self.network = network
        self.verbs = verbs

    def rebuilt(self) -> Iterator[list[Snapshot]]:
        """Make states again that take long, beside the answering; yield those to be kept."""
        yield from ()

    def go_on(self, log: EventLog) -> None:
        """Follow a log from now on, by the connection of those who answer, and be as it is."""

    def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Say how likely events are that are not in the log yet: of each student the first."""
        return []

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
