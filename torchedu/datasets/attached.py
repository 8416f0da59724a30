"""What files answers may come with: recordings and photographs, each decoded once and kept."""

from typing import NamedTuple


class Attached(NamedTuple):
    """A kind of file that an answer may name.

    Attributes:
        column: The column of a table in which its path stands.
        noun: What one is called, and the column of a store's answers that says which an answer has.
        table: The table of a store that keeps them.
    """

    column: str
    noun: str
    table: str


RECORDING = Attached("audio", "recording", "recordings")
PHOTOGRAPH = Attached("image", "photograph", "photographs")
ATTACHED = (RECORDING, PHOTOGRAPH)


class BadFile(ValueError):
    """A file that an answer names cannot be used; the text says why, without values."""
