import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from torchedu.metrics.gaps import GAPS, abroca, gaps, group_counts


def drawn(seed: int, size: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.random(size) < 0.4
    p = np.round(1 / (1 + np.exp(-random.normal(1.5 * y, 1))), 2)
    return p, y, random.integers(0, 3, size)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_area_is_that_between_scikit_learns_curves(seed: int) -> None:
    p, y, group = drawn(seed)
    one, other = group == 0, group != 0
    at = (np.arange(20_000) + 0.5) / 20_000
    lines = [np.interp(at, *roc_curve(y[side], p[side])[:2]) for side in (one, other)]
    expected = np.abs(lines[0] - lines[1]).mean()
    assert abroca(p[one], y[one], p[other], y[other]) == pytest.approx(expected, abs=2e-4)


def test_the_area_of_opposite_rankings_is_one_and_of_equal_ones_nothing() -> None:
    p, y = np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False])
    assert abroca(p, y, 1 - p, y) == pytest.approx(1)
    assert abroca(p, y, p / 2, y) == 0
    assert np.isnan(abroca(p, y, p, np.ones(4, bool)))


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_gaps_are_those_of_the_predictions_themselves(seed: int) -> None:
    p, y, group = drawn(seed)
    values, code = np.unique(p, return_inverse=True)
    counts = group_counts(group, y, code, np.zeros_like(group), None, (3, 1, len(values)))
    found = gaps(counts, values, values >= 0.5, np.ones(3, bool))
    for row, i in zip(found, range(3), strict=True):
        told = dict(zip(GAPS.names, row, strict=True))
        one, other = group == i, group != i
        chosen = p >= 0.5
        expected = {
            "auc": roc_auc_score(y[one], p[one]) - roc_auc_score(y[other], p[other]),
            "selection_rate": chosen[one].mean() - chosen[other].mean(),
            "true_positive_rate": chosen[one & y].mean() - chosen[other & y].mean(),
            "false_positive_rate": chosen[one & ~y].mean() - chosen[other & ~y].mean(),
            "calibration": (p - y)[one].mean() - (p - y)[other].mean(),
        }
        for name, value in expected.items():
            assert told[name] == pytest.approx(value, abs=1e-9), name
        area = abroca(p[one], y[one], p[other], y[other])
        assert told["abroca"] == pytest.approx(area, abs=5e-3)


def test_a_stratum_in_which_a_side_lacks_an_outcome_does_not_count() -> None:
    p, y, group = drawn(1)
    values, code = np.unique(p, return_inverse=True)
    stratum = np.arange(len(p)) % 2
    alone = stratum == 0
    some = group_counts(
        group[alone], y[alone], code[alone], np.zeros(alone.sum(), int), None, (3, 1, len(values))
    )
    group = np.where(alone, group, 0)  # in the other stratum there is one group only
    both = group_counts(group, y, code, stratum, None, (3, 2, len(values)))
    compared = np.array([False, True, False])
    chosen = values >= 0.5
    assert gaps(both, values, chosen, compared) == pytest.approx(
        gaps(some, values, chosen, compared)
    )
