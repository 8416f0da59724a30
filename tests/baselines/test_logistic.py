import numpy as np
import pytest
from scipy.sparse import csr_array, random_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from torchedu.baselines.logistic import fit_logistic, predict_logit


def features(rows: int, columns: int, seed: int) -> csr_array:
    """Draw sparse features, some columns a hundred times as large as others."""
    rng = np.random.default_rng(seed)
    drawn = random_array((rows, columns), density=0.2, format="csr", rng=rng)
    drawn.data *= np.geomspace(0.1, 10, columns)[drawn.indices]
    return drawn


@pytest.mark.parametrize("c", [0.1, 1.0, 30.0])
def test_weights_are_those_of_scikit_learn(c: float) -> None:
    x = features(800, 30, 0)
    rng = np.random.default_rng(1)
    y = (rng.random(800) < expit(x @ rng.normal(size=30) - 0.5)).astype(float)
    oracle = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, y)
    weights = fit_logistic(x, y, c, None)
    np.testing.assert_allclose(
        weights, np.append(oracle.coef_, oracle.intercept_), rtol=1e-3, atol=1e-4
    )


def test_a_share_of_the_marks_is_that_share_of_a_right_answer() -> None:
    x = features(400, 20, 2)
    share = np.random.default_rng(3).random(400)
    twice = csr_array(np.vstack([x.toarray(), x.toarray()]))
    label, weight = np.repeat([1.0, 0.0], 400), np.append(share, 1 - share)
    oracle = LogisticRegression(tol=1e-10, max_iter=10_000).fit(twice, label, weight)
    weights = fit_logistic(x, share, 1.0, None)
    np.testing.assert_allclose(
        weights, np.append(oracle.coef_, oracle.intercept_), rtol=1e-3, atol=1e-4
    )


def test_a_start_elsewhere_ends_at_the_same_weights() -> None:
    x = features(500, 20, 4)
    y = (np.random.default_rng(5).random(500) < 0.7).astype(float)
    cold = fit_logistic(x, y, 1.0, None)
    far = fit_logistic(x, y, 1.0, np.full(21, 3.0))
    np.testing.assert_allclose(far, cold, atol=1e-3)


@pytest.mark.parametrize("mark", [0.0, 1.0])
def test_answers_all_alike_give_a_finite_and_sure_prediction(mark: float) -> None:
    x = features(200, 10, 6)
    logit = predict_logit(x, fit_logistic(x, np.full(200, mark), 1.0, None))
    assert np.isfinite(logit).all()
    assert np.abs(expit(logit) - mark).max() < 0.01


def test_weights_stay_near_where_they_are_expected() -> None:
    x = features(50, 4, 0)
    y = np.arange(50.0) % 2
    spread, centre = np.array([1e-4, 1.0, 1e-4, 1.0]), np.array([2.0, 2.0, -3.0, 0.0])
    found = fit_logistic(x, y, 1.0, None, spread, centre)[:-1]
    np.testing.assert_allclose(found[[0, 2]], centre[[0, 2]], atol=1e-3)
    assert abs(found[1] - 2.0) > 1e-2
