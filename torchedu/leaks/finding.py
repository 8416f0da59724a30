"""What a check finds, as data: what kind, where, how much, examples and a remedy."""

from collections.abc import Sequence
from dataclasses import dataclass

KINDS = {
    "copies": "rows that stand in the data twice, whole or nearly",
    "tell": "a value, word or event that alone gives the target away",
    "name": "names and ids that give the target away",
    "held_out": "what is to be predicted stands in what is seen",
    "cutoff": "what happened after the moment of prediction",
    "grouping": "people, or a column that groups rows, on both sides of a split",
}
"""The kinds of findings."""


@dataclass(frozen=True)
class Finding:
    """A way in which data may make scores better than they are.

    Attributes:
        kind: One of ``KINDS``.
        where: The table, column or names that it is in.
        count: How many rows it touches.
        share: Which share of those looked at that is.
        sentence: What it is.
        remedy: What to do about it.
        examples: Names of a few rows or values; of people too, so not for pages that go round.
    """

    kind: str
    where: str
    count: int
    share: float
    sentence: str
    remedy: str
    examples: Sequence[str] = ()

    def __str__(self) -> str:
        """Say it in one line, with an example."""
        example = f" ({', '.join(self.examples)})" if self.examples else ""
        return f"{self.sentence}{example} [{self.kind}]. {self.remedy}"
