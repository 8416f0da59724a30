"""Transcripts from CSV, Parquet or Excel files, a row a sentence, under any headings."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import (
    CSV,
    PARQUET,
    Delimited,
    Table,
    open_tables,
    read_tables,
)
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.datasets.importers.transcripts.importer import TranscriptImporter
from torchedu.schema import SENTENCE_COLUMNS

SUFFIXES = (*CSV, SUFFIX, *PARQUET)
TRANSCRIPT = "transcript"


class _Lessons:
    """A table of sentences, which is one lesson where no column tells lessons apart."""

    def __init__(self, table: Table) -> None:
        self.source, self._table = table.source, table
        self.headings, self.heading_row = table.headings, table.heading_row

    def pieces(self, found: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        name = self.source.base.rsplit(".", 1)[0]
        for batch, place in self._table.pieces(found, bad):
            if TRANSCRIPT not in found.taken:
                names = pa.array([name] * batch.num_rows, pa.string())
                batch = batch.append_column(TRANSCRIPT, names)
            yield Piece(batch, place)


@dataclass(kw_only=True)
class TranscriptTables(Delimited, TranscriptImporter):
    """One or more files of transcripts; a file without a column for it is one lesson."""

    name = "transcripts"
    reads = "one or more CSV, Parquet or Excel files with headings, a row a sentence"
    suffixes = SUFFIXES

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the files; see ``Importer.read``."""
        return self.of(files(locate(raw), SUFFIXES), bad)

    def of(self, sources: list[Source], bad: BadRows) -> Reading:
        """Read files one after the other.

        Args:
            sources: The files.
            bad: What becomes of bad rows.
        """
        sources = [
            source for source in sources if not source.base.startswith("~$")
        ]  # Excel's locks
        tables = open_tables(sources, self.delimiter, self.encoding)
        lessons = [_Lessons(table) for table in tables]
        return read_tables(lessons, bad, SENTENCE_COLUMNS, columns=self.columns)
