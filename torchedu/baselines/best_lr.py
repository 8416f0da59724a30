"""Logistic regression of what a student has done so far: hard to beat on many real classes."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from torchedu.baselines.baseline import Baseline, cross_entropy, middle, settle
from torchedu.baselines.counts import count_features
from torchedu.baselines.logistic import fit_logistic, predict_logit
from torchedu.baselines.tracing import base_rate, by_students, divide, thinned
from torchedu.datasets.answers import Answers


class BestLR(Baseline[Answers, NDArray[np.float32]]):
    """Predicts each answer from its item, its skills and the student's earlier wins and attempts.

    Best-LR of Gervet, Koedinger, Schneider and Mitchell, "When is Deep Learning the Best Approach
    to Knowledge Tracing?", JEDM 12(3), 2020 (https://doi.org/10.5281/zenodo.4143614); the features
    are told in ``count_features``. Deviations: the strength of the penalty is chosen on students
    held out of the training students (theirs is always 1); marks between 0 and 1 are fitted as
    shares; columns that only test students could fill are not made, and ids without a name have
    none.

    Args:
        c: The candidates for the strength of the data against the penalty, ascending. The one with
            the least log loss on held-out students is used; then all training students are fitted.
        held_out: Share of the training students held out for that choice.
        most_answers: Above that many training answers, students are drawn at random to about that
            number, so that time and memory (on one core about 5 s and 0.2 GB a 200,000) stay small
            beside a network's; more answers hardly move so few weights.
        seed: Seed of both draws.
    """

    name = "Best-LR"

    def __init__(
        self,
        c: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        held_out: float = 0.2,
        most_answers: int = 1_000_000,
        seed: int = 0,
    ) -> None:
        self.ladders = {"c": c}
        self.held_out = held_out
        self.most_answers = most_answers
        self.seed = seed
        self.chosen = middle(self.ladders)

    def fit(self, answers: Answers) -> Self:
        """Learn the weights; see ``Baseline.fit``."""
        base_rate(answers, self.name)  # refuses an empty class
        answers = thinned(answers, self.most_answers, self.seed)
        self._sizes = (answers.num_items, answers.num_skills)
        start = self._choose(answers)
        features, correct = self._design(answers)
        self._weights = fit_logistic(features, correct, self.chosen["c"], start)
        return self

    def predict(self, answers: Answers) -> NDArray[np.float32]:
        """Predict every answer; see ``Baseline.predict``."""
        probability = np.empty(len(answers.item), np.float32)
        for where, some in by_students(answers):
            features, _ = self._design(some)
            probability[where] = expit(predict_logit(features, self._weights))
        return probability

    def _design(self, answers: Answers) -> tuple[csr_array, NDArray[np.float64]]:
        return count_features(answers, *self._sizes), answers.correct.astype(np.float64)

    def _choose(self, answers: Answers) -> NDArray[np.float64] | None:
        """Choose ``c`` on held-out students; return weights near those to be found, if any."""
        part, held = divide(answers, self.held_out, self.seed)
        if not len(part.item) or not len(held.item):
            return None
        features, correct = self._design(part)
        held_features, _ = self._design(held)
        tried: dict[float, NDArray[np.float64]] = {}

        def loss(c: float) -> float:
            near = tried[min(tried, key=lambda other: abs(np.log(other / c)))] if tried else None
            tried[c] = fit_logistic(features, correct, c, near)
            return cross_entropy(expit(predict_logit(held_features, tried[c])), held.correct)

        self.chosen = settle(self.ladders, loss)
        return tried.get(self.chosen["c"])
