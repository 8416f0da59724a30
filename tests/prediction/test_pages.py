import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from torchedu.errors import DataError
from torchedu.prediction.page import Pages
from torchedu.prediction.pages import pages
from torchedu.prediction.tables import write_table
from torchedu.run_folder import RunFolder
from torchedu.sections import Table

TABLES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "student": {
        "mastery": [
            {"student": who, "skill": skill, "mastery": value}
            for who, values in (("=ann", (0.9, 0.3)), ("ben", (0.85, 0.95)))
            for skill, value in zip(("adding", "fractions"), values, strict=True)
        ],
        "predictions": [
            {"student": "=ann", "position": 0, "item": "q1", "probability": 0.4, "correct": 1.0},
            {"student": "=ann", "position": 1, "item": "q2", "probability": 0.6, "correct": 0.0},
        ],
    },
    "course": {
        "risks": [
            {"student": "ann", "course": course, "day": day, "risk": 0.1 * day, "leaving": 0.0}
            for course in ("Algebra", "Logic") for day in (1, 2)
        ],
        "calls": [
            {"course": "Algebra", "rank": 1, "student": "ann", "day": 2.0, "risk": 0.2,
             "week_before": None, "expected": 0.2, "reasons": "missed work 1: +9 points"},
        ],
        "changes": [
            {"course": "Algebra", "student": "ann", "day": 2.0, "risk": 0.2, "week_before": 0.1,
             "change": 0.1, "events": "missed work 1"},
        ],
    },
    "recommended": {
        "recommendations": [
            {"student": who, "place": place, "course": course, "score": 0.5, "because": "Logic"}
            for who, courses in (("ann", "AB"), ("ben", "BC"))
            for place, course in enumerate(courses, 1)
        ],
    },
    "text": {
        "grades": [
            {"text": f"t{i}", "prompt": "plants", "score": float(i % 4)} for i in range(8)
        ],
    },
    "label": {
        "grades": [
            {"text": "t", "prompt": "p", "label": "correct", "chance of correct": 0.9},
        ],
    },
    "conversation": {
        "explanations": [
            {"conversation": 4, "prompt": "1 + 1?", "explanation": "2.", "tutor": "It is 2.",
             "answer": "2", "right": True, "calculations": 0, "calculations_right": 0,
             "tells": True, "grade": 1.0},
        ],
    },
}  # fmt: skip


def written(kind: str, folder: Path, form: str) -> Pages:
    for name, rows in TABLES[kind].items():
        write_table(RunFolder(folder).table(name, form), pa.Table.from_pylist(rows))
    return pages(folder)


def cells(said: Pages, who: str, section: int = 0) -> list[list[Any]]:
    (table,) = said.people[who].sections[section].forms
    assert isinstance(table, Table)
    return [list(row) for row in table.rows]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_student_s_page_begins_with_what_is_mastered_least(tmp_path: Path, form: str) -> None:
    said = written("student", tmp_path, form)
    assert list(said.people) == ["=ann", "ben"]
    assert cells(said, "=ann") == [["fractions", 0.3], ["adding", 0.9]]
    assert cells(said, "=ann", 1) == [["1", "q1", 0.4, "1"], ["2", "q2", 0.6, "0"]]
    assert said.people["=ann"].lead.startswith("2 answers, 50% of them right. Below 80% in 1 of 2")
    assert said.people["ben"].lead == "0 answers. All 2 skills are at 80% or above."
    (page,) = said.classes.values()
    assert page.lead == "2 students. What the class masters least is fractions."


def test_each_course_says_whom_to_call_and_why(tmp_path: Path) -> None:
    said = written("course", tmp_path, "parquet")
    assert list(said.classes) == ["Algebra"]
    assert "1 students to call, of whom 0.2 would" in said.classes["Algebra"].lead
    first, second = said.people["ann"].sections
    assert first.sentence == "What raised the risk: missed work 1: +9 points."
    assert second.sentence == "Not on the list of today."


def test_courses_texts_and_conversations_have_pages(tmp_path: Path) -> None:
    said = written("recommended", tmp_path / "a", "csv")
    assert said.people["ben"].lead == "Next: B."
    assert "Recommended most often is B." in said.classes["All students"].lead
    said = written("text", tmp_path / "b", "parquet")
    assert said.people["t3"].lead == "score: 3. Above 75% of 8 texts."
    said = written("label", tmp_path / "c", "parquet")
    assert said.people["t"].lead == "label: correct."
    said = written("conversation", tmp_path / "d", "parquet")
    assert said.people["4"].lead == "The answer is right."


def test_a_lesson_s_page_tells_who_talked(tmp_path: Path) -> None:
    tags = [
        {"lesson": "l1", "position": i, "turn": i, "speaker": "Ms. Lee", "role": "teacher",
         "sentence": "Why?", "tag": "pressing", "probability": 0.9}
        for i in range(3)
    ]  # fmt: skip
    talk = [
        {"lesson": "l1", "speaker": "Ms. Lee", "role": "teacher", "turns": 3, "sentences": 3,
         "words": 3, "share_of_words": 1.0}
    ]  # fmt: skip
    for name, rows in (("tags", tags), ("talk", talk)):
        write_table(RunFolder(tmp_path).table(name), pa.Table.from_pylist(rows))
    (tmp_path / "lessons.json").write_text(json.dumps([{"lesson": "l1"}]))
    said = pages(tmp_path)
    assert said.noun == "lesson"
    assert said.people["l1"].lead == "3 sentences; teachers speak 100% of the words."
    assert cells(said, "l1", 1) == [["pressing", "teacher", 3, 1.0]]


def test_more_people_than_have_pages_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchedu.prediction.page.MOST", 1)
    said = written("student", tmp_path, "parquet")
    assert (list(said.people), said.left_out) == (["=ann"], 1)


def test_a_folder_without_tables_has_no_pages(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table that pages are made of"):
        pages(tmp_path)
