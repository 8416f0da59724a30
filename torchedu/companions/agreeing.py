"""What data is, that a task can agree with."""

from typing import Any, Protocol, runtime_checkable

from torchedu.companions.companions import Companions
from torchedu.people import People


@runtime_checkable
class Agreeing(Protocol):
    """Data that a task can agree with; every ``torchedu.datamodules.DataModule`` is.

    Attributes:
        longest: The option that says how long a batch's rows are at most; none where none does.
        own: What the data says of itself, in its own names.
    """

    longest: str
    own: Companions

    def use(self, companions: Companions) -> None:
        """Give batches as a trained network's weights need them."""

    def suit(self, net: Any) -> None:
        """Give batches that suit a network, where nothing else was asked for."""

    def facts(self, net: Any) -> Any:
        """Return what a network learns from the data before training."""

    def people(self, before: People | None) -> People | None:
        """Return whom training uses, and whom it has used before."""

    def leave_out(self, people: People | None, part: str) -> None:
        """Take out of a part that is scored whom a network was trained on."""
