"""What a network of students at risk has to beat: logistic regression and boosting on a table.

Both see all numbers of a moment that the network sees, its module, and nothing of the order of
events but what these numbers sum up. A model is fitted for each share of the course.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from torchedu.datasets.course_view import View
from torchedu.errors import DataError
from torchedu.schema import MOMENT_NUMBERS

Floats = NDArray[np.float64]


def tabular(view: View, module: NDArray[Any], num_modules: int) -> Floats:
    """Return moments as rows of a table.

    Args:
        view: The view of the moments.
        module: The module of each, an id.
        num_modules: Number of ids.

    Returns:
        Shape (moments, columns).
    """
    # Of one share of all courses; what is left of it in days would tell courses apart.
    moment = np.delete(view.moment, MOMENT_NUMBERS.index("elapsed"), axis=1)
    return np.concatenate([moment.astype(np.float64), np.eye(num_modules)[module]], 1)


class RiskBaseline(ABC):
    """A model on tables, one for each share of a course.

    Attributes:
        name: What reports call it.
    """

    name: ClassVar[str]

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
    """Logistic regression on standardised columns, slightly penalised."""

    name = "logistic regression"

    def fit(self, table: Floats, at_risk: NDArray[Any]) -> Self:
        """Learn; see ``RiskBaseline.fit``."""
        self._check(at_risk)
        model = LogisticRegression(C=0.1, max_iter=1000)
        self._model: Pipeline = make_pipeline(StandardScaler(), model).fit(table, at_risk)
        return self

    def predict(self, table: Floats) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        risk: Floats = self._model.predict_proba(table)[:, 1]
        return risk


class RiskBoosting(RiskBaseline):
    """Gradient-boosted trees (Ke et al., NeurIPS 2017, as scikit-learn has them), three averaged.

    Args:
        seed: Seed of the first.
    """

    name = "boosting"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, table: Floats, at_risk: NDArray[Any]) -> Self:
        """Learn; see ``RiskBaseline.fit``."""
        self._check(at_risk)
        self._models = [
            HistGradientBoostingClassifier(
                max_iter=300, learning_rate=0.04, max_leaf_nodes=12, min_samples_leaf=60,
                l2_regularization=5.0, max_features=0.3, random_state=self.seed + i,
            ).fit(table, at_risk)
            for i in range(3)
        ]  # fmt: skip
        return self

    def predict(self, table: Floats) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        return blend([model.predict_proba(table)[:, 1] for model in self._models])


def blend(risks: list[Floats]) -> Floats:
    """Return the risk whose log odds are the mean of those given."""
    odds = [logit(np.clip(np.asarray(one, np.float64), 1e-6, 1 - 1e-6)) for one in risks]
    return np.asarray(expit(np.mean(odds, axis=0)))
