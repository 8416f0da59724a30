"""How hard each question has been: the least that a model of learners must beat."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.baseline import Tuned, cross_entropy, settle
from torchedu.baselines.tracing import base_rate, divide, named, sum_by
from torchedu.datasets.answers import Answers


class _Sums(NamedTuple):
    marks: NDArray[np.float64]
    answers: NDArray[np.float64]

    def means(self, smoothing: float, towards: float) -> NDArray[np.float64]:
        return (self.marks + smoothing * towards) / (self.answers + smoothing)


@dataclass(eq=False)
class ItemMean(Tuned[Answers, NDArray[np.float32]]):
    """Predicts each answer by how the training students did at that item, whoever answers.

    An item's mean is drawn towards the mean of all answers, as if ``smoothing`` more answers with
    that mean had been given. An item that no training student answered gets the average of its
    skills' means (smoothed likewise), and the mean of all answers where these are unknown too.

    Args:
        smoothing: The candidates, in answers, ascending. The one with the least log loss on
            students held out of the training students is used; then all of these are fitted.
        held_out: Share of the training students held out for that choice.
        seed: Seed of that draw.
    """

    name = "item mean"
    candidates = ("smoothing",)

    smoothing: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
    held_out: float = 0.2
    seed: int = 0

    def fit(self, answers: Answers) -> Self:
        """Learn each item's mean; see ``Baseline.fit``."""
        base_rate(answers, self.name)  # refuses an empty class
        answers = answers._replace(time=None)  # is not copied then
        part, held = divide(answers, self.held_out, self.seed)
        if len(part.item) and len(held.item):
            self._count(part)

            def loss(smoothing: float) -> float:
                return cross_entropy(self._by_item(held, smoothing)[held.item], held.correct)

            self.chosen = settle(self.ladders, loss)
        self._count(answers)
        return self

    def predict(self, answers: Answers) -> NDArray[np.float32]:
        """Predict every answer by its item; see ``Baseline.predict``."""
        return self._by_item(answers, self.chosen["smoothing"])[answers.item].astype(np.float32)

    def _count(self, answers: Answers) -> None:
        """Sum marks and answers by item and by skill; what has no name has no mean of its own."""
        self._overall = base_rate(answers, self.name)
        by_item = named(answers.item, answers.num_items)
        item, correct = answers.item[by_item], answers.correct[by_item]
        ones = np.ones(len(item))
        self._items = _Sums(
            sum_by(item, correct, answers.num_items), sum_by(item, ones, answers.num_items)
        )
        owner, skill = _pairs(answers, answers.num_skills)
        self._skills = _Sums(
            sum_by(skill, self._items.marks[owner], answers.num_skills),
            sum_by(skill, self._items.answers[owner], answers.num_skills),
        )

    def _by_item(self, answers: Answers, smoothing: float) -> NDArray[np.float64]:
        """Return the prediction for every item id; shape (items,)."""
        item, skill = _pairs(answers, len(self._skills.answers))
        known = self._skills.answers[skill] > 0
        item, skill = item[known], skill[known]
        means = self._skills.means(smoothing, self._overall)[skill]
        count = np.bincount(item, minlength=answers.num_items)
        total = sum_by(item, means, answers.num_items)
        by_item = np.where(count > 0, total / np.maximum(count, 1), self._overall)

        answered = np.flatnonzero(self._items.answers[: answers.num_items])
        by_item[answered] = self._items.means(smoothing, self._overall)[answered]
        return by_item


def _pairs(answers: Answers, num_skills: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return every pair of an item and one of its named skills below ``num_skills``."""
    item = np.repeat(np.arange(answers.num_items), np.diff(answers.skill_offsets))
    kept = named(answers.skill, num_skills)
    return item[kept], answers.skill[kept]
