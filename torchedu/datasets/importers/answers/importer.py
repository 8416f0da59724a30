"""Students' answers: raw files to a store, whatever the format."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.describe import describe
from torchedu.datasets.importers.answers.intake import Intake
from torchedu.datasets.importers.answers.skill_table import read_skill_table
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading.clock import TimeUnit
from torchedu.datasets.importers.reading.dates import Dates
from torchedu.datasets.importers.reading.marks import Decimal, Marks
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.skills import Skills
from torchedu.datasets.importers.reading.text import locate
from torchedu.files import scratch

SECONDS = {"s": 1.0, "ms": 1e-3}
"""Seconds in one unit of a response time."""


@dataclass(kw_only=True)
class AnswerImporter(Importer):
    """Students' answers.

    Items, skills and students are kept in natural order of their names, and each student's answers
    in order of time (in the file's order where times are equal or absent).

    Args:
        merge_skill_rows: Take rows that differ in nothing but the skill as one answer.
        skill_separator: What stands between several skills of an item.
        item_skills: A CSV file of items and their skills, instead of skills beside the answers.
        time_unit: The unit of the times; ``auto`` tells dates and numbers since 1970 by themselves.
        time_format: How times are written, such as ``%d %b %y %H:%M``, where that is not known.
        dayfirst: Whether 01/02/2024 is in February, where no day above 12 tells it.
        response_time_unit: The unit of the response times.
        right: Words that say an answer was right, where they are not the common ones.
        wrong: Words that say an answer was wrong, likewise.
        full_mark: The highest mark that can be reached, by which marks are divided.
        decimal: What stands before the decimals of a mark; ``auto`` is a comma in CSV files whose
            delimiter is none, and else a point.
    """

    store = AnswerStore
    describe = staticmethod(describe)
    in_folders = False

    merge_skill_rows: bool = False
    skill_separator: str = ";"
    item_skills: str | None = None
    time_unit: TimeUnit = "auto"
    time_format: str | None = None
    dayfirst: bool | None = None
    response_time_unit: Literal["s", "ms"] = "s"
    right: Sequence[str] = ()
    wrong: Sequence[str] = ()
    full_mark: float | None = None
    decimal: Decimal = "auto"

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all answers and write them; see ``Importer.write``."""
        table = None
        if self.item_skills is not None:
            about["options"]["item_skills"] = locate(self.item_skills).base
            delimiter, encoding = map(about["options"].get, ("delimiter", "encoding"))
            table = read_skill_table(
                self.item_skills, self.skill_separator, delimiter, encoding or "utf-8"
            )
        separator = self.skill_separator if reading.separator is None else reading.separator
        seconds = SECONDS[reading.response_time_unit or self.response_time_unit]
        decimal = reading.decimal if self.decimal == "auto" else self.decimal
        marks = Marks(self.right, self.wrong, self.full_mark, comma=decimal == ",")
        dates = Dates(self.time_format, self.dayfirst)
        with scratch(out) as folder:
            intake = Intake(
                reading, bad, folder, marks=marks, dates=dates,
                time_unit=reading.unit or self.time_unit,
                response_time_factor=seconds, skills=Skills(separator, table),
                merge_skill_rows=self.merge_skill_rows,
            )  # fmt: skip
            with closing(intake):
                for piece in reading.pieces:
                    intake.take(piece)
                intake.write(out, about)
