"""A blend of recommenders: one weight each, found on held-out courses that none was fitted to."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from torchedu.errors import ConfigError

FLOOR = 1e-4
"""Scores of linear models are near chances; their logarithm is taken from here upwards."""


class Blend:
    """Weighs the scores of several recommenders by the chance they give to held-out courses.

    The blended score is a sum of the recommenders' features, two a recommender that gives chances
    or near ones: the score and its logarithm. The weights are the likeliest under a softmax over
    all courses: a convex problem with a few unknowns.

    Args:
        logits: For each recommender, whether its scores are log chances already, as a network's.
    """

    def __init__(self, logits: Sequence[bool]) -> None:
        self.logits = list(logits)
        self.weights: NDArray[np.float64] | None = None

    def fit(self, scores: Sequence[NDArray[np.float32]], target: NDArray[np.int64]) -> Self:
        """Find the weights.

        Args:
            scores: Each recommender's, minus infinity at courses that are not in the running; shape
                (cases, courses).
            target: The held-out course of each case; shape (cases,).

        Returns:
            The blend itself.
        """
        able = np.isfinite(scores[0])
        able[np.arange(len(target)), target] &= True
        known = able[np.arange(len(target)), target]
        features = [np.where(able, one, 0)[known] for one in self._features(scores)]
        able, target = able[known], target[known]
        rows = np.arange(len(target))

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            total = np.zeros_like(features[0])
            for weight, feature in zip(weights, features, strict=True):
                total += np.float32(weight) * feature
            total[~able] = -np.inf
            own = total[rows, target].astype(np.float64)
            most = total.max(1, keepdims=True)
            chance = np.exp(total - most, out=total)
            norm = chance.sum(1, keepdims=True, dtype=np.float64)
            chance /= norm.astype(np.float32)
            nll = float((np.log(norm) + most).sum() - own.sum()) / len(rows)
            slope = [
                float(np.vdot(chance, feature) - feature[rows, target].sum(dtype=np.float64))
                for feature in features
            ]
            return nll, np.array(slope) / len(rows)

        start = np.full(len(features), 1 / len(features))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
        self.weights = found.x
        return self

    def __call__(self, scores: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the blended scores; shape (cases, courses).

        Raises:
            ConfigError: It was not fitted.
        """
        if self.weights is None:
            raise ConfigError("the blend has no weights yet.", "Fit it on validation cases first.")
        able = np.isfinite(scores[0])
        total = np.zeros_like(scores[0])
        for weight, feature in zip(self.weights, self._features(scores), strict=True):
            total += np.float32(weight) * np.where(able, feature, 0)
        total[~able] = -np.inf
        return total

    def _features(self, scores: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        features = []
        for one, is_logit in zip(scores, self.logits, strict=True):
            if is_logit:
                features.append(one)
            else:
                # Chances are 0.001 to 1: in the unit of a hundredth the weights are of one size.
                features += [one * np.float32(10), np.log(np.maximum(one, np.float32(FLOOR)))]
        return features
