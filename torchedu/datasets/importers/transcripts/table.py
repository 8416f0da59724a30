"""Transcripts from CSV, Parquet or Excel files, a row a sentence, under any headings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.tables import FILES, Delimited, Table
from torchedu.datasets.importers.reading.text import Source
from torchedu.datasets.importers.transcripts.importer import TranscriptImporter
from torchedu.schema import SENTENCE_COLUMNS, Column

TRANSCRIPT = "transcript"


class _Lessons:
    """A table of sentences, which is one lesson where no column tells lessons apart."""

    goes_on = False

    def __init__(self, table: Table) -> None:
        self.source, self._table = table.source, table
        self.headings, self.heading_row = table.headings, table.heading_row
        self.notes = table.notes

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        name = self.source.base.rsplit(".", 1)[0]
        for batch, place in self._table.pieces(matched, bad):
            if TRANSCRIPT not in matched.taken:
                names = pa.array([name] * batch.num_rows, pa.string())
                batch = batch.append_column(TRANSCRIPT, names)
            yield Piece(batch, place)


@dataclass(kw_only=True)
class TranscriptTables(Delimited, TranscriptImporter):
    """One or more files of transcripts; a file without a column for it is one lesson."""

    name = "transcripts"
    reads = "one or more CSV, Parquet or Excel files with headings, a row a sentence"
    suffixes = endings = FILES
    schema: ClassVar[Sequence[Column]] = SENTENCE_COLUMNS
    part = "split"

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Read files one after the other, Excel's locks excepted; see ``Headed.of``."""
        return super().of([file for file in sources if not file.base.startswith("~$")], bad)

    def open(self, source: Source) -> Table:
        """Open a file as one of sentences."""
        return _Lessons(super().open(source))
