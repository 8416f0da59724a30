"""Two versions compared by the same events: exact scores, intervals that hold, careful verdicts."""

import numpy as np
import pytest

from torchedu.metrics.scores import scores
from torchedu.serve.comparing import Comparison, mean_of
from torchedu.serve.follower import Foreseen


def said(chance: np.ndarray, came: np.ndarray, students: int) -> list[Foreseen]:  # type: ignore[type-arg]
    return [
        Foreseen(n, f"s{n % students}", float(c), float(y))
        for n, (c, y) in enumerate(zip(chance, came, strict=True))
    ]


def test_scores_are_those_of_the_events_that_both_spoke_of() -> None:
    drawn = np.random.default_rng(0)
    chance = drawn.uniform(0.1, 0.9, 1000)
    came = (drawn.random(1000) < chance).astype(float)
    other = np.clip(chance + drawn.normal(0, 0.2, 1000), 0.05, 0.95)
    both = Comparison("log_loss")
    both.add(said(chance, came, 50), said(other, came, 50)[:900])
    summary = both.scores()
    assert (summary["events"], summary["students"]) == (900, 50)
    for name, values in (("served", chance), ("other", other)):
        exact = scores(values[:900], came[:900])
        assert summary["log_loss"][name] == pytest.approx(exact["log_loss"])
        assert summary["auc"][name] == pytest.approx(exact["auc"])
    assert summary["verdict"] == "the other is worse"
    turned = Comparison("log_loss")
    turned.add(said(other, came, 50), said(chance, came, 50))
    assert turned.scores()["verdict"] == "the other is better"


def test_equal_ones_differ_by_nothing_and_few_are_not_judged() -> None:
    drawn = np.random.default_rng(1)
    chance = drawn.uniform(0.1, 0.9, 1000)
    came = (drawn.random(1000) < chance).astype(float)
    same = Comparison("log_loss")
    same.add(said(chance, came, 50), said(chance, came, 50))
    assert same.scores()["verdict"] == "no difference is shown"
    for number, students in ((150, 50), (1000, 20), (1000, 1)):
        few = Comparison("log_loss")
        mine, truth = chance[:number], came[:number]
        few.add(said(mine, truth, students), said(1 - mine, truth, students))
        assert few.scores()["verdict"] == "too few to judge"
    assert Comparison("log_loss").scores() == {
        "events": 0, "students": 0, "verdict": "too few to judge",
    }  # fmt: skip


def test_misses_are_courses_that_were_not_recommended() -> None:
    ones = np.ones(300)
    hits = Comparison("misses")
    hits.add(said(ones, ones, 60), said(np.arange(300) % 2, ones, 60))
    summary = hits.scores()
    assert summary["misses"] == {"served": 0.0, "other": 0.5}
    assert "auc" not in summary
    assert {gauge.name for gauge in hits.gauges("courses")} == {"shadow_events", "shadow_misses"}


def test_intervals_hold_the_mean_of_95_of_100_draws_of_students() -> None:
    drawn = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        student = np.repeat(np.arange(60), drawn.integers(1, 20, 60))
        values = drawn.normal(0, 1, 60)[student] + drawn.normal(0, 0.5, len(student))
        mean = mean_of(values, student)
        assert mean is not None
        held += mean.low <= 0 <= mean.high
    assert 0.91 <= held / 400 <= 0.98
