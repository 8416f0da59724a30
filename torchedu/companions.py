"""What weights belong to, and data has to agree with."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from torchedu.people import People
from torchedu.schema import Vocabulary


class Companions(NamedTuple):
    """What a trained network's weights belong to, which data takes before it is read for them.

    Attributes:
        vocabulary: The names whose ids the network knows.
        ranges: Lowest and highest score and the step between two, of each prompt and score; shape
            (prompts, scores, 3); None where nothing is scored.
        tokenizer: The files of a language model's tokenizer, by name; None without one.
    """

    vocabulary: Vocabulary
    ranges: NDArray[np.float32] | None = None
    tokenizer: Mapping[str, str] | None = None


@runtime_checkable
class Agreeing(Protocol):
    """Data that a task can agree with; every ``torchedu.datamodules.DataModule`` is.

    Attributes:
        longest: The option that says how long a batch's rows are at most; none where none does.
        vocabulary: The names in whose ids its batches are.
    """

    longest: str
    vocabulary: Vocabulary

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
