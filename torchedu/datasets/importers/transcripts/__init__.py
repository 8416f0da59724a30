"""Transcripts of lessons, and the formats that they are read from."""

from torchedu.datasets.importers.transcripts.importer import TranscriptImporter
from torchedu.datasets.importers.transcripts.table import TranscriptTables
from torchedu.datasets.importers.transcripts.talk_moves import TalkMoves

__all__ = [
    "TalkMoves",
    "TranscriptImporter",
    "TranscriptTables",
]
