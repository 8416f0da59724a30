"""Agreement is scikit-learn's, and the stretch gives back what least squares takes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from torchedu.metrics.agreement import agreement, best_stretch, qwk, stretched
from torchedu.metrics.essay_scores import EssayScores

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


@settings(max_examples=25)
@given(PAIRS)
def test_kappa_is_that_of_the_table_of_pairs(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    found = qwk(a, b)
    assert (found is None) == (len(set(b.tolist())) == 1)
    if found is not None:
        known = cohen_kappa_score(a, b, weights="quadratic", labels=range(5))
        assert found == pytest.approx(known, abs=1e-9)


def test_shares_that_agree() -> None:
    assert agreement(np.array([1, 2, 3, 4]), np.array([1, 3, 5, 4])) == {
        "qwk": pytest.approx(1 - (5 / 4) / (1.25 + 2.1875 + 0.5625)),
        "exact": 0.5,
        "adjacent": 0.75,
    }
    assert agreement(np.array([]), np.array([])) == {"qwk": None, "exact": None, "adjacent": None}


def test_a_stretch_gives_back_the_spread_that_was_lost() -> None:
    drawn = np.random.default_rng(0)
    truth = np.clip(drawn.normal(5, 2, 4000).round(), 0, 10)
    shrunk = (0.6 * (truth + drawn.normal(0, 1, 4000) - 5) + 5) / 10
    centre, factor = best_stretch(shrunk, truth, 10)
    assert 1.2 < factor < 1.9
    plain = qwk(np.rint(shrunk * 10), truth)
    better = qwk(np.rint(stretched(shrunk, centre, factor) * 10), truth)
    assert plain is not None
    assert better is not None
    assert better > plain + 0.02
    assert best_stretch(np.array([0.5]), np.array([1.0]), 2) == (0.5, 1.0)


def test_scores_are_told_by_prompt_however_they_are_batched() -> None:
    drawn = np.random.default_rng(1)
    prompt = torch.from_numpy(drawn.integers(2, 4, 60))
    target = torch.from_numpy(drawn.integers(0, 5, (60, 2)) / 4)
    value = (0.5 * target + 0.25 + 0.1 * torch.from_numpy(drawn.normal(size=(60, 2)))).clamp(0, 1)
    scored = torch.from_numpy(drawn.random((60, 2)) < 0.9)
    found = []
    for size in (60, 7):
        metric = EssayScores(4, 2, 0)
        metric.steps_PY.fill_(4)
        metric.chooses = True
        for i in range(0, 60, size):
            one = slice(i, i + size)
            metric.update(value[one], target[one], prompt[one], scored[one])
        found.append(metric.compute())
        assert metric.factor_PY[2:].min() > 1
        assert metric.factor_PY[:2].tolist() == [[1, 1], [1, 1]]
    assert found[0] == pytest.approx(found[1])
    given = metric.calibrated(value.numpy(), prompt.numpy())
    each = [
        qwk(given[mine, i], (target[mine, i] * 4).numpy())
        for p in (2, 3)
        for i in (0, 1)
        for mine in [((prompt == p) & scored[:, i]).numpy()]
    ]
    assert found[0]["score"] == pytest.approx(np.mean(each))
    assert found[0]["qwk"] == pytest.approx(np.mean(each[::2]))
