"""Tables of rows under headings, whatever kind of file holds them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import pyarrow as pa

from torchedu.datasets.importers.reading import archive, csv, magic, parquet, spreadsheet
from torchedu.datasets.importers.reading.clock import is_time
from torchedu.datasets.importers.reading.columns import ColumnMap, match_columns
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.parts import part_of
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places, Reading
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.schema import GROUP, TRAIT, Column

CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PARQUET = parquet.SUFFIXES
TEXT = (*CSV, ".txt")
FILES = (*CSV, *PARQUET, spreadsheet.SUFFIX)
"""Endings of CSV files; where a format's name tells them, of others too; of all tables."""


TIME = "time"
FIRST_ROWS = 1000
"""Rows by which times are told where no heading tells them."""


class Table(Protocol):
    """A file of rows.

    One of a known layout may also have ``roles``, its headings by the names of the schema.
    """

    @property
    def source(self) -> Source:
        """The file."""

    @property
    def headings(self) -> list[str]:
        """What its columns are called."""

    @property
    def heading_row(self) -> int | None:
        """The row in which the headings stand, where the file has one."""

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know of how it is read; whole once it is."""

    @property
    def goes_on(self) -> bool:
        """Whether it is read from ``FileRows.read`` on."""

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the columns that were found, some rows at a time."""


def open_table(source: Source, delimiter: str | None = None, encoding: str = "utf-8") -> Table:
    """Open a table of any kind, by what it begins with, or its ending.

    Args:
        source: The file.
        delimiter: What stands between the fields of a CSV file; found where it is None.
        encoding: The text's encoding.

    Raises:
        DataError: It cannot be read as it stands.
    """
    head = magic.first_bytes(source.system, source.path)
    if head.startswith(magic.PARQUET) or source.base.endswith(PARQUET):
        return parquet.Table(source)
    if head.startswith(archive.MAGIC) or source.base.endswith(spreadsheet.SUFFIX):
        return spreadsheet.Workbook(source)
    return csv.Table(source, delimiter, encoding)


def likely_times(table: Table, matched: ColumnMap) -> Iterator[str]:
    """Yield a note on each column that holds times by its first values and that nothing takes."""
    names = [heading for heading in matched.ignored if table.headings.count(heading) == 1]
    wanted = ColumnMap({heading: heading for heading in names}, ())
    first = next(table.pieces(wanted, BadRows(Places(), "drop")), None) if names else None
    if first is None:
        return
    for heading in names:
        column = first.batch.column(heading).slice(0, FIRST_ROWS)
        if is_time(column):
            shown = next(value for value in column.to_pylist() if value is not None)
            yield (
                f"The column {heading!r} looks like times ({shown}) and is not used: "
                f"⟦columns.time⟧ {heading!r} takes it."
            )


