"""Tables of rows under headings, whatever kind of file holds them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torchedu.datasets.importers.reading import csv, parquet, spreadsheet
from torchedu.datasets.importers.reading.columns import ColumnMap, match_columns
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.schema import Column

CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")


@dataclass(kw_only=True)
class Headed:
    """Options of tables with headings.

    Args:
        columns: Headings by torchedu's names, where they are not the common ones, such as ``pupil``
            for ``student``.
    """

    columns: Mapping[str, str] | None = None


@dataclass(kw_only=True)
class Delimited(Headed):
    """Options of tables that may be text.

    Args:
        delimiter: What stands between the fields of a CSV file; a comma, or a tab in ``.tsv``.
        encoding: The text's encoding.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"

    def tables(self, raw: str, suffixes: Sequence[str]) -> "list[Table]":
        """Open a file, or those of a folder with one of the endings; see ``open_tables``."""
        return open_tables(files(locate(raw), suffixes), self.delimiter, self.encoding)


class Table(Protocol):
    """A file of rows."""

    @property
    def source(self) -> Source:
        """The file."""

    @property
    def headings(self) -> list[str]:
        """What its columns are called."""

    @property
    def heading_row(self) -> int | None:
        """The row in which the headings stand, where the file has one."""

    def pieces(self, found: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the columns that were found, some rows at a time."""


def open_tables(
    sources: Sequence[Source], delimiter: str | None = None, encoding: str = "utf-8"
) -> list[Table]:
    """Open files by their endings: Parquet, an Excel workbook, or else CSV.

    Args:
        sources: The files.
        delimiter: What stands between the fields of a CSV file.
        encoding: The encoding of CSV files.

    Raises:
        DataError: One cannot be read as it stands.
    """
    return [_open(source, delimiter, encoding) for source in sources]


def _open(source: Source, delimiter: str | None, encoding: str) -> Table:
    if source.base.endswith(PARQUET):
        return parquet.Table(source)
    if source.base.endswith(spreadsheet.SUFFIX):
        return spreadsheet.Workbook(source)
    return csv.Table(source, delimiter, encoding)


def read_tables(
    tables: Sequence[Table],
    bad: BadRows,
    schema: Sequence[Column],
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    traits: Sequence[str] = (),
    answer_id: str | None = None,
) -> Reading:
    """Read tables one after the other, each under its own headings.

    Args:
        tables: The tables.
        bad: What becomes of bad rows.
        schema: The columns that there are.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of student attributes.
        traits: Headings of further scores.
        answer_id: Heading of the answer's id, where an answer fills several rows.

    Returns:
        What is read, piece by piece.

    Raises:
        ConfigError: ``columns`` names a column that the schema does not have.
        DataError: A column is missing, or its heading stands twice.
    """
    maps = [
        match_columns(
            table.headings, table.source.name, row=table.heading_row, schema=schema,
            columns=columns, groups=groups, traits=traits, answer_id=answer_id,
        )
        for table in tables
    ]  # fmt: skip

    def pieces() -> Iterator[Piece]:
        for table, found in zip(tables, maps, strict=True):
            yield from table.pieces(found, bad)

    sources = tuple(table.source for table in tables)
    return Reading(pieces(), sources, maps[0].taken, maps[0].ignored)
