from typing import Any

import numpy as np
import pytest

from torchedu.metrics import dealing, floors
from torchedu.metrics.fairness import Attribute, audit


def floor_of_selection(gap: float) -> tuple[float, list[Any]]:
    random = np.random.default_rng(0)
    group = np.repeat(random.integers(0, 2, 400), 3)
    p = random.random(1200)
    y = random.random(1200) < p
    found = audit(
        np.clip(p - gap * group, 0, 1),
        y,
        {"g": Attribute(group, ["a", "b"])},
        student=np.repeat(np.arange(400), 3),
        permutations=200,
        resamples=0,
    )
    return found["attributes"]["g"]["groups"][0]["gaps"]["selection_rate"]["floor"], found["alarms"]


@pytest.mark.parametrize(("near", "alone"), [(0.0, False), (1e9, True)])
def test_a_gap_near_its_floor_is_judged_by_students_dealt_one_by_one(
    near: float, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = floor_of_selection(0.05)  # so few predictions are dealt one by one anyway
    monkeypatch.setattr(dealing, "CHEAP", 0)
    monkeypatch.setattr(dealing, "BUNDLES", 200)
    monkeypatch.setattr(dealing, "LEAST_BUNDLES", 1)
    monkeypatch.setattr(floors, "NEAR", near)
    assert (floor_of_selection(0.05) == plain) is alone


def test_more_predictions_than_can_be_afforded_are_dealt_in_bundles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dealing, "CHEAP", 0)
    monkeypatch.setattr(dealing, "BUNDLES", 200)
    monkeypatch.setattr(dealing, "LEAST_BUNDLES", 1)
    monkeypatch.setattr(floors, "NEAR", 1e9)
    alone = floor_of_selection(0.05)
    monkeypatch.setattr(floors, "AFFORDED", 1199)
    assert floor_of_selection(0.05) != alone
