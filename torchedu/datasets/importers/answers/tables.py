"""Answers from CSV or Parquet files, a row an answer, in any column order, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.columns import ColumnMap, plain
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import (
    CSV,
    PARQUET,
    TEXT,
    Delimited,
    Headed,
    Table,
)
from torchedu.schema import ANSWER_COLUMNS, GROUP

FULL = "full_mark"
POINTS = {
    *("score", "mark", "marks", "points", "grade", "result", "punkte", "ergebnis", "puntos"),
    *("nota", "punteggio", "pontos", "балл", "баллы", "得分", "分数", "点数", "점수", "الدرجة"),
}
"""Headings of marks that may be points; under others stands whether an answer was right, which is
no part of the points that could be had."""


@dataclass(kw_only=True)
class AnswerTables(Headed, AnswerImporter):
    """Answers under headings.

    Args:
        groups: Headings of student attributes, such as ``gender``.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.
    """

    schema = ANSWER_COLUMNS
    part = f"{GROUP}part"

    groups: Sequence[str] = ()
    answer_id: str | None = None

    def match(self, table: Table) -> ColumnMap:
        """Find the columns of a table among its headings; see ``match_columns``."""
        own = super().match(table)
        if FULL in (self.columns or {}) or plain(own.taken["correct"]) in POINTS:
            return own
        taken = {name: heading for name, heading in own.taken.items() if name != FULL}
        left = [heading for heading in own.taken.values() if heading not in taken.values()]
        return ColumnMap(taken, (*own.ignored, *left))


@dataclass(kw_only=True)
class CSVAnswers(Delimited, AnswerTables):
    """A file of answers, or all those of a folder: CSV, Excel workbooks or Parquet."""

    name = "csv"
    reads = "one or more CSV or Excel files with headings, a row an answer"
    suffixes = (*TEXT, SUFFIX)
    endings = (*CSV, SUFFIX)


class ParquetAnswers(AnswerTables):
    """A Parquet file of answers, or all those of a folder; skills may be texts or lists."""

    name = "parquet"
    reads = "one or more Parquet files, a row an answer"
    suffixes = endings = PARQUET
