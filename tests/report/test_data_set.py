from typing import Any

import numpy as np

from torchedu.report.data_set import MOST_GROUPS, data_set_figure
from torchedu.report.style import drawing, saved

COUNTS = {"edges": [1.0, 2.0, 4.0, 8.0, 16.0], "counts": [1, 4, 9, 2]}
DESCRIPTION: dict[str, Any] = {
    "students": 16,
    "answers": 1234,
    "items": 30,
    "skills": 4,
    "share_correct": 0.661,
    "answers_per_student": {"quantiles": {"0.5": 6.0}, "histogram": COUNTS},
    "answers_per_item": {"quantiles": {}, "histogram": COUNTS},
    "item_share_correct": {"edges": np.linspace(0, 1, 5).tolist(), "counts": [1, 2, 3, 4]},
    "skills_per_item": {"10": 1, "2": 9, "1": 20},
    "groups": {"$x$ <b>\n\x00": {"$": 9, "m": 7}, "school": {f"s{i}": i + 1 for i in range(20)}},
    "time": None,
}


def titles(description: dict[str, Any]) -> list[str]:
    with drawing():
        figure = data_set_figure(description)
        assert saved(figure, "png").startswith(b"\x89PNG")
        return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def test_each_distribution_and_attribute_has_a_panel() -> None:
    assert titles(DESCRIPTION) == [
        "Answers a student",
        "Answers an item",
        "Share of right answers",
        "Skills an item",
        "$x$ <b> �",
        "school",
    ]


def test_data_of_any_kind_is_drawn_by_what_it_counts() -> None:
    found = {
        "courses": 3,
        "events_per_enrolment": {"quantiles": {}, "histogram": COUNTS},
        "groups": {"outcome": {"Pass": 3, "Fail": 1}, "age": {}},
        "unit": "enrolments",
    }
    assert titles(found) == ["Events an enrolment", "outcome"]
    with drawing():
        figure = data_set_figure(found)
    assert figure.get_suptitle() == "3 courses"
    histogram, bars = figure.axes[:2]
    assert (histogram.get_ylabel(), bars.get_xlabel()) == ("enrolments", "enrolments")


def test_what_is_missing_or_empty_is_not_drawn() -> None:
    assert titles({}) == []
    empty = {"answers_per_student": {"histogram": {"edges": [], "counts": []}}, "groups": {}}
    assert titles({**empty, "skills_per_item": {"1": 30}, "share_correct": None}) == []


def test_the_headline_counts() -> None:
    with drawing():
        figure = data_set_figure(DESCRIPTION)
    said = figure.get_suptitle()
    assert said == "16 students  ·  1,234 answers  ·  30 items  ·  4 skills  ·  66% right"


def test_skill_counts_are_in_order_and_small_groups_are_summed() -> None:
    with drawing():
        axes = data_set_figure(DESCRIPTION).axes
    assert [label.get_text() for label in axes[3].get_xticklabels()] == ["1", "2", "10"]
    names = [label.get_text() for label in axes[5].get_yticklabels()]
    assert names == [*(f"s{i}" for i in range(20 - MOST_GROUPS, 20)), "12 others"]
    assert axes[5].patches[-1].get_width() == sum(range(1, 13))


def test_widening_bins_get_a_logarithmic_axis() -> None:
    with drawing():
        axes = data_set_figure(DESCRIPTION).axes
    assert [axis.get_xscale() for axis in axes[:3]] == ["log", "log", "linear"]


def test_a_narrow_range_still_has_its_numbers() -> None:
    for edges in ([180.0, 200.0, 240.0, 350.0], [30.0, 40.0, 60.0, 140.0], [1.0, 2.0]):
        histogram = {"edges": edges, "counts": [3] * (len(edges) - 1)}
        with drawing():
            figure = data_set_figure({"answers_per_item": {"histogram": histogram}})
            saved(figure, "png")
        low, high = figure.axes[0].get_xlim()
        ticks = [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high]
        assert len(ticks) >= 2
        assert all(tick % 1 == 0 for tick in figure.axes[0].get_yticks())
