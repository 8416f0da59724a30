"""Transcripts from CSV, Parquet or Excel files, a row a sentence, under any headings."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from torchedu.datasets.importers.columns import ColumnMap
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows, Piece
from torchedu.datasets.importers.spreadsheet import SUFFIX
from torchedu.datasets.importers.tables import CSV, PARQUET, Table, open_tables, read_tables
from torchedu.datasets.importers.text import Source, files, locate
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


def read(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Reading:
    """Read one or more files of transcripts.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/lessons.csv``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        delimiter: What stands between the fields of a CSV file.
        encoding: The encoding of CSV files.

    Returns:
        What is read, piece by piece; a file without a column for it is one lesson.

    Raises:
        DataError: A file cannot be read as it stands.
    """
    return tables(files(locate(raw), SUFFIXES), bad, columns, delimiter, encoding)


def tables(
    sources: list[Source],
    bad: BadRows,
    columns: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Reading:
    """Read files of transcripts one after the other; see ``read``."""
    sources = [source for source in sources if not source.base.startswith("~$")]  # Excel's locks
    lessons = [_Lessons(table) for table in open_tables(sources, delimiter, encoding)]
    return read_tables(lessons, bad, SENTENCE_COLUMNS, columns=columns)


IMPORTER = Importer(
    name="transcripts",
    reads="one or more CSV, Parquet or Excel files with headings, a row a sentence",
    read=read,
    suffixes=SUFFIXES,
)
