"""Grades are compared with those of people score by score, and intervals hold what they say."""

import numpy as np
import pytest
import torch

from torchedu.metrics.grade_scores import GradeScores
from torchedu.metrics.grades import (
    calibration_error,
    graded,
    interval,
    pcc,
    pcc_within,
    surely,
)


def test_a_correlation_is_pearsons() -> None:
    drawn = np.random.default_rng(0)
    x, y = drawn.normal(size=(2, 50))
    assert pcc(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert pcc(x, np.ones(50)) is None
    assert pcc(x[:1], y[:1]) is None
    assert pcc(x[:0], y[:0]) is None


def test_within_speakers_it_is_no_help_to_know_who_speaks() -> None:
    drawn = np.random.default_rng(0)
    owner = np.repeat(np.arange(10), 20)
    truth = owner + drawn.normal(size=200)
    means = owner + 0.01 * drawn.normal(size=200)
    assert pcc(means, truth) > 0.9
    assert abs(pcc_within(means, truth, owner)) < 0.2
    assert pcc_within(truth, truth, owner) == pytest.approx(1)


def test_yes_and_no_have_an_auc_and_scales_have_the_rest() -> None:
    truth = np.array([0, 0, 1, 1, np.nan])
    assert graded(np.array([0.1, 0.6, 0.5, 0.9, 0.3]), truth, 2) == {"auc": 0.75}
    assert graded(np.array([0.1, 0.6]), np.zeros(2), 2) == {"auc": None}
    said = graded(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 0.5]), 5)
    assert said["mae"] == pytest.approx(2 / 3)
    assert 0.8 < said["pcc"] < 0.9


def test_the_error_of_calibration_is_what_chances_are_off() -> None:
    right = np.arange(1000) % 10 < 7
    assert calibration_error(np.full(1000, 0.7), right) == pytest.approx(0)
    assert calibration_error(np.full(1000, 0.9), right) == pytest.approx(0.2)
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) is None
    chance = np.array([[0.2, 0.7, 0.1]] * 10)
    truth = np.array([0.5] * 7 + [0.0] * 3)
    assert surely(chance, truth, 3) == pytest.approx(0)


def test_an_interval_holds_its_share() -> None:
    uniform = np.full((1, 11), 1 / 11)
    low, high = interval(uniform, 11)
    assert high[0] - low[0] == pytest.approx(0.88, abs=0.01)
    sure = np.zeros((1, 11))
    sure[0, 4] = 1
    low, high = interval(sure, 11)
    assert (low[0], high[0]) == (pytest.approx(0.36), pytest.approx(0.44))
    drawn = np.random.default_rng(0)
    chance = drawn.dirichlet(np.ones(11), 4000)
    place = (chance.cumsum(1) < drawn.random((4000, 1))).sum(1)
    low, high = interval(chance, 11)
    there = (place + drawn.random(4000) - 0.5) / 10
    inside = (there.clip(0, 1) >= low) & (there.clip(0, 1) <= high)
    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_batches_are_scored_as_one() -> None:
    drawn = torch.Generator().manual_seed(0)
    target = (torch.rand(40, 2, generator=drawn) > 0.5).float()
    target[:, 1] = torch.rand(40, generator=drawn)
    value = (target + torch.randn(40, 2, generator=drawn)).sigmoid()
    scored = torch.ones(40, 2, dtype=torch.bool)
    scored[3:9, 1] = False
    places = torch.tensor([2, 11])
    whole, parts = GradeScores(2), GradeScores(2)
    whole.update(value, target, scored, places)
    for some in torch.arange(40).split(7):
        parts.update(value[some], target[some], scored[some], places)
    assert whole.compute() == parts.compute()
    auc = graded(value[:, 0].numpy(), target[:, 0].numpy(), 2)["auc"]
    mine = scored[:, 1]
    second = pcc(value[mine, 1].numpy(), target[mine, 1].numpy())
    assert whole.compute()["score"] == pytest.approx((auc + second) / 2)
    none = torch.zeros(3, 2, dtype=torch.bool)
    nothing = GradeScores(2)
    nothing.update(value[:3], target[:3], none, places)
    assert nothing.compute() == {"score": None, "mae": None}
