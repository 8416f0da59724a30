"""The pictures of grades show what the evaluation holds, and nothing where it holds nothing."""

from typing import Any

import pytest

from torchedu.report.grades import MOST, draw_grades
from torchedu.report.style import drawing


@pytest.fixture
def found() -> dict[str, Any]:
    qwk = {"FrozenGrader": 0.7, "length alone": 0.5, "words": None}
    return {
        "columns": {"qwk": "QWK", "exact": "exact agreement"},
        "scores": [{"name": "FrozenGrader"}],
        "by_prompt": [
            {"prompt": "<hats>", "score": "overall", "texts": 1200, "qwk": qwk},
            {"prompt": "<hats>", "score": "grammar", "texts": 1200, "qwk": qwk},
            {"prompt": "cats", "score": "overall", "texts": 9, "qwk": {"FrozenGrader": -0.1}},
        ],
        "by_part": [],
        "essays_by_group": {"sex": [{"name": "f", "texts": 30, "qwk": qwk}]},
    }


def test_prompts_and_groups_are_drawn(found: dict[str, Any]) -> None:
    with drawing():
        prompts, writers = draw_grades(found)
        assert prompts.png().startswith(b"\x89PNG")
    assert (prompts.name, writers.name) == ("prompts", "writers")
    assert prompts.alt == "QWK by prompt. <hats>: 0.70; cats: -0.10."
    (axes,) = prompts.figure.axes
    assert [one.get_text() for one in axes.get_yticklabels()] == ["<hats> (1,200)", "cats (9)"]
    assert axes.get_xlim() == (-0.1, 1)
    assert len(axes.lines) == 3
    assert writers.alt == "QWK by group of writers. sex: f: 0.70."


def test_long_lists_are_cut_and_say_so_and_others_evaluations_left(found: dict[str, Any]) -> None:
    assert draw_grades({"scores": []}) == []
    with drawing():
        (whole,) = draw_grades(found)[0].figure.axes
        found["by_prompt"] *= MOST
        (cut,) = draw_grades(found)[0].figure.axes
    assert whole.get_xlabel() == "QWK (texts in brackets)"
    assert cut.get_xlabel() == f"QWK (texts in brackets; the first {MOST} of {2 * MOST})"
    assert len(cut.get_yticks()) == MOST
