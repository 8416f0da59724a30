"""What an importer is: how a format is called, where its data comes from, and its reader."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torchedu.datasets.importers.rows import Piece
from torchedu.datasets.importers.text import Source


class Reading(NamedTuple):
    """What an importer's ``read`` returns.

    Attributes:
        pieces: The rows, piece by piece, read when they are asked for.
        sources: The files they come from.
        columns: The heading or field taken for each column of the schema.
        ignored: Headings that are not used.
        notes: What a user should know about how the files were taken, in whole sentences.
        unit: The unit of numeric times, where the format fixes it.
        response_time_unit: The unit of response times, where the format fixes it.
        separator: What stands between the skills of a text, where the format fixes it; "" where a
            text is always one skill.
    """

    pieces: Iterator[Piece]
    sources: tuple[Source, ...]
    columns: dict[str, str]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str | None = None
    response_time_unit: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Importer:
    """A format of raw files.

    Attributes:
        name: What the user calls it: ``torchedu data import NAME RAW OUT``.
        reads: Which files it reads, in words.
        read: ``read(raw, bad, ...)``; its further arguments are the options of the format.
        suffixes: Endings of files that are of this format without a doubt.
        citation: The paper to cite when the data is used.
        licence: The terms of the data.
    """

    name: str
    reads: str
    read: Callable[..., Reading]
    suffixes: tuple[str, ...] = ()
    citation: str = ""
    licence: str = ""
