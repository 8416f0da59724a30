"""What a network of students at risk has to beat: logistic regression and boosting on a table.

Both see all numbers of a moment that the network sees, its module, and nothing of the order of
events but what these numbers sum up. As the network does, both learn from more moments than are
scored: how a course stands three weeks on teaches what the same work means in one that runs ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from torchedu.baselines import learners
from torchedu.baselines.baseline import Tuned, cross_entropy, hold_out, refuse_one_kind, settle

Floats = NDArray[Any]
LARGE = 50_000
"""Moments above which boosting has the largest leaves and the most trees."""
ENOUGH = 5
"""Courses of which some are held out whole to choose by."""
MOST = 20_000
"""Moments that settings are chosen on, at most, and a fourth as many that choose."""


class RiskMoments(NamedTuple):
    """Moments of students in courses, as plain arrays, for baselines.

    Attributes:
        numbers: What is known at each; shape (moments, columns).
        module: The module of each, an id; shape (moments,).
        num_modules: Number of ids of modules.
        student: Whose each is, so that a student's moments stay together; shape (moments,).
        course: The course of each, an id; shape (moments,).
        share: How far the course is, 0..1; shape (moments,).
        at_risk: 1 for a bad outcome, 0 for a good one; shape (moments,).
    """

    numbers: Floats
    module: NDArray[Any]
    num_modules: int
    student: NDArray[Any]
    course: NDArray[Any]
    share: Floats
    at_risk: NDArray[Any]

    def where(self, rows: NDArray[Any]) -> "RiskMoments":
        """Return some of the moments, by their places or by a mask."""
        return self._replace(
            **{
                name: column[rows]
                for name, column in self._asdict().items()
                if name != "num_modules"
            }
        )

    @property
    def modules(self) -> NDArray[np.float32]:
        """A column a module, 1 where a moment is of it; shape (moments, num_modules)."""
        return np.eye(self.num_modules, dtype=np.float32)[self.module]

    def divided(self, seed: int) -> tuple["RiskMoments", "RiskMoments"] | None:
        """Draw moments to fit and to choose by, of different courses where there are enough.

        What is asked about is most often a course to come. Where there are few courses, other
        students of the same ones have to do.

        Args:
            seed: Seed of the draw.

        Returns:
            Both; None where one of them lacks an outcome.
        """
        several = len(np.unique(self.course)) >= ENOUGH
        held = hold_out(self.course if several else self.student, 0.2, len(self.course), seed)
        fitted, asked = (
            some.where(hold_out(some.student, 1.0, most, seed + 1))
            for some, most in ((self.where(~held), MOST), (self.where(held), MOST // 4))
        )
        both = min(len(np.unique(some.at_risk)) for some in (fitted, asked)) > 1
        return (fitted, asked) if both else None


@dataclass(eq=False)
class RiskLogistic(Tuned[RiskMoments, Floats]):
    """Logistic regression in which each module departs a little from what all share, penalised.

    Args:
        cutoffs: Shares of a course that are scored: each has a regression of its own, and a moment
            is predicted by the nearest one's.
        reach: How far from its cutoff the moments lie that a regression learns from, as a share of
            the course.
        c: Candidates for the strength of the data against the penalty, ascending. The one with the
            least log loss on courses or students held out is used; then all are fitted.
        seed: Seed of the draws.
    """

    name = "logistic regression"
    candidates = ("c",)

    cutoffs: Sequence[float] = (0.25, 0.5, 0.75)
    reach: float = 0.07
    c: tuple[float, ...] = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
    seed: int = 0

    def fit(self, data: RiskMoments) -> Self:
        """Learn; see ``Baseline.fit``."""
        refuse_one_kind(data.at_risk, self.name, "outcomes")
        near = [data.where(np.abs(data.share - at) <= self.reach) for at in sorted(self.cutoffs)]
        # Where a course has no moments there, or of one outcome only, all its moments have to do.
        near = [some if len(np.unique(some.at_risk)) > 1 else data for some in near]
        divided = near[len(near) // 2].divided(self.seed)
        if divided is not None:
            fitted, asked = divided

            def loss(c: float) -> float:
                return cross_entropy(_Logistic(fitted, c).predict(asked), asked.at_risk)

            self.chosen = settle(self.ladders, loss)
        self._models = [_Logistic(some, self.chosen["c"]) for some in near]
        return self

    def predict(self, data: RiskMoments) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        risk = np.empty(len(data.share))
        nearest = np.abs(data.share[:, None] - np.array(sorted(self.cutoffs))).argmin(1)
        for i in np.unique(nearest):
            risk[nearest == i] = self._models[i].predict(data.where(nearest == i))
        return risk


class _Logistic:
    """A regression on what all modules share, the modules, and each one's own, scaled down."""

    def __init__(self, data: RiskMoments, c: float) -> None:
        self._scaler = learners.StandardScaler().fit(data.numbers)
        self._model = learners.LogisticRegression(C=c, max_iter=1000)
        self._model.fit(self._columns(data), data.at_risk)

    def predict(self, data: RiskMoments) -> Floats:
        risk: Floats = self._model.predict_proba(self._columns(data))[:, 1]
        return risk

    def _columns(self, data: RiskMoments) -> Floats:
        shared, module = self._scaler.transform(data.numbers), data.modules
        own = 0.3 * (module[:, :, None] * shared[:, None]).reshape(len(shared), -1)
        return np.concatenate([shared, module, own], 1)


