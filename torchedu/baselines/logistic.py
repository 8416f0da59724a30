"""Logistic regression on sparse features, for marks that may be shares."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from torchedu.mapped import empty

Floats = NDArray[np.float64]


def fit_logistic(
    features: csr_array,
    correct: Floats,
    c: float,
    start: Floats | None,
    spread: Floats | None = None,
    centre: Floats | None = None,
) -> Floats:
    """Find the weights that predict marks best, those far from where they are expected penalised.

    The least of: the sum of cross-entropies + sum of ((weight - centre) / spread)^2 / (2 c), the
    intercept free. Without a spread and a centre that is scikit-learn's
    ``LogisticRegression(C=c)``, except that a mark between 0 and 1 counts as that share of a right
    and the rest of a wrong answer.

    Newton's method, each step found by conjugate gradients with the Hessian's diagonal as
    preconditioner: columns of counts and rare one-hot columns have very different curvatures, for
    which scikit-learn's L-BFGS took three to seven times as long on real classes.

    Args:
        features: One row an answer; shape (answers, columns).
        correct: Marks, 0..1; shape (answers,).
        c: Strength of the data against the penalty, above 0.
        start: Weights to start from, such as those of a neighbouring ``c``; shape (columns + 1,).
            None starts from the centre and the base rate.
        spread: How far each weight may be expected from its centre; shape (columns,). 1 for all
            where it is None.
        centre: Where each weight is expected; shape (columns,). 0 for all where it is None.

    Returns:
        The weights, the intercept last; shape (columns + 1,).
    """
    rows, columns = features.shape
    transposed = features.T
    squared = np.square(features.data, out=empty(len(features.data), np.float64))
    squares = csr_array((squared, features.indices, features.indptr), features.shape).T
    spread = np.ones(columns) if spread is None else spread
    expected = np.append(np.zeros(columns) if centre is None else centre, 0.0)
    penalty = np.append(1 / (c * spread**2), 0.0)
    if start is None:
        rate = (correct.sum() + 0.5) / (rows + 1)
        start = np.append(expected[:-1], np.log(rate / (1 - rate)))

    def loss(weights: Floats, logit: Floats) -> float:
        entropy = np.logaddexp(0, logit).sum() - correct @ logit
        return float(entropy + 0.5 * penalty @ (weights - expected) ** 2)

    weights, logit = start, predict_logit(features, start)
    now = loss(weights, logit)
    for _ in range(50):  # steps; real classes need 4 to 11
        probability = expit(logit)
        residual = probability - correct
        slope = np.append(transposed @ residual, residual.sum())
        slope += penalty * (weights - expected)
        curvature = probability * (1 - probability)
        diagonal = np.append(squares @ curvature, curvature.sum()) + penalty

        def hessian(v: Floats, curvature: Floats = curvature) -> Floats:
            change = curvature * predict_logit(features, v)
            return np.append(transposed @ change, change.sum()) + penalty * v

        step = _conjugate_gradients(hessian, -slope, diagonal, rows)
        change = predict_logit(features, step)
        before, length = now, 1.0
        # Far from the least loss a whole step may overshoot.
        while (now := loss(weights + length * step, logit + length * change)) > before:
            length /= 2
            if length < 1e-4:
                return weights  # rounding error is all that is left
        weights, logit = weights + length * step, logit + length * change
        if before - now <= 1e-5 * rows:  # nats; what is left is far less, as Newton squares it
            break
    return weights


def predict_logit(features: csr_array, weights: Floats) -> Floats:
    """Return the log-odds of a right answer; shape (answers,)."""
    logit: Floats = features @ weights[:-1] + weights[-1]
    return logit


def _conjugate_gradients(
    hessian: Callable[[Floats], Floats], target: Floats, diagonal: Floats, rows: int
) -> Floats:
    """Solve hessian(x) = target, the more exactly the nearer the least loss is."""
    x = np.zeros_like(target)
    direction = target / diagonal
    rest, norm = target, float(target @ direction)
    enough = norm * min(1 / 16, norm / rows)
    for _ in range(200):
        if norm <= enough:
            break
        image = hessian(direction)
        length = norm / float(direction @ image)
        x = x + length * direction
        rest = rest - length * image
        before, norm = norm, float(rest @ (rest / diagonal))
        direction = rest / diagonal + norm / before * direction
    return x
