"""Answers from CSV or Parquet files, a row an answer, in any column order, under any headings."""

from collections.abc import Mapping, Sequence

from torchedu.datasets.importers import csv, parquet
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows
from torchedu.datasets.importers.tables import CSV, PARQUET, read_tables
from torchedu.datasets.importers.text import files, locate
from torchedu.schema import ANSWER_COLUMNS


def read_csv(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    answer_id: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Reading:
    """Read a CSV file, or all ``.csv`` and ``.tsv`` files of a folder.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/answers.csv``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of student attributes.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.
        delimiter: What stands between fields; a comma, or a tab in a file ending in ``.tsv``.
        encoding: The text's encoding.

    Returns:
        What is read, piece by piece.

    Raises:
        DataError: The file cannot be read as it stands.
    """
    tables = [csv.Table(source, delimiter, encoding) for source in files(locate(raw), CSV)]
    return read_tables(
        tables, bad, ANSWER_COLUMNS, columns=columns, groups=groups, answer_id=answer_id
    )


def read_parquet(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    answer_id: str | None = None,
) -> Reading:
    """Read a Parquet file, or all those of a folder; skills may be texts or lists.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/answers``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of student attributes.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.

    Returns:
        What is read, piece by piece.

    Raises:
        DataError: The file is no Parquet, or a column is missing.
    """
    tables = [parquet.Table(source) for source in files(locate(raw), PARQUET)]
    return read_tables(
        tables, bad, ANSWER_COLUMNS, columns=columns, groups=groups, answer_id=answer_id
    )


CSV_IMPORTER = Importer(
    name="csv",
    reads="one or more CSV files with headings, a row an answer",
    suffixes=(*CSV, ".txt"),
    read=read_csv,
)
PARQUET_IMPORTER = Importer(
    name="parquet",
    reads="one or more Parquet files, a row an answer",
    suffixes=PARQUET,
    read=read_parquet,
)
