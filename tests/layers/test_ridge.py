"""The closed form is scikit-learn's ridge, with the penalty that leaving out one row chooses."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from torchedu.layers.ridge import PENALTIES, ridge


@pytest.mark.parametrize(("rows", "numbers"), [(40, 6), (20, 60)])
def test_it_is_the_ridge_whose_left_out_error_is_least(rows: int, numbers: int) -> None:
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=(rows, numbers)) + 1
    y = x[:, 0] - 2 * x[:, 1] + drawn.normal(size=rows) + 5
    scale = ((x - x.mean(0)) ** 2).sum(1).mean()
    errors = [
        np.mean((cross_val_predict(Ridge(float(one) * scale), x, y, cv=LeaveOneOut()) - y) ** 2)
        for one in PENALTIES
    ]
    best = Ridge(float(PENALTIES[int(np.argmin(errors))]) * scale).fit(x, y)
    weight, bias, _ = ridge(torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(weight.numpy(), best.coef_, atol=1e-8)
    assert float(bias) == pytest.approx(best.intercept_)


def test_a_number_that_never_changes_is_no_trouble() -> None:
    weight, bias, _ = ridge(torch.ones(5, 3), torch.tensor([1.0, 1, 1, 1, 1]))
    assert weight.tolist() == [0, 0, 0]
    assert float(bias) == 1
