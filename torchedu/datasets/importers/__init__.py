"""Importers: raw files of one format in, a store of its kind of data out.

A package of one's own adds a format or a kind of data by a subclass of ``Importer``.
"""

from torchedu.datasets.importers import (
    answers,
    chats,
    enrolments,
    events,
    spoken,
    texts,
    transcripts,
)
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading.look import look_at
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.registry import (
    describe_data,
    formats,
    guess_format,
    import_data,
    imported,
    importer_of,
    likely_formats,
    open_store,
    untold,
)

__all__ = [
    "BadRows",
    "Importer",
    "Piece",
    "Reading",
    "Sieve",
    "answers",
    "chats",
    "describe_data",
    "enrolments",
    "events",
    "formats",
    "guess_format",
    "import_data",
    "imported",
    "importer_of",
    "likely_formats",
    "look_at",
    "open_store",
    "spoken",
    "texts",
    "transcripts",
    "untold",
]
