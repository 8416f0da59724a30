"""The pictures of lessons show what the evaluation holds, and nothing where it holds nothing."""

from typing import Any

import pytest

from torchedu.report.lesson import draw_lessons
from torchedu.report.style import drawing


@pytest.fixture
def found() -> dict[str, Any]:
    return {
        "lesson": {
            "lesson": "lesson row 3",
            "tags": {"teacher": ["none", "press"], "student": ["claim"]},
            "role": [0, 1, 0, 0],
            "given": [1, 0, 0, 0],
            "by_people": [1, -1, 0, 1],
            "words": [4, 2, 0, 6],
        },
        "scores": [{"name": "TurnContext"}],
        "by_tag": {
            "student": [{"tag": "<claim>", "sentences": 9, "f1": {"TurnContext": 0.5, "SVM": None}}]
        },
    }


def test_a_lesson_and_its_tags_are_drawn(found: dict[str, Any]) -> None:
    with drawing():
        lesson, tags = draw_lessons(found)
        assert lesson.png().startswith(b"\x89PNG")
        assert all(tags.svg())
    assert lesson.name == "lesson"
    assert "teachers: none 67%, press 33%; students: claim 100%" in lesson.alt
    teacher, student = lesson.figure.axes
    assert [label.get_text() for label in teacher.get_yticklabels()] == ["network", "people"]
    assert [label.get_text() for label in student.get_yticklabels()] == ["network"]  # none tagged
    assert len(teacher.collections[0].get_paths()) == 3
    assert student.get_xlim() == (0, 13)  # what has no word is a word wide
    assert tags.alt == "F1 of each tag. students' <claim>: 0.50."


def test_nothing_is_drawn_of_other_evaluations(found: dict[str, Any]) -> None:
    assert draw_lessons({"scores": []}) == []
    found["lesson"] = None
    with drawing():
        assert [picture.name for picture in draw_lessons(found)] == ["tags"]
