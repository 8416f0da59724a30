"""Answers from CSV or Parquet files, a row an answer, in any column order, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import CSV, PARQUET, TEXT, Delimited, Headed
from torchedu.schema import ANSWER_COLUMNS, GROUP


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
