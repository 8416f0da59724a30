"""Enrolments from CSV or Parquet files, a row an enrolment, under any headings."""

from collections.abc import Iterator, Mapping, Sequence

from torchedu.datasets.importers import parquet
from torchedu.datasets.importers.columns import match_columns
from torchedu.datasets.importers.csv import Table
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows, Piece
from torchedu.datasets.importers.text import files, locate
from torchedu.schema import ENROLMENT_COLUMNS

PARQUET = (".parquet", ".pq")
NEEDED = tuple(column.name for column in ENROLMENT_COLUMNS if column.required)


def read(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Reading:
    """Read one or more files of enrolments.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/enrolments.csv``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of student attributes.
        delimiter: What stands between the fields of a CSV file.
        encoding: The text's encoding.

    Returns:
        What is read, piece by piece.

    Raises:
        DataError: A file cannot be read as it stands.
    """
    sources = files(locate(raw), (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt", *PARQUET))
    readers = []
    for source in sources:
        if source.base.endswith(PARQUET):
            with parquet.open_file(source) as file:
                headings, row, table = file.schema_arrow.names, None, None
        else:
            table = Table(source, delimiter, encoding)
            headings, row = table.headings, table.heading_row
        found = match_columns(
            headings,
            source.name,
            columns=columns,
            groups=groups,
            row=row,
            needed=NEEDED,
            schema=ENROLMENT_COLUMNS,
        )
        readers.append((source, table, found))

    def pieces() -> Iterator[Piece]:
        for source, table, found in readers:
            read = parquet.pieces(source, found, bad) if table is None else table.pieces(found, bad)
            yield from read

    found = readers[0][2]
    return Reading(pieces(), tuple(sources), found.taken, found.ignored)


IMPORTER = Importer(
    name="enrolments",
    reads="one or more CSV or Parquet files with headings, a row an enrolment",
    read=read,
    suffixes=(".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt", *PARQUET),
)
