import importlib
import warnings
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, roc_curve

from torchedu.metrics import (
    SCORES,
    calibration_points,
    roc_points,
    scores,
    scores_by,
    streaming,
)
from torchedu.metrics.sums import CLIP


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw predictions and marks; coarse values give many ties, where curves go wrong."""
    size = draw(st.integers(2, 60))
    coarse = hnp.arrays(np.int64, size, elements=st.integers(0, 20)).map(lambda a: a / 20)
    fine = hnp.arrays(np.float64, size, elements=st.floats(0, 1, allow_subnormal=False))
    return draw(coarse | fine), draw(hnp.arrays(np.int64, size, elements=st.integers(0, 1)))


PAIRS = predictions()
Pairs = tuple[np.ndarray, np.ndarray]


def same(found: Mapping[str, object], expected: Mapping[str, float | None]) -> bool:
    """Compare scores up to rounding; an undefined one must be undefined in both."""
    return all(
        found[name] is value if value is None else found[name] == pytest.approx(value, abs=1e-12)
        for name, value in expected.items()
    )


@given(PAIRS)
def test_scores_are_those_of_scikit_learn(pairs: Pairs) -> None:
    p, y = pairs
    found = scores(p, y)
    if len(set(y)) == 1:
        assert found["auc"] is None
    else:
        assert found["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert found["accuracy"] == pytest.approx(accuracy_score(y, p >= 0.5), abs=1e-12)
    expected = log_loss(y, np.clip(p, CLIP, 1 - CLIP), labels=[0, 1])
    assert found["log_loss"] == pytest.approx(expected, rel=1e-9)
    assert list(found) == list(SCORES)


def test_more_than_are_put_in_order_are_scored_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    mark = draw.integers(0, 2, 3000)
    chance = np.clip(0.4 + 0.2 * mark + draw.normal(0, 0.2, 3000), 0, 1).astype(np.float32)
    exact = scores(chance, mark)
    module = importlib.import_module("torchedu.metrics.scores")
    monkeypatch.setattr(module, "EXACT", 2999)
    monkeypatch.setattr(module, "MANY", 700)
    monkeypatch.setattr(streaming, "CELLS", 500)
    many = scores(chance, mark)
    error, auc, same = (each or 0 for each in (many.pop("auc_error"), many["auc"], exact["auc"]))
    assert 0 < abs(auc - same) <= error < 0.01
    assert {**many, "auc": 0} == {**exact, "auc": 0}
    for wrong in (np.append(chance[1:], 2), np.append(chance[1:], -1)):
        with pytest.raises(ValueError, match="outside"):
            scores(wrong, mark)


@given(PAIRS)
def test_calibration_error_is_the_gap_averaged_over_answers(pairs: Pairs) -> None:
    p, y = pairs
    bins = np.minimum((p * 15).astype(int), 14)
    gaps = [(bins == b).mean() * abs(p[bins == b].mean() - y[bins == b].mean()) for b in set(bins)]
    assert scores(p, y)["calibration_error"] == pytest.approx(sum(gaps), abs=1e-12)


@given(PAIRS, st.integers(0, 99))
def test_no_score_depends_on_the_order_of_answers(pairs: Pairs, seed: int) -> None:
    p, y = pairs
    order = np.random.default_rng(seed).permutation(len(p))
    assert scores(p[order], y[order]) == scores(p, y)


def test_many_answers_score_the_same_to_the_last_bit_in_any_order() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random(40_000), rng.random(40_000)
    p[::3] = p[::3].round(2)  # ties
    expected = scores(p, y)
    for _ in range(5):
        order = rng.permutation(len(p))
        assert scores(p[order], y[order]) == expected


@given(PAIRS)
def test_auc_depends_on_the_ranking_alone(pairs: Pairs) -> None:
    p, y = pairs
    ranks = np.unique(p, return_inverse=True)[1]
    assert scores(ranks / 100, y)["auc"] == scores(p, y)["auc"]


@given(PAIRS)
def test_the_opposite_prediction_has_the_opposite_auc(pairs: Pairs) -> None:
    p, y = np.round(pairs[0], 3), pairs[1]
    assume(0 < y.sum() < len(y))
    assert scores(1 - p, y)["auc"] == pytest.approx(1 - scores(p, y)["auc"], abs=1e-12)


def test_one_prediction_for_all_has_an_auc_of_one_half() -> None:
    assert scores(np.full(9, 0.3), np.arange(9) % 2)["auc"] == 0.5


def test_partial_credit_ranks_by_halves_and_calibrates_by_shares() -> None:
    found = scores([0.2, 0.6, 0.9], [0.25, 0.5, 1.0])
    assert found["auc"] == 1
    assert found["accuracy"] == 1
    assert found["calibration_error"] == pytest.approx((0.05 + 0.1 + 0.1) / 3)
    shares = -(0.25 * np.log(0.2) + 0.75 * np.log(0.8)) - np.log(0.6) / 2 - np.log(0.4) / 2
    assert found["log_loss"] == pytest.approx((shares - np.log(0.9)) / 3)


def test_a_sure_mistake_costs_a_finite_log_loss() -> None:
    assert scores([0.0, 1.0], [1.0, 0.0])["log_loss"] == pytest.approx(-np.log(CLIP), rel=1e-6)


def test_without_answers_no_score_is_defined() -> None:
    assert scores([], []) == dict.fromkeys(SCORES)
    assert roc_points([], []) == {"false_positive_rate": [], "true_positive_rate": []}
    assert calibration_points([], []) == {"predicted": [], "observed": [], "answers": []}


def test_a_nan_prediction_is_told_not_hidden() -> None:
    assert all(np.isnan(value) for value in scores([0.5, np.nan], [1, 0]).values())
    assert all(np.isnan(value) for value in scores([0.5, 0.2], [1, np.nan]).values())
    assert roc_points([0.5, np.nan], [1, 0])["true_positive_rate"] == []
    assert calibration_points([0.5, np.nan], [1, 0])["answers"] == []


@pytest.mark.parametrize(
    ("probability", "correct", "message"),
    [
        ([0.5, 0.5], [1.0], "shapes"),
        ([[0.5]], [[1.0]], "shapes"),
        ([1.5], [1.0], "probability lies outside"),
        ([0.5], [-1.0], "correct lies outside"),
    ],
)
def test_what_is_no_probability_or_mark_is_refused(
    probability: list[float], correct: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        scores(probability, correct)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_any_precision_and_read_only_columns_are_taken(dtype: torch.dtype) -> None:
    p = torch.tensor([0.25, 0.75, 0.5, 0.125], dtype=dtype, requires_grad=True)
    y = np.array([0, 1, 1, 0], np.uint8)
    y.setflags(write=False)
    assert scores(p, y)["auc"] == 1


def test_ranks_are_counted_in_whole_numbers() -> None:
    # float32 counts stand still at 2 ** 24 answers.
    p = np.arange(10_000) / 10_000
    y = np.arange(10_000) >= 5_000
    y[4_999:5_001] = True, False
    assert scores(p, y)["auc"] == (5_000**2 - 1) / 5_000**2


@given(PAIRS)
def test_the_roc_curve_is_that_of_scikit_learn(pairs: Pairs) -> None:
    p, y = pairs
    assume(0 < y.sum() < len(y))
    x, z, _ = roc_curve(y, p, drop_intermediate=False)
    found = roc_points(p, y)
    np.testing.assert_allclose(found["false_positive_rate"], x, atol=1e-12)
    np.testing.assert_allclose(found["true_positive_rate"], z, atol=1e-12)


def test_a_thinned_roc_curve_keeps_its_ends_and_its_area() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = rng.random(20_000) < p
    found = roc_points(p, y, most=50)
    x, z = found["false_positive_rate"], found["true_positive_rate"]
    assert len(x) <= 50
    assert (x[0], z[0], x[-1], z[-1]) == (0, 0, 1, 1)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(z) >= 0).all()
    assert np.trapezoid(z, x) == pytest.approx(scores(p, y)["auc"], abs=0.002)


@given(PAIRS)
def test_calibration_points_are_those_of_scikit_learn(pairs: Pairs) -> None:
    p, y = pairs
    found = calibration_points(p, y, bins=10)
    assert sum(found["answers"]) == len(p)
    # scikit-learn's bins hold their upper edge, ours the lower: compare away from the edges.
    assume(not np.isclose(p * 10 % 1, 0, atol=1e-9).any())
    assume(not np.isclose(p * 10 % 1, 1, atol=1e-9).any())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of few distinct labels
        observed, predicted = calibration_curve(y, p, n_bins=10)
    np.testing.assert_allclose(found["predicted"], predicted, atol=1e-12)
    np.testing.assert_allclose(found["observed"], observed, atol=1e-12)


@given(PAIRS, st.integers(0, 99))
def test_a_group_is_scored_as_if_it_were_alone(pairs: Pairs, seed: int) -> None:
    p, y = pairs
    group = np.random.default_rng(seed).integers(0, 4, len(p))
    names = ["a", "b", "c", "d"]
    rows = scores_by(p, y, group, names, student_ids=group * 10)
    assert [row["group"] for row in rows] == [names[i] for i in np.unique(group)]
    for row in rows:
        mine = group == names.index(str(row["group"]))
        assert row["answers"] == mine.sum()
        assert row["students"] == 1
        assert same(row, scores(p[mine], y[mine]))


def test_groups_without_a_name_or_of_other_length_are_refused() -> None:
    with pytest.raises(ValueError, match="outside the 1 names"):
        scores_by([0.5], [1], [1], ["a"])
    with pytest.raises(ValueError, match="ids for"):
        scores_by([0.5], [1], [0, 0], ["a"])
    assert scores_by([], [], [], ["a"]) == []
