"""Pictures of many things: what is named has room for its name."""

from torchedu.report.many import draw_points
from torchedu.sections import Point, Points


def test_names_that_would_lie_on_one_another_are_left_out() -> None:
    front = [Point(str(n), 0.2 + n / 100, 0.5 + n / 100, "front") for n in range(30)]
    best = Point("30", 0.355, 0.655, "best")
    far = Point("31", 0.9, 0.95, "front")
    drawn = draw_points(Points("gap", "auc", [*front, best, far], (None, None)))
    assert drawn is not None
    figure, words = drawn
    names = [text.get_text() for text in figure.axes[0].texts]
    assert {"0", "30", "31"} <= set(names)
    assert len(names) < 12
    assert "15 0.35, 0.65" in words  # in words there is room


def test_points_without_names_have_none() -> None:
    drawn = draw_points(Points("gap", "auc", [Point("", 0.1, 0.2, "best")], (None, None)))
    assert drawn is not None
    assert not drawn[0].axes[0].texts
