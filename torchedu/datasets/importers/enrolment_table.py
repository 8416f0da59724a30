"""Enrolments from CSV or Parquet files, a row an enrolment, under any headings."""

from collections.abc import Mapping, Sequence

from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows
from torchedu.datasets.importers.tables import CSV, PARQUET, open_tables, read_tables
from torchedu.datasets.importers.text import files, locate
from torchedu.schema import ENROLMENT_COLUMNS

SUFFIXES = (*CSV, ".txt", *PARQUET)


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
    tables = open_tables(files(locate(raw), SUFFIXES), delimiter, encoding)
    return read_tables(tables, bad, ENROLMENT_COLUMNS, columns=columns, groups=groups)


IMPORTER = Importer(
    name="enrolments",
    reads="one or more CSV or Parquet files with headings, a row an enrolment",
    read=read,
    suffixes=SUFFIXES,
)
