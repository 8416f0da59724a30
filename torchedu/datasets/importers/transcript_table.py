"""Transcripts from CSV, Parquet or Excel files, a row a sentence, under any headings."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import pyarrow as pa

from torchedu.datasets.importers import parquet
from torchedu.datasets.importers.columns import ColumnMap, match_columns
from torchedu.datasets.importers.csv import Table
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows, Piece
from torchedu.datasets.importers.spreadsheet import SUFFIX, Workbook
from torchedu.datasets.importers.text import Source, files, locate
from torchedu.schema import SENTENCE_COLUMNS

PARQUET = (".parquet", ".pq")
SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", SUFFIX, *PARQUET)
NEEDED = tuple(column.name for column in SENTENCE_COLUMNS if column.required)
TRANSCRIPT = "transcript"


class _Reader(Protocol):
    def pieces(self, found: ColumnMap, bad: BadRows) -> Iterator[Piece]: ...


class _Parquet(NamedTuple):
    source: Source

    def pieces(self, found: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        return parquet.pieces(self.source, found, bad)


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
    opened = [_open(source, columns, delimiter, encoding) for source in sources]

    def pieces() -> Iterator[Piece]:
        for source, (reader, found) in zip(sources, opened, strict=True):
            for batch, place in reader.pieces(found, bad):
                if TRANSCRIPT not in found.taken:
                    name = source.base.rsplit(".", 1)[0]
                    batch = batch.append_column(
                        TRANSCRIPT, pa.array([name] * batch.num_rows, pa.string())
                    )
                yield Piece(batch, place)

    found = opened[0][1]
    return Reading(pieces(), tuple(sources), found.taken, found.ignored)


def _open(
    source: Source, columns: Mapping[str, str] | None, delimiter: str | None, encoding: str
) -> tuple[_Reader, ColumnMap]:
    """Return what reads a file, and which of its columns are taken."""
    reader: _Reader
    row = None
    if source.base.endswith(PARQUET):
        reader = _Parquet(source)
        with parquet.open_file(source) as file:
            headings = file.schema_arrow.names
    else:
        sheet = (
            Workbook(source) if source.base.endswith(SUFFIX) else Table(source, delimiter, encoding)
        )
        reader, headings, row = sheet, sheet.headings, sheet.heading_row
    return reader, match_columns(
        headings, source.name, columns=columns, row=row, needed=NEEDED, schema=SENTENCE_COLUMNS
    )


IMPORTER = Importer(
    name="transcripts",
    reads="one or more CSV, Parquet or Excel files with headings, a row a sentence",
    read=read,
    suffixes=SUFFIXES,
)
