"""A gap is the largest one above its floor; below their floors all gaps are one."""

import math
from typing import Any

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.tune.measure import Measure, gaps_of, unfairness
from torchedu.tune.objectives import Goals


def gap(value: float | None, above: bool) -> dict[str, Any]:
    return {"value": value, "above": above, "interval": None, "floor": 0.1}


def audit(*gaps: dict[str, Any], stratum: str | None = None) -> dict[str, Any]:
    groups = [{"group": "x", "gaps": {"abroca": each}} for each in gaps]
    return {"stratum": stratum, "attributes": {"gender": {"groups": [*groups, {"group": "few"}]}}}


def test_the_largest_gap_above_its_floor_counts() -> None:
    assert unfairness(audit(gap(0.3, False), gap(0.2, True), gap(0.1, True))) == 0.2
    assert unfairness(audit(gap(0.3, False), gap(0.01, False))) == 0.0
    assert unfairness(audit(gap(0.02, False))) == 0.0


def test_within_courses_where_there_are_courses() -> None:
    of = gap(0.3, True) | {"within": gap(0.1, True)}
    assert unfairness(audit(of, stratum="course")) == 0.1
    assert gaps_of(audit(of, stratum="course")) == [of["within"]]


def test_where_nobody_can_be_compared_there_is_no_number() -> None:
    assert math.isnan(unfairness(None))
    assert math.isnan(unfairness(audit()))
    assert math.isnan(unfairness(audit(gap(None, False))))


def test_what_was_measured_goes_with_a_checkpoint() -> None:
    first = Measure(Goals.parse("val/auc,cost", "", ""))
    first.steps, first.reached, first.stopped = 3, {"val/auc": 0.7}, True
    first._best, first._spent = 0.7, 100.0
    second = Measure(Goals.parse("val/auc,cost", "", ""))
    second.load_state_dict(first.state_dict())
    assert (second.steps, second.reached, second.stopped) == (3, {"val/auc": 0.7}, True)
    assert second.state_dict()["spent"] >= 100
    assert second.state_dict()["best"] == 0.7
