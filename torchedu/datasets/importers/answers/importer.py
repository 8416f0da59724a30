"""Students' answers: raw files to a store, whatever the format."""

import importlib.metadata
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.describe import describe
from torchedu.datasets.importers.answers.intake import Intake
from torchedu.datasets.importers.answers.item_tables import read_skill_table, read_text_table
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import text
from torchedu.datasets.importers.reading.begun import Begun, begun
from torchedu.datasets.importers.reading.clock import Timed
from torchedu.datasets.importers.reading.durations import Durations, DurationUnit
from torchedu.datasets.importers.reading.item_texts import ItemTexts
from torchedu.datasets.importers.reading.marks import Marked
from torchedu.datasets.importers.reading.rows import BadRows, Places, Reading
from torchedu.datasets.importers.reading.skills import Skills
from torchedu.datasets.importers.reading.text import locate


@dataclass(kw_only=True)
class AnswerImporter(Timed, Marked, Importer):
    """Students' answers.

    Items, skills and students are kept in natural order of their names, and each student's answers
    in order of time (in the file's order where times are equal or absent).

    Args:
        merge_skill_rows: Take rows that differ in nothing but the skill as one answer.
        skill_separator: What stands between several skills of an item.
        item_skills: A CSV file of items and their skills, instead of skills beside the answers.
        item_texts: A CSV file of items and what they ask (``item``, ``item_text``), beside the
            answers or in place of a column of theirs. Where the two differ, it counts.
        unmarked: What rows without a mark are: ``error``, bad rows; or ``ask``, questions, which
            stand beside the answers and are never history: ``torchedu predict`` answers them.
        response_time_unit: The unit of the response times; ``auto`` is seconds, unless that would
            make them long.
    """

    store = AnswerStore
    describe = staticmethod(describe)
    in_folders = False

    merge_skill_rows: bool = False
    skill_separator: str = ";"
    item_skills: str | None = None
    item_texts: str | None = None
    unmarked: Literal["error", "ask"] = "error"
    response_time_unit: DurationUnit = "auto"

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all answers and write them; see ``Importer.write``."""
        table, texts = None, None
        delimiter, encoding = map(about["options"].get, ("delimiter", "encoding"))
        written = delimiter, encoding or "utf-8"
        if self.item_skills is not None:
            about["options"]["item_skills"] = locate(self.item_skills).base
            table = read_skill_table(self.item_skills, self.skill_separator, *written)
        if self.item_texts is not None:
            about["options"]["item_texts"] = locate(self.item_texts).base
            texts = read_text_table(self.item_texts, *written)
        separator = self.skill_separator if reading.separator is None else reading.separator
        durations = Durations(reading.response_time_unit or self.response_time_unit)
        with begun(
            out, _asked(reading, about, (table, texts)) if reading.goes_on else None
        ) as progress:
            intake = Intake(
                reading, bad, progress.folder, marks=self.marks(reading.decimal),
                clock=self.clock(reading.unit), durations=durations,
                skills=Skills(separator, table), item_texts=ItemTexts(texts),
                merge_skill_rows=self.merge_skill_rows, asks=self.unmarked == "ask",
            )  # fmt: skip
            with closing(intake):
                _gathered(reading, bad, intake, progress)
                if progress.said:
                    about["interrupted"] = progress.said
                intake.write(out, about)


def _asked(reading: Reading, about: Mapping[str, Any], tables: object) -> dict[str, Any]:
    """Return what tells one import from another, as plain JSON."""
    infos = (source.system.get_file_info(source.path) for source in reading.sources)
    return {
        "version": importlib.metadata.version("torchedu"), "blocks": text.BLOCK_BYTES,
        "about": about, "tables": tables, "files": [source.name for source in reading.sources],
        "changed": [[info.size, info.mtime_ns] for info in infos],
    }  # fmt: skip


def _gathered(reading: Reading, bad: BadRows, intake: Intake, progress: Begun) -> None:
    """Take all rows and gather them; go on where an interrupted import was."""
    place, earlier = 0, progress.find()
    if earlier is not None and intake.go_on(earlier["intake"]):
        place = bad.places.begin = int(earlier["place"])
        reading.unfilled.intersection_update(earlier["unfilled"])
        progress.take_up(bad.rows)
    elif earlier is not None:
        progress.refuse("the rows that it had read are damaged")

    def note(place: int) -> None:
        known = {"place": place, "unfilled": sorted(reading.unfilled), "intake": intake.noted()}
        progress.note(bad.rows, known)

    for piece in reading.pieces:
        intake.take(piece)
        if len(piece.place) and progress.due(bad.rows, len(intake.students.numbers)):
            note(int(piece.place[-1]))
    if place < Places.END:
        intake.gather()
        if progress.rows:  # what takes no time need not be noted
            note(Places.END)
