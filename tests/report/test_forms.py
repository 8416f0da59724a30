"""Each form is drawn as it is, whatever it is about."""

from dataclasses import replace

import numpy as np
import pytest

from tests.report.conftest import (
    by_group,
    by_tag,
    history,
    lesson,
    mastery,
    ranking,
    risk,
    trust,
)
from torchedu.report.forms import draw
from torchedu.report.style import NETWORK, OTHERS, Picture, drawing
from torchedu.sections import (
    Bar,
    Bars,
    Dots,
    HeatMap,
    Line,
    Lines,
    Parallels,
    Point,
    Points,
    Stripes,
    Table,
    Upright,
)


def drawn(form: object) -> Picture:
    with drawing():
        picture = draw(form, "picture")
        assert picture
        assert picture.png().startswith(b"\x89PNG")
    return picture


def test_the_networks_line_lies_on_top_with_its_note() -> None:
    axes = drawn(ranking()).figure.axes[0]
    last = axes.lines[-1]
    assert (last.get_label(), last.get_color()) == ("ItemDKT  0.738", NETWORK)
    assert len(axes.lines) == 3  # the diagonal below all
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "ItemDKT  0.738",
        "Best-LR  0.706",
    ]


def test_two_models_of_a_kind_have_two_colours() -> None:
    lines = [Line(name, [0, 1], [0, 1], "baseline") for name in ("a", "b")]
    axes = drawn(Lines("x", "y", lines)).figure.axes[0]
    assert [line.get_color() for line in axes.lines] == [OTHERS[1], OTHERS[0]]


def test_what_is_behind_a_line_is_counted_below_it() -> None:
    picture = drawn(trust())
    segments = picture.figure.axes[1].collections[0].get_segments()
    assert [segment[1].tolist() for segment in segments] == [[0.2, 100], [0.5, 900], [0.8, 400]]
    assert "0.2 0.250, 0.5 0.500, 0.8 0.750" in picture.alt


def test_places_that_have_names_are_called_so() -> None:
    picture = drawn(history())
    assert "0 0.650, 10+ 0.750" in picture.alt
    assert len(picture.figure.axes[1].patches) == 3
    labels = [label.get_text() for label in picture.figure.axes[1].get_xticklabels()]
    assert labels == ["0", "1–9", "10+"]


def test_the_area_between_two_lines_is_shaded_and_told_above() -> None:
    form = replace(ranking(), area=True, title="gender: ABROCA 0.050")
    picture = drawn(form)
    assert len(picture.figure.axes[0].collections) == 1
    assert picture.alt.startswith("gender: ABROCA 0.050. Lines of found")


def test_marks_are_numbered_where_they_are() -> None:
    axes = drawn(risk()).figure.axes[0]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ("1", (14, 0.6)),
        ("2", (28, 0.7)),
    ]


def test_bars_begin_where_guessing_ends() -> None:
    form = Bars("AUC", [Bar("net", 0.738, "network"), Bar("none", None), Bar("low", 0.4)], 0.5)
    picture = drawn(form)
    axes = picture.figure.axes[0]
    bars = [(bar.get_x(), round(bar.get_x() + bar.get_width(), 3)) for bar in axes.patches]
    assert bars == [(0.5, 0.738), (0.5, 0.4)]
    assert axes.get_xlim()[0] < 0.4
    assert picture.alt == "Bars of AUC: net 0.738; low 0.400."


def test_no_score_beyond_all_is_labelled() -> None:
    line = Line("net", [0, 1, 2], [0.9, 0.97, 1.0], "network")
    axes = drawn(Lines("week", "AUC", [line])).figure.axes[0]
    assert max(axes.get_yticks()) <= 1 < axes.get_ylim()[1]
    axes = drawn(Bars("AUC", [Bar("net", 1.0, "network")], 0.5)).figure.axes[0]
    assert axes.get_xticks()[-1] == pytest.approx(1)


