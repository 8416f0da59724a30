"""Answers from CSV or Parquet files, a row an answer, in any column order, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading import parquet
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.tables import (
    CSV,
    PARQUET,
    Delimited,
    Headed,
    Table,
    read_tables,
)
from torchedu.datasets.importers.reading.text import files, locate
from torchedu.schema import ANSWER_COLUMNS


@dataclass(kw_only=True)
class AnswerTables(Headed, AnswerImporter):
    """Answers under headings.

    Args:
        groups: Headings of student attributes, such as ``gender``.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.
    """

    groups: Sequence[str] = ()
    answer_id: str | None = None

    def of(self, tables: Sequence[Table], bad: BadRows) -> Reading:
        """Read tables one after the other; see ``read_tables``."""
        return read_tables(
            tables, bad, ANSWER_COLUMNS,
            columns=self.columns, groups=self.groups, answer_id=self.answer_id,
        )  # fmt: skip


@dataclass(kw_only=True)
class CSVAnswers(Delimited, AnswerTables):
    """A CSV file of answers, or all ``.csv`` and ``.tsv`` files of a folder."""

    name = "csv"
    reads = "one or more CSV files with headings, a row an answer"
    suffixes = (*CSV, ".txt")

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file or files; see ``Importer.read``."""
        return self.of(self.tables(raw, CSV), bad)


class ParquetAnswers(AnswerTables):
    """A Parquet file of answers, or all those of a folder; skills may be texts or lists."""

    name = "parquet"
    reads = "one or more Parquet files, a row an answer"
    suffixes = PARQUET

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file or files; see ``Importer.read``."""
        return self.of([parquet.Table(source) for source in files(locate(raw), PARQUET)], bad)
