"""Enrolments as baselines of recommendation take them: bags, lags, weights, and some held out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines.baseline import Ladders, middle, settle
from torchedu.datasets.answers import ragged_index
from torchedu.datasets.enrolments import Enrolled
from torchedu.errors import ConfigError, DataError
from torchedu.machine import memory
from torchedu.schema import RESERVED

Scores = NDArray[np.float32]
"""A score of every course id, the higher the likelier; shape (students, num_items). Those of
reserved ids, and of courses already taken, mean nothing."""
TOP = 10
"""Length of the list that NDCG is of."""
MOST = 4000
"""Most courses held out to choose by."""
FEW = 1000
"""Students below whom NDCG@10 of what is held out is chance for the most part."""
NEAR = 5
"""Places from the top at which a course counts half, where few choose."""
SHARE = 0.5
"""Share of a machine's memory that the matrices of a baseline may take."""


class TooLarge(ConfigError):
    """A baseline would take more memory than there is."""


class HeldOut(NamedTuple):
    """The last courses of some students, to choose by.

    Attributes:
        rest: All other enrolments.
        histories: What those students took before.
        target: The courses; shape (students,).
    """

    rest: Enrolled
    histories: Enrolled
    target: NDArray[np.int32]

    def loss(self, scores: Scores, few: bool = False) -> float:
        """Return 1 less the NDCG@10 of a baseline's scores.

        Args:
            scores: A score of each course.
            few: Whether few cases choose. Most have no part in an NDCG@10, which then is chance
                for the most part; how near the top each course stands, ``NEAR / (NEAR + place)``,
                moves with all of them.
        """
        able = np.array(scores, np.float32)
        owner = np.repeat(np.arange(len(able)), np.diff(self.histories.offsets))
        able[owner, self.histories.item] = -np.inf
        able[:, :RESERVED] = -np.inf
        if few:
            return 1 - float(np.mean(NEAR / (NEAR + _places(able, self.target))))
        return 1 - ndcg(able, self.target)


def ndcg(scores: Scores, target: NDArray[np.integer[Any]]) -> float:
    """Return the NDCG@10 of some cases; of equal scores half stand above the one looked for.

    Args:
        scores: A score of each course, minus infinity where it is out of the running; shape
            (cases, courses).
        target: The course that is looked for; shape (cases,).
    """
    place = _places(scores, target)
    return float(np.mean((place < TOP) / np.log2(place + 2)))


