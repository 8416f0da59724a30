from collections.abc import Callable
from pathlib import Path

import pytest

from torchedu.report.folder import Evaluation, GroupScore, HistoryScore, read_run
from torchedu.report.scores import (
    MOST_GROUPS,
    draw_groups,
    draw_history,
    draw_scores,
    largest_groups,
)
from torchedu.report.style import drawing

NAN = float("nan")


@pytest.fixture
def found(write_run: Callable[..., Path]) -> Evaluation:
    evaluation = read_run(write_run()).evaluation
    assert evaluation
    return evaluation


def of(name: str, students: int = 10, auc: float = 0.7) -> GroupScore:
    return GroupScore(name, students, 100, auc, 0.7, 0.5, 0.02)


def test_every_predictor_has_a_bar_from_guessing(found: Evaluation) -> None:
    with drawing():
        picture = draw_scores(found)
    assert picture
    axes = picture.figure.axes[0]
    bars = [(bar.get_x(), round(bar.get_x() + bar.get_width(), 3)) for bar in axes.patches]
    assert bars == [(0.5, 0.738), (0.5, 0.706), (0.5, 0.627), (0.5, 0.746), (0.5, 0.766)]
    assert axes.get_yticklabels()[0].get_text() == "ItemDKT"
    assert "Best-LR 0.706" in picture.alt


def test_an_auc_below_guessing_is_still_in_view(found: Evaluation) -> None:
    found.scores[:] = [score for score in found.scores if score.kind == "network"]
    object.__setattr__(found.scores[0], "auc", 0.4)
    with drawing():
        picture = draw_scores(found)
    assert picture
    assert picture.figure.axes[0].get_xlim()[0] < 0.4


def test_groups_stand_around_the_overall_auc(found: Evaluation) -> None:
    with drawing():
        picture = draw_groups(found.by_group, 0.738)
        assert picture
        picture.png()
    axes = picture.figure.axes[0]
    low, high = axes.get_xlim()
    assert low < 0.73 < 0.738 < 0.74 < high
    # Gaps of chance must not fill the picture.
    assert high - low >= 0.08
    assert "f 0.740" in picture.alt


def test_the_largest_groups_are_drawn_in_their_order() -> None:
    groups = [of(str(i), students=i) for i in range(40)]
    assert [group.students for group in largest_groups(groups)] == list(range(40 - MOST_GROUPS, 40))


def test_history_has_a_point_for_each_defined_auc(found: Evaluation) -> None:
    with drawing():
        picture = draw_history(found.by_history, "ItemDKT")
        assert picture
        picture.png()
    assert "0: 0.650, 10+: 0.750" in picture.alt
    assert len(picture.figure.axes[1].patches) == 3


def test_nothing_defined_is_nothing_drawn(found: Evaluation) -> None:
    with drawing():
        assert draw_groups({}, 0.7) is None
        assert draw_groups({"gender": [of("f", auc=NAN)]}, 0.7) is None
        assert draw_history([], "ItemDKT") is None
        assert draw_history([HistoryScore(0, 0, 5, NAN, 0.7)], "ItemDKT") is None
        found.scores.clear()
        assert draw_scores(found) is None


def test_groups_are_drawn_where_the_overall_auc_is_undefined() -> None:
    with drawing():
        picture = draw_groups({"gender": [of("f"), of("m")]}, NAN)
        assert picture
        assert picture.png()
