"""What baselines of knowledge tracing share: some students, means, names, and one regression."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from torchedu.baselines.baseline import Baseline, hold_out, log_losses, middle, settle
from torchedu.baselines.logistic import Floats, fit_logistic, predict_logit
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.errors import DataError
from torchedu.mapped import gathered, mapped
from torchedu.schema import RESERVED

CHUNK = 25_000
"""Answers whose features, some 2 kB each, are in memory at a time while predicting."""


class HistoryRegression(Baseline[Answers, NDArray[np.float32]]):
    """Logistic regression of each answer on what its student has done before.

    Which numbers of the past those are, a class says in ``_design``. How strong the data are
    against the penalty, ``c``, is chosen on students held out of the training students; then all
    of these are fitted.

    Args:
        c: The candidates, ascending. The one with the least log loss on held-out students is used.
        held_out: Share of the training students held out for that choice.
        most_answers: Above that many training answers, students are drawn at random to about that
            number, so that time and memory (on one core about 5 s and 0.2 GB a 200,000) stay small
            beside a network's; more answers hardly move so few weights.
        most_to_choose: The same, while candidates are tried; None for as many as are fitted.
        seed: Seed of the draws.
    """

    def __init__(
        self,
        c: tuple[float, ...],
        held_out: float = 0.2,
        most_answers: int = 1_000_000,
        most_to_choose: int | None = None,
        seed: int = 0,
    ) -> None:
        self.ladders = {"c": c}
        self.held_out = held_out
        self.most_answers = most_answers
        self.most_to_choose = most_answers if most_to_choose is None else most_to_choose
        self.seed = seed
        self.chosen = middle(self.ladders)

    def fit(self, answers: Answers) -> Self:
        """Learn the weights; see ``Baseline.fit``."""
        base_rate(answers, self.name)  # refuses an empty class
        answers = thinned(answers, self.most_answers, self.seed)
        self._sizes = (answers.num_items, answers.num_skills)
        start = self._choose(thinned(answers, self.most_to_choose, self.seed))
        self._weights = self._fitted(self._designs(answers), answers, self.chosen["c"], start)
        return self

    def predict(self, answers: Answers) -> NDArray[np.float32]:
        """Predict every answer; see ``Baseline.predict``."""
        probability = np.empty(len(answers.item), np.float32)
        for where, some in by_students(answers):
            probability[where] = expit(predict_logit(self._design(some), self._weights))
        return probability

    @abstractmethod
    def _design(self, answers: Answers) -> csr_array:
        """Return the features of every answer, of the sizes that were fitted."""

    def _designs(self, answers: Answers) -> csr_array:
        """Return the features of many answers: made some students at a time, kept in files."""
        designs = (self._design(some) for _, some in by_students(answers))
        value, column, counts, widths = gathered(
            (each.data, each.indices, np.diff(each.indptr), np.array(each.shape[1:]))
            for each in designs
        )
        ends = np.append(0, np.cumsum(counts, dtype=np.int64))
        return csr_array((value, column, ends), (len(counts), widths[0]))

    def _expected(self, c: float) -> tuple[Floats | None, Floats | None]:
        """Return how far weights are expected from where, and where; see ``fit_logistic``."""
        return None, None

    def _least_held_out(self, students: int) -> float:
        """Return the least share of so many students that is held out."""
        return 0.0

    def _settled(self, losses: dict[float, Floats]) -> float:
        """Return which candidate to use, of the losses summed by held-out student."""
        return self.chosen["c"]

    def _fitted(
        self, features: csr_array, answers: Answers, c: float, start: Floats | None
    ) -> Floats:
        correct = answers.correct.astype(np.float64)
        return fit_logistic(features, correct, c, start, *self._expected(c))

    def _choose(self, answers: Answers) -> Floats | None:
        """Choose ``c`` on held-out students; return weights near those to be found, if any."""
        share = max(self.held_out, self._least_held_out(len(answers.offsets) - 1))
        part, held = divide(answers, share, self.seed)
        if not len(part.item) or not len(held.item):
            return None
        design, held_design = self._designs(part), self._designs(held)
        size = np.diff(held.offsets)
        student = np.repeat(np.arange(len(size)), size)
        tried: dict[float, Floats] = {}
        losses: dict[float, Floats] = {}

        def loss(c: float) -> float:
            near = tried[min(tried, key=lambda other: abs(np.log(other / c)))] if tried else None
            tried[c] = self._fitted(design, part, c, near)
            each = log_losses(expit(predict_logit(held_design, tried[c])), held.correct)
            losses[c] = np.bincount(student, each, len(size)).astype(np.float64)
            return float(each.mean())

        self.chosen = settle(self.ladders, loss)
        self.chosen = {"c": self._settled(losses)}
        return tried.get(self.chosen["c"])


def histories(answers: Answers, students: NDArray[np.int64]) -> Answers:
    """Return the histories of some students.

    Args:
        answers: The histories of all.
        students: Their rows, in the order wanted.

    Returns:
        Copies of their answers; the lists of skills are shared.
    """
    index, offsets = ragged_index(answers.offsets, students)
    return answers._replace(
        offsets=offsets,
        item=mapped(answers.item[index]),
        correct=mapped(answers.correct[index]),
        time=None if answers.time is None else mapped(answers.time[index]),
    )


def divide(answers: Answers, share: float, seed: int) -> tuple[Answers, Answers]:
    """Divide students at random, so that a setting is chosen on students who were not fitted.

    Args:
        answers: The histories of the training students.
        share: Share of the students to hold out, 0..1.
        seed: Seed of the draw.

    Returns:
        The histories to fit, then those held out; where there is one student, all and none.
    """
    students = np.arange(len(answers.offsets) - 1)
    held = hold_out(students, share, len(answers.item) + 1, seed)
    return histories(answers, students[~held]), histories(answers, students[held])


def thinned(answers: Answers, most: int, seed: int) -> Answers:
    """Draw students at random to about so many answers, where there are more.

    Args:
        answers: The histories of the training students.
        most: So many.
        seed: Seed of the draw.
    """
    if len(answers.item) <= most:
        return answers
    return histories(answers, drawn(np.diff(answers.offsets), most, seed))


def drawn(lengths: NDArray[np.signedinteger], most: int, seed: int) -> NDArray[np.int64]:
    """Return the rows of the students that ``thinned`` keeps, ascending, by their answers' number.

    It asks for no answers: so those of the others need not be read.
    """
    if int(lengths.sum()) <= most:
        return np.arange(len(lengths))
    order = np.random.default_rng(seed).permutation(len(lengths))
    enough = int(np.searchsorted(np.cumsum(lengths[order]), most)) + 1
    return np.sort(order[:enough])


def by_students(answers: Answers) -> Iterator[tuple[slice, Answers]]:
    """Yield some students' histories at a time, and where their answers stand.

    Args:
        answers: The histories; of these about ``CHUNK`` answers are given at a time.
    """
    students = len(answers.offsets) - 1
    begin = 0
    while begin < students:
        most = answers.offsets[begin] + CHUNK
        end = max(begin + 1, int(np.searchsorted(answers.offsets, most, "right")) - 1)
        where = slice(int(answers.offsets[begin]), int(answers.offsets[end]))
        yield where, histories(answers, np.arange(begin, end))
        begin = end


def base_rate(answers: Answers, name: str) -> float:
    """Return the mean mark of all answers, drawn half an answer towards one half.

    Args:
        answers: The histories of the training students.
        name: Who asks, for the message.

    Returns:
        A share strictly inside 0..1, whatever the marks.

    Raises:
        DataError: There are no answers.
    """
    if not len(answers.item):
        raise DataError(
            f"The baseline {name} got no answers to learn from.",
            "Check that the training part of the split holds students with answers.",
        )
    return (float(answers.correct.sum(dtype=np.float64)) + 0.5) / (len(answers.item) + 1)


def named(ids: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Say which ids are names of a fitted vocabulary: neither reserved nor added since."""
    return (ids >= RESERVED) & (ids < size)


def sum_by(ids: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return the sum of the values of each id below ``size``; shape (size,)."""
    sums: NDArray[Any] = np.bincount(ids, values, size)
    return sums