def _places(scores: Scores, target: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return how many courses stand above the one that is looked for, half of its equals too."""
    own = scores[np.arange(len(target)), target][:, None]
    places: NDArray[np.float64] = (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
    return places


def hold_out_last(enrolled: Enrolled, seed: int = 0) -> list[HeldOut]:
    """Hold out the last course of some students, as a test of the next course does.

    Of few students all choose, one half after the other: what is left to learn from is then much
    like the whole. Of fewer than ``FEW``, their last course but one does too. Of many, some do.

    Args:
        enrolled: The training part.
        seed: Seed of the draw.

    Returns:
        What was held out, and the rest, up to four times; nothing where nobody has two courses.
    """
    able = np.random.default_rng(seed).permutation(np.flatnonzero(np.diff(enrolled.offsets) > 1))
    few = len(able) < 10 * MOST
    halves = [able[half::2][: MOST // 2] for half in (0, 1)] if few else [able[:MOST]]
    trials = [_held_out(enrolled, np.sort(student)) for student in halves]
    if len(able) < FEW:
        before = _held_out(enrolled, np.sort(able)).rest
        long = np.diff(before.offsets) > 1
        trials += [_held_out(before, np.sort(student[long[student]])) for student in halves]
    return [held for held in trials if len(held.target)]


def _held_out(enrolled: Enrolled, student: NDArray[np.int64]) -> HeldOut:
    """Hold out the last course of some students, given by their rows in ascending order."""
    last = enrolled.offsets[student + 1] - 1
    kept = np.ones(len(enrolled.item), bool)
    kept[last] = False
    left = np.diff(enrolled.offsets)
    left[student] -= 1
    rest = Enrolled(np.append(0, np.cumsum(left)), enrolled.item[kept], enrolled.num_items)
    return HeldOut(rest, of_students(rest, student), enrolled.item[last])


def settle_next(
    ladders: Ladders,
    enrolled: Enrolled,
    learn: Callable[[Enrolled, Enrolled], Callable[..., Scores]],
    seed: int = 0,
) -> dict[str, float]:
    """Choose what ranks courses held out of the training part best; see ``settle``.

    Args:
        ladders: Names, and the values that may be chosen.
        enrolled: The training part.
        learn: Takes enrolments to learn from, and histories; returns what gives the scores of
            those, given a value of each ladder by name.
        seed: Seed of the draws.
    """
    if all(len(ladder) == 1 for ladder in ladders.values()):
        return middle(ladders)
    trials = [(held, learn(held.rest, held.histories)) for held in hold_out_last(enrolled, seed)]

    cases = sum(len(held.target) for held, _ in trials)
    few = len(np.flatnonzero(np.diff(enrolled.offsets) > 1)) < FEW

    def loss(**setting: float) -> float:
        losses = [len(held.target) * held.loss(scores(**setting), few) for held, scores in trials]
        return sum(losses) / cases

    return settle(ladders, loss) if trials else middle(ladders)


def of_students(enrolled: Enrolled, students: NDArray[np.int64]) -> Enrolled:
    """Return the courses of some students.

    Args:
        enrolled: The courses of all.
        students: Their rows, in the order wanted.
    """
    index, offsets = ragged_index(enrolled.offsets, students)
    return Enrolled(offsets, enrolled.item[index], enrolled.num_items)


def bags(enrolled: Enrolled) -> sparse.csr_array:
    """Return which courses each student has taken; shape (students, num_items)."""
    ones = np.ones(len(enrolled.item), np.float32)
    shape = (len(enrolled.offsets) - 1, enrolled.num_items)
    return sparse.csr_array((ones, enrolled.item, enrolled.offsets), shape=shape)


def together(enrolled: Enrolled) -> NDArray[np.float64]:
    """Return how many students took each pair of courses; shape (num_items, num_items)."""
    taken = bags(enrolled)
    return np.asarray((taken.T @ taken).toarray(), np.float64)


def lags(enrolled: Enrolled, lag: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the enrolments that have another one a number of places before them, and that one.

    Args:
        enrolled: The students' courses.
        lag: How many places before, at least 1.

    Returns:
        Two indices of ``enrolled.item``; shape (pairs,) each.
    """
    lengths = np.diff(enrolled.offsets)
    place = np.arange(len(enrolled.item)) - np.repeat(enrolled.offsets[:-1], lengths)
    later = np.flatnonzero(place >= lag)
    return later, later - lag


def newness(enrolled: Enrolled, recency: float) -> NDArray[np.float32]:
    """Return how much each enrolment counts, 1 on average, the newest of each student the most.

    What is to be recommended is newer than all that is learned from, and what students take
    changes.

    Args:
        enrolled: The histories.
        recency: Counted back from a student's newest enrolment, the nth weighs 1 / n ** recency.

    Returns:
        Shape (enrolments,).
    """
    places = np.arange(len(enrolled.item))
    back = np.repeat(enrolled.offsets[1:], np.diff(enrolled.offsets)) - places
    weights = back ** np.float64(-recency)
    return (weights / weights.mean()).astype(np.float32)


def recent(histories: Enrolled, weights: NDArray[np.float32]) -> sparse.csr_array:
    """Return each history as a weighted bag of its last courses.

    Args:
        histories: The courses so far.
        weights: The weight of the last course, of the last but one and so on; shape (W,).

    Returns:
        Shape (students, num_items).
    """
    lengths = np.minimum(np.diff(histories.offsets), len(weights))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    lag = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)
    at = np.repeat(histories.offsets[1:], lengths) - 1 - lag
    shape = (len(lengths), histories.num_items)
    return sparse.csr_array((weights[lag], histories.item[at], bounds), shape=shape)


def refuse_nothing(enrolled: Enrolled, name: str, matrices: int = 0) -> None:
    """Refuse to learn from no enrolments, and of more courses than fit in memory.

    Args:
        enrolled: What is to be learned from.
        name: What the baseline is called.
        matrices: How many numbers it holds at once for each pair of courses, in 64 bits.

    Raises:
        DataError: There are no enrolments.
        TooLarge: There are too many courses.
    """
    needed, there = 8 * matrices * enrolled.num_items**2, memory()
    if needed > SHARE * there:
        raise TooLarge(
            f"the baseline {name} needs {needed / 2**30:,.1f} GiB of memory for "
            f"{enrolled.num_items:,} courses; the machine has {there / 2**30:,.1f}.",
            "Leave it out, or the courses that few take.",
        )
    if not (enrolled.item >= RESERVED).any():
        raise DataError(
            f"The baseline {name} got no enrolments to learn from.",
            "Check that the training part of the split holds students with courses.",
        )
