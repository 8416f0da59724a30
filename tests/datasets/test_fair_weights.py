import numpy as np
import pytest

from torchedu.datasets.fair_weights import fair_weights


def test_reweighing_makes_group_and_outcome_independent() -> None:
    random = np.random.default_rng(0)
    group = random.integers(0, 3, 900)
    outcome = (random.random(900) < np.array([0.1, 0.5, 0.8])[group]).astype(np.float32)
    weight = fair_weights(group, outcome, "reweighing")
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    rates = [np.average(outcome[group == g], weights=weight[group == g]) for g in range(3)]
    assert rates == pytest.approx([outcome.mean()] * 3, abs=1e-5)


def test_balanced_groups_count_alike_and_the_unknown_as_before() -> None:
    group = np.array([0] * 90 + [1] * 10 + [-2] * 5)
    weight = fair_weights(group, np.zeros(105, np.float32), "balanced")
    assert weight[:90].sum() == pytest.approx(weight[90:100].sum())
    assert weight[100:].tolist() == [1] * 5
    assert fair_weights(group, np.zeros(105, np.float32), "none").tolist() == [1] * 105
    assert fair_weights(np.full(3, -1), np.ones(3, np.float32), "balanced").tolist() == [1] * 3