def test_groups_stand_around_the_overall_score() -> None:
    picture = drawn(by_group())
    low, high = picture.figure.axes[0].get_xlim()
    assert low < 0.73 < 0.738 < 0.74 < high
    assert high - low >= 0.08  # gaps of chance must not fill the picture
    assert "gender: f 0.740, m 0.730, x –" in picture.alt


def test_models_are_set_side_by_side_from_nothing_to_all() -> None:
    axes = drawn(by_tag()).figure.axes[0]
    low, high = axes.get_xlim()
    assert low < 0 < 1 < high  # no dot lies on a name or is cut
    assert [axes.get_xticks()[at] for at in (0, -1)] == pytest.approx([0, 1])
    assert axes.get_yticklabels()[0].get_text() == "a (9)"


def test_values_and_marks_stand_at_their_row_and_column() -> None:
    form = mastery()
    axes = drawn(form).figure.axes[0]
    assert np.asarray(axes.images[0].get_array()).tolist() == form.values
    right, _, wrong = (marks.get_offsets().tolist() for marks in axes.collections)
    assert [mark for mark in wrong if mark[0] == 4] == [[4, 0]]
    assert [mark for mark in right if mark[0] == 5] == [[5, 1]]


def test_stripes_are_as_wide_as_what_they_stand_for() -> None:
    picture = drawn(lesson())
    teacher, student = picture.figure.axes
    assert [label.get_text() for label in teacher.get_yticklabels()] == ["network", "people"]
    assert [label.get_text() for label in student.get_yticklabels()] == ["network"]
    assert len(teacher.collections[0].get_paths()) == 3
    assert student.get_xlim() == (0, 13)  # what has no width is still to be seen
    assert "teachers: none 67%, press 33%; students: claim 100%" in picture.alt


def test_nothing_to_show_is_no_picture() -> None:
    with drawing():
        for form in (
            Lines("x", "y", [Line("a", [0], [None])]), Bars("x", [Bar("a", None)]),
            Dots("x", "a", []), HeatMap("x", [], []), Stripes("x", [], []), Table(["a"], [["b"]]),
        ):  # fmt: skip
            assert draw(form, "picture") is None


def test_points_in_front_are_joined_and_limits_drawn() -> None:
    points = [
        Point("3", 0.1, 0.8, "best"), Point("1", 0.0, 0.7, "front"), Point("2", 0.2, 0.6),
        Point("4", 0.3, 0.5, "stopped"),
    ]  # fmt: skip
    picture = drawn(Points("gap", "AUC", points, (0.15, None)))
    (axes,) = picture.figure.axes
    joined = axes.lines[0]
    assert list(joined.get_xdata()) == [0.0, 0.1]
    assert [text.get_text() for text in axes.texts] == ["1", "3"]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [0.15]
    assert "4 points of AUC by gap" in picture.alt
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "stopped early", "others", "the front", "the best",
    ]  # fmt: skip


def test_parallels_have_an_axis_each_and_gaps_where_one_has_no_place() -> None:
    axes = [
        Upright("model.lr", [0.001, 0.1, 0.01], (), True),
        Upright("model.net", [0, 1, None], ["DKT", "SAKT"]),
        Upright("same", [5, 5, 5]),
    ]
    picture = drawn(Parallels(axes, [1]))
    (drawn_axes,) = picture.figure.axes
    things = [line for line in drawn_axes.lines if len(line.get_xdata()) == 3]
    heights = np.array([line.get_ydata() for line in things])
    assert heights[:, 0] == pytest.approx([0, 0.5, 1])  # what stands out lies on top
    assert np.isnan(heights[1, 1])
    assert heights[:, 2] == pytest.approx([0.5] * 3)
    labels = [text.get_text() for text in drawn_axes.texts]
    assert labels == ["0.001", "0.1", "DKT", "SAKT", "5"]
    assert "3 things over model.lr, model.net, same; 1 stand out" in picture.alt


def test_many_things_without_any_are_no_picture() -> None:
    assert draw(Points("x", "y", []), "none") is None
    assert draw(Parallels([Upright("a", []), Upright("b", [])]), "none") is None
    assert draw(Parallels([Upright("a", [1.0])]), "none") is None
