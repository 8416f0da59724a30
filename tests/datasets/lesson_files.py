"""Small lessons in the layouts of real files, whose tags can be learned from their words."""

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

HEADINGS = ("", "TimeStamp", "Turn", "Speaker", "Sentence", "Teacher Tag", "Student Tag")
TEACHER = {
    "1 - none": ("Okay.", "Open your books."),
    "8 - press for accuracy": ("What is six times seven?", "How many are there?"),
    "9 - press for reasoning": ("Why is that so?", "Explain why it works."),
}
STUDENT = {
    "1 - none": ("Yes.", "Hmm."),
    "4 - making a claim": ("It is forty two.", "The answer is ten."),
    "5 - providing evidence/providing reasoning": ("Because they are equal.", "Since it is half."),
}


def lesson(seed: int, turns: int = 12) -> list[tuple[Any, ...]]:
    """Return a lesson's rows as the release has them: turns of a teacher and of two students."""
    drawn = random.Random(seed)
    rows: list[tuple[Any, ...]] = []
    for turn in range(1, turns + 1):
        teacher = turn % 2 == 1
        speaker = "T" if teacher else drawn.choice(("S", "Ana"))
        tags = TEACHER if teacher else STUDENT
        for _ in range(drawn.choice((1, 2))):
            tag = drawn.choice(list(tags))
            said = drawn.choice(tags[tag])
            both = (tag, None) if teacher else (None, tag)
            rows.append((len(rows), "00:00:09", turn, speaker, said, *both))
    return rows


def write_workbook(
    file: Path, rows: Sequence[Sequence[Any]], headings: Sequence[str] = HEADINGS
) -> Path:
    """Write one lesson as a workbook of the release's layout."""
    book = Workbook()
    for row in (headings, *rows):
        book.active.append(list(row))
    file.parent.mkdir(parents=True, exist_ok=True)
    book.save(file)
    return file


def write_release(folder: Path, lessons: int = 4) -> Path:
    """Write workbooks as the release of TalkMoves has them; the last lesson is of its test part."""
    for i in range(lessons):
        name = f"Benson.Fall {i}" if i == lessons - 1 else f"Lesson {i}"
        subset = "Subset 1" if i % 2 else "Subset 2"
        write_workbook(folder / subset / f"{name}.xlsx", lesson(i))
    return folder


def write_lessons(file: Path, lessons: int = 12, turns: int = 12) -> Path:
    """Write lessons as one CSV file of one's own: lesson, speaker, role, sentence, tag."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(("lesson", "speaker", "role", "sentence", "tag"))
        for i in range(lessons):
            for _, _, _, speaker, said, teacher, student in lesson(i, turns):
                role = "teacher" if teacher else "student"
                tag = (teacher or student).partition(" - ")[2]
                out.writerow((f"lesson {i}", speaker, role, said, tag))
    return file