@dataclass(kw_only=True)
class Headed:
    """What reads tables with headings: a format of such has a ``schema``, and need not have more.

    Whether as an option or as what the format fixes, it may also have ``groups`` (headings of
    student attributes), ``traits`` (headings of further scores) and ``answer_id`` (the heading of
    the answer's id, where an answer fills several rows).

    Attributes:
        schema: The columns that there are.
        endings: Of a folder, the endings of the files that are read.
        of_objects: Whether headings are keys of JSON.
        part: The column that says which part a row is of; where no heading does, the names of
            several files may.

    Args:
        columns: Headings by torchedu's names, where they are not the common ones, such as ``pupil``
            for ``student``.
    """

    schema: ClassVar[Sequence[Column]]
    endings: ClassVar[Sequence[str]] = CSV
    of_objects: ClassVar[bool] = False
    part: ClassVar[str] = ""

    columns: Mapping[str, str] | None = None

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``."""
        return self.of(files(locate(raw), self.endings), bad)

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Read files one after the other, each under its own headings.

        Args:
            sources: The files.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            ConfigError: ``columns`` names a column that the schema does not have.
            DataError: A column is missing, or its heading stands twice.
        """
        tables = [self.open(source) for source in sources]
        maps = [self.match(table) for table in tables]

        # A column that some files lack is empty in those; where several call it, the first does.
        taken = {n: heading for own in reversed(maps) for n, heading in own.taken.items()}
        lacking = [[name for name in taken if name not in own.taken] for own in maps]

        notes = [note for table in tables for note in table.notes]
        notes += [
            f"{table.source.base} has no column for {', '.join(absent)}, which others have."
            for table, absent in zip(tables, lacking, strict=True)
            if absent
        ]
        if TIME in {column.name for column in self.schema} - taken.keys():
            likely = (likely_times(*both) for both in zip(tables, maps, strict=True))
            notes += dict.fromkeys(note for some in likely for note in some)

        parts = [part_of(table.source.base) for table in tables]
        paired = bool(self.part) and self.part not in taken and len(set(parts)) > 1
        paired = paired and None not in parts

        empty = {name for name in taken if name in self._named()}

        def pieces() -> Iterator[Piece]:
            for table, columns, absent, own in zip(tables, maps, lacking, parts, strict=True):
                for piece in table.pieces(columns, bad):
                    batch = piece.batch
                    empty.difference_update(
                        {n for n in empty - {*absent} if batch[n].null_count < len(batch)}
                    )
                    for name in absent:
                        batch = batch.append_column(name, pa.nulls(len(batch), pa.string()))
                    if paired:
                        batch = batch.append_column(self.part, pa.array([own] * len(batch)))
                    yield piece._replace(batch=batch)
                notes.extend(note for note in table.notes if note not in notes)
            notes.extend(
                f"The column {taken[name]!r}, named for {name}, is empty." for name in empty
            )

        ignored = dict.fromkeys(heading for own in maps for heading in own.ignored)
        points = any(getattr(table, "delimiter", ",") == "," for table in tables)
        return Reading(
            pieces(),
            tuple(sources),
            taken | ({self.part: "the file's name"} if paired else {}),
            tuple(ignored),
            notes,
            decimal="." if points else ",",
            goes_on=all(table.goes_on for table in tables),
            unfilled=empty,
        )

    def _named(self) -> set[str]:
        """Return the columns that the user named."""
        prefixed = ((GROUP, "groups"), (TRAIT, "traits"))
        more = {prefix + n for prefix, option in prefixed for n in getattr(self, option, ())}
        return {*(self.columns or ()), *more}

    def match(self, table: Table) -> ColumnMap:
        """Find the columns of a table among its headings; see ``match_columns``."""
        fixed = ("groups", "traits", "answer_id")
        given: dict[str, Any] = {name: getattr(self, name, ()) for name in fixed}
        return match_columns(
            table.headings, table.source.name, row=table.heading_row, schema=self.schema,
            columns={**getattr(table, "roles", {}), **(self.columns or {})}, **given,
        )  # fmt: skip

    @classmethod
    def fits(cls, look: Look) -> int:
        """Return how many of its columns a table has; 0 where it lacks one that is needed."""
        if look.objects != cls.of_objects:
            return 0
        has = {
            column.name for column in cls.schema
            if not look.names.isdisjoint((column.name, *column.aliases))
        }  # fmt: skip
        needed = (column for column in cls.schema if column.required)
        return len(has) if all(has & {column.name, column.instead} for column in needed) else 0

    def open(self, source: Source) -> Table:
        """Open a file, here of Parquet.

        Raises:
            DataError: It cannot be read as it stands.
        """
        return parquet.Table(source)


@dataclass(kw_only=True)
class Delimited(Headed):
    """What reads tables of any kind by their endings: Parquet, an Excel workbook, or else CSV.

    Args:
        delimiter: What stands between the fields of a CSV file; where it is None a comma, or what
            divides all of the first lines alike.
        encoding: The text's encoding.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"

    def open(self, source: Source) -> Table:
        """Open a file by what it begins with, or its ending; see ``Headed.open``."""
        return open_table(source, self.delimiter, self.encoding)
