"""A blend of recommenders: one weight each, found on held-out courses that none was fitted to."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from torchedu.baselines.recommendation import ndcg
from torchedu.errors import ConfigError

CANDIDATES = 100
"""Weights are found on each recommender's best courses, and the one held out: the rest is far."""
FLOOR = 1e-4
"""Scores of linear models are near chances; their logarithm is taken from here upwards."""


class Blend:
    """Weighs the scores of several recommenders by the chance they give to held-out courses.

    The blended score is a sum of the recommenders' features, two a recommender that gives chances
    or near ones: the score and its logarithm. The weights are at least 0, so that none is believed
    to be wrong on purpose, and the likeliest under a softmax over the best courses of each: a
    convex problem with a few unknowns. What is likeliest need not rank best: where one recommender
    alone has a higher NDCG@10 on the cases that the weights are found on, it has all the weight.

    Args:
        gives_logs: For each recommender, whether its scores are log chances, as a network's.
    """

    def __init__(self, gives_logs: Sequence[bool]) -> None:
        self.gives_logs = list(gives_logs)
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
        rows = np.arange(len(target))
        near = np.zeros(scores[0].shape, bool)
        for score in scores:
            most = min(CANDIDATES, score.shape[1] - 1)
            np.put_along_axis(near, np.argpartition(-score, most, 1)[:, :most], True, 1)
        near[rows, target] = True
        near &= np.isfinite(scores[0])
        near &= near[rows, target, None]  # a course out of the running says nothing
        case, course = near.nonzero()
        begins = np.flatnonzero(np.diff(case, prepend=-1))
        lengths = np.diff(np.append(begins, len(case)))
        own = np.flatnonzero(course == target[case])
        features = [score.astype(np.float64) for score in self._features([s[near] for s in scores])]

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            total = sum(weight * score for weight, score in zip(weights, features, strict=True))
            most = np.maximum.reduceat(total, begins)
            chance = np.exp(total - np.repeat(most, lengths))
            norm = np.add.reduceat(chance, begins)
            chance /= np.repeat(norm, lengths)
            slope = [float(chance @ score - score[own].sum()) for score in features]
            return (
                float((np.log(norm) + most).sum() - total[own].sum()) / len(begins),
                np.array(slope) / len(begins),
            )

        start = np.full(len(features), 1 / len(features))
        bounds = [(0, None)] * len(features)
        least = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}
        )
        self.weights = least.x
        alone = [ndcg(score, target) for score in scores]
        best = int(np.argmax(alone))
        if ndcg(self(scores), target) < alone[best]:
            owner = np.repeat(np.arange(len(scores)), np.where(self.gives_logs, 1, 2))
            self.weights = (np.arange(len(owner)) == np.argmax(owner == best)).astype(np.float64)
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
        for score, is_log in zip(scores, self.gives_logs, strict=True):
            if is_log:
                features.append(score)
            else:
                # Chances are 0.001 to 1: in the unit of a hundredth the weights are of one size.
                features += [score * np.float32(10), np.log(np.maximum(score, np.float32(FLOOR)))]
        return features
