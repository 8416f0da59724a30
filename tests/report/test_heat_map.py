from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from torchedu.report.folder import Mastery, read_run
from torchedu.report.heat_map import MOST_SKILLS, MOST_STEPS, draw_mastery, excerpt
from torchedu.report.style import drawing


@pytest.fixture
def mastery(write_run: Callable[..., Path]) -> Mastery:
    found = read_run(write_run()).mastery
    assert found
    return found


@pytest.fixture
def long() -> Mastery:
    """A student with 250 answers on 60 skills; the latest are on the first 40."""
    skills = [f"skill {k}" for k in range(60)]
    return Mastery(
        student="s",
        definition="d",
        skills=skills,
        mastery=[[step / 250 + k / 1e6 for k in range(60)] for step in range(250)],
        items=[f"item {step}" for step in range(250)],
        correct=[1.0] * 250,
        skills_of_items=[[skills[59 - step % 60]] for step in range(150)]
        + [[skills[step % 40] if step % 2 else skills[0]] for step in range(100)],
    )


def test_skills_stand_in_the_order_they_were_met(mastery: Mastery) -> None:
    shown = excerpt(mastery)
    assert shown.mastery.skills == ["fractions", "ratios", "decimals"]
    assert (shown.first, shown.steps, shown.skills) == (1, 12, 3)


def test_values_and_marks_stand_at_their_skill_and_answer(mastery: Mastery) -> None:
    with drawing():
        picture = draw_mastery(excerpt(mastery))
        assert picture
        picture.png()
    axes = picture.figure.axes[0]
    shades = np.asarray(axes.images[0].get_array())
    assert shades.shape == (3, 12)
    column = mastery.skills.index("ratios")
    assert shades[1].tolist() == [row[column] for row in mastery.mastery]
    right, _, wrong = (marks.get_offsets().tolist() for marks in axes.collections)
    # Answer 1 (wrong) was on fractions and ratios, answer 2 (right) on decimals.
    assert [mark for mark in wrong if mark[0] == 1] == [[1, 0], [1, 1]]
    assert [mark for mark in right if mark[0] == 2] == [[2, 2]]


def test_a_long_history_is_cut_to_its_end_and_its_most_practised_skills(long: Mastery) -> None:
    shown = excerpt(long)
    assert (shown.first, shown.steps) == (251 - MOST_STEPS, 250)
    assert len(shown.mastery.skills) == MOST_SKILLS < shown.skills
    assert shown.mastery.skills[0] == "skill 0"
    assert shown.mastery.items[0] == "item 150"
    assert shown.mastery.mastery[-1][0] == long.mastery[-1][0]
    with drawing():
        picture = draw_mastery(shown)
    assert picture
    assert picture.figure.axes[0].get_xlim() == (150.5, 250.5)


def test_one_answer_is_enough(mastery: Mastery) -> None:
    one = replace(
        mastery,
        mastery=mastery.mastery[1:2],
        items=["item"],
        correct=[0.4],
        skills_of_items=[["ratios"]],
    )
    with drawing():
        picture = draw_mastery(excerpt(one))
        assert picture
        assert picture.png()


def test_undefined_values_are_left_blank(mastery: Mastery) -> None:
    mastery.mastery[0][0] = float("nan")
    with drawing():
        picture = draw_mastery(excerpt(mastery))
        assert picture
        assert picture.svg()


def test_a_student_who_met_no_known_skill_has_no_picture(mastery: Mastery) -> None:
    with drawing():
        none = [[] for _ in mastery.items]
        assert draw_mastery(excerpt(replace(mastery, skills_of_items=none))) is None
        others = [["another"] for _ in mastery.items]
        assert draw_mastery(excerpt(replace(mastery, skills_of_items=others))) is None
