"""What a network of students at risk has to beat: logistic regression and boosting on a table.

Both see all numbers of a moment that the network sees, its module, and nothing of the order of
events but what these numbers sum up. As the network does, both learn from more moments than are
scored: how a course stands three weeks on teaches what the same work means in one that runs ahead.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from torchedu.datasets.course_view import View
from torchedu.errors import DataError

Floats = NDArray[Any]


def tabular(view: View, told: NDArray[Any], module: NDArray[Any], num_modules: int) -> Floats:
    """Return moments as rows of a table.

    Args:
        view: The view of the moments.
        told: What is told of each one's student, 0 or 1; shape (moments, attributes).
        module: The module of each, an id.
        num_modules: Number of ids.

    Returns:
        Shape (moments, columns).
    """
    eye = np.eye(num_modules, dtype=np.float32)
    return np.concatenate([view.moment, told, eye[module]], 1, dtype=np.float32)


class RiskBaseline(ABC):
    """A model on tables.

    Attributes:
        name: What reports call it.
        reach: How far from the share of the course that is scored the moments lie that it learns
            from, as a share of the course.
    """

    name: ClassVar[str]
    reach: ClassVar[float]

    @abstractmethod
    def fit(self, table: Floats, at_risk: NDArray[Any]) -> Self:
        """Learn from moments with a known outcome.

        Args:
            table: What ``tabular`` returned; shape (moments, columns).
            at_risk: 1 for a bad outcome; shape (moments,).

        Returns:
            The baseline itself.

        Raises:
            DataError: All outcomes are alike.
        """

    @abstractmethod
    def predict(self, table: Floats) -> Floats:
        """Return the risk at each moment; shape (moments,)."""

    def _check(self, at_risk: NDArray[Any]) -> None:
        if len(np.unique(at_risk)) < 2:
            raise DataError(
                f"The baseline {self.name} got outcomes of one kind only.",
                "Train on courses with good and bad outcomes.",
            )


class RiskLogistic(RiskBaseline):
    """Logistic regression in which each module departs a little from what all share, penalised.

    Args:
        num_modules: Number of module ids, which are the table's last columns.
    """

    name = "logistic regression"
    reach = 0.07

    def __init__(self, num_modules: int) -> None:
        self.num_modules = num_modules

    def fit(self, table: Floats, at_risk: NDArray[Any]) -> Self:
        """Learn; see ``RiskBaseline.fit``."""
        self._check(at_risk)
        self._scaler = StandardScaler().fit(table[:, : -self.num_modules])
        self._model = LogisticRegression(C=0.001, max_iter=100).fit(self._columns(table), at_risk)
        return self

    def predict(self, table: Floats) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        risk: Floats = self._model.predict_proba(self._columns(table))[:, 1]
        return risk

    def _columns(self, table: Floats) -> Floats:
        """Return what all modules share, the modules, and each one's own, on a smaller scale."""
        shared, module = np.split(table, [table.shape[1] - self.num_modules], 1)
        shared = self._scaler.transform(shared)
        own = 0.3 * (module[:, :, None] * shared[:, None]).reshape(len(table), -1)
        return np.concatenate([shared, module, own], 1)


class RiskBoosting(RiskBaseline):
    """Gradient-boosted trees (Ke et al., NeurIPS 2017, as scikit-learn has them).

    Args:
        seed: Its seed.
    """

    name = "boosting"
    reach = 1.0

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, table: Floats, at_risk: NDArray[Any]) -> Self:
        """Learn; see ``RiskBaseline.fit``."""
        self._check(at_risk)
        self._model = HistGradientBoostingClassifier(
            max_iter=400, learning_rate=0.05, max_leaf_nodes=16, min_samples_leaf=500,
            l2_regularization=5.0, max_features=0.15, random_state=self.seed,
            early_stopping=False,
        ).fit(table, at_risk)  # fmt: skip
        return self

    def predict(self, table: Floats) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        risk: Floats = self._model.predict_proba(table)[:, 1]
        return risk


def blend(risks: list[Floats]) -> Floats:
    """Return the risk whose log odds are the mean of those given."""
    odds = [logit(np.clip(np.asarray(one, np.float64), 1e-6, 1 - 1e-6)) for one in risks]
    return np.asarray(expit(np.mean(odds, axis=0)))