@dataclass(eq=False)
class RiskBoosting(Tuned[RiskMoments, Floats]):
    """Gradient-boosted trees (Ke et al., NeurIPS 2017, as scikit-learn has them).

    Args:
        leaf: Candidates for the least number of moments in a leaf, ascending. The one with the
            least log loss on courses or students held out is used; then all are fitted. Above
            ``LARGE`` moments the last is, as measured on OULAD: fewer moments want smaller leaves.
        rounds: Candidates for the number of trees, ascending; chosen with it.
        seed: Its seed, also of the draws.
    """

    name = "boosting"
    candidates = ("leaf", "rounds")

    leaf: tuple[int, ...] = (5, 15, 50, 150, 500)
    rounds: tuple[int, ...] = (12, 25, 50, 100, 200, 400)
    seed: int = 0

    def fit(self, data: RiskMoments) -> Self:
        """Choose, and learn; see ``Baseline.fit``."""
        refuse_one_kind(data.at_risk, self.name, "outcomes")
        divided = data.divided(self.seed)
        if len(data.share) > LARGE:
            self.chosen = {name: ladder[-1] for name, ladder in self.ladders.items()}
        elif divided is not None:
            fitted, asked = divided
            most = max(self.rounds)

            @lru_cache(1)
            def losses(leaf: float) -> list[float]:
                """Return the loss after each round."""
                stages = self._fitted(fitted, leaf, most).staged_predict_proba(_table(asked))
                return [cross_entropy(risk[:, 1], asked.at_risk) for risk in stages]

            self.chosen = settle(self.ladders, lambda leaf, rounds: losses(leaf)[int(rounds) - 1])
        self._model = self._fitted(data, **self.chosen)
        return self

    def predict(self, data: RiskMoments) -> Floats:
        """Return the risk at each moment; shape (moments,)."""
        risk: Floats = self._model.predict_proba(_table(data))[:, 1]
        return risk

    def _fitted(
        self, data: RiskMoments, leaf: float, rounds: float
    ) -> "learners.HistGradientBoostingClassifier":
        return learners.HistGradientBoostingClassifier(
            max_iter=int(rounds), learning_rate=0.05, max_leaf_nodes=16,
            min_samples_leaf=int(leaf), l2_regularization=5.0, max_features=0.15,
            random_state=self.seed, early_stopping=False,
        ).fit(_table(data), data.at_risk)  # fmt: skip


def _table(data: RiskMoments) -> Floats:
    return np.concatenate([data.numbers, data.modules], 1, dtype=np.float32)


def blend(risks: list[Floats]) -> Floats:
    """Return the risk whose log odds are the mean of those given."""
    odds = [logit(np.clip(np.asarray(risk, np.float64), 1e-6, 1 - 1e-6)) for risk in risks]
    return np.asarray(expit(np.mean(odds, axis=0)))
