import numpy as np
import pytest

from torchedu.datasets.fair_weights import fair_weights


def test_reweighing_makes_group_and_outcome_independent() -> None:
    random = np.random.default_rng(0)
    group = random.integers(0, 3, 900)
    outcome = (random.random(900) < np.array([0.1, 0.5, 0.8])[group]).astype(np.float32)
    weight = fair_weights(group, outcome)
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    rates = [np.average(outcome[group == g], weights=weight[group == g]) for g in range(3)]
    assert rates == pytest.approx([outcome.mean()] * 3, abs=1e-5)


def test_the_unknown_keep_their_weight() -> None:
    group, outcome = np.array([0, 0, 0, 1, -1, -2]), np.array([0, 1, 1, 0, 1, 0], np.float32)
    assert fair_weights(group, outcome)[4:].tolist() == [1, 1]
    assert fair_weights(np.full(3, -1), np.ones(3, np.float32)).tolist() == [1] * 3


def test_a_group_of_one_outcome_counts_as_that_outcome_does() -> None:
    group = np.array([0] * 6 + [1] * 2)
    outcome = np.array([0, 0, 0, 1, 1, 1, 1, 1], np.float32)
    # Five of eight are bad: so is every student of group 1, who could only count as five eighths.
    assert fair_weights(group, outcome)[6:] == pytest.approx([5 / 8] * 2)
