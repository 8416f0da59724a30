"""Which global batch comes when: a pure function of seed, epoch and index.

Histories are cut into windows, windows are put into global batches, and only then is a global batch
divided among ranks and accumulated batches; the order is the same on any number of ranks and
loader workers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.splits import Part

POOL = 50
"""Batches whose windows are sorted by length together: padding falls, randomness stays."""


class Windows(NamedTuple):
    """Stretches of histories, each at most as long as a network takes at once.

    Attributes:
        student: Row of the student in the store; shape (windows,).
        start: Position in the history of the first answer seen.
        first: Position of the first answer scored; those before it are there as history.
        stop: Position after the last.
    """

    student: NDArray[np.int64]
    start: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]

    @property
    def length(self) -> NDArray[np.int64]:
        """Answers in each window."""
        return self.stop - self.start

    def take(self, index: NDArray[np.int64]) -> "Windows":
        """Return some of the windows."""
        return Windows(*(column[index] for column in self))


def cut_windows(part: Part, length: int, context: int = 0) -> Windows:
    """Cut a part's histories into windows in which every scored answer is scored once.

    Args:
        part: The answers.
        length: Most answers in a window.
        context: How many answers before the first scored one are seen with it, as far as the
            history goes back; below ``length``.

    Returns:
        The windows, student by student, in the order of each history.
    """
    before = np.minimum(part.first, context)
    scored = part.stop - part.first
    # The first window of a student scores up to length - before answers, the others a step each.
    head = np.minimum(scored, length - before)
    step = length - context
    more = -(-(scored - head) // step)
    num = np.where(scored > 0, 1 + more, 0)
    ends = np.cumsum(num)
    place = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - num, num)
    first = np.repeat(part.first, num) + np.where(
        place == 0, 0, np.repeat(head, num) + (place - 1) * step
    )
    stop = np.minimum(
        np.repeat(part.stop, num), first + np.where(place == 0, np.repeat(head, num), step)
    )
    start = np.maximum(first - context, 0)
    return Windows(np.repeat(part.student, num), start, first, stop)


class Order:
    """The global batches of every epoch.

    Args:
        lengths: Answers in each window; shape (windows,).
        batch_size: Windows in a global batch; on average where it shuffles, since batches then have
            like numbers of answers.
        seed: Another seed gives another order.
        shuffle: Whether the order differs from epoch to epoch; without it, windows of like length
            are batched once, longest first, and every epoch is the same.
    """

    def __init__(
        self, lengths: NDArray[np.int64], batch_size: int, seed: int = 0, shuffle: bool = True
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle

    def __len__(self) -> int:
        """Return the number of global batches in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the windows of each global batch of an epoch, in order.

        Args:
            epoch: Number of the epoch, from 0.

        Returns:
            For each batch the indices of its windows.
        """
        if not self.shuffle:
            order = np.argsort(-self.lengths, kind="stable")
            return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(len(self.lengths))
        pool = np.arange(len(order)) // (POOL * self.batch_size)
        order = order[np.lexsort((self.lengths[order], pool))]
        batches = np.split(order, self._cuts(self.lengths[order]))
        return [batches[i] for i in random.permutation(len(batches))]

    def _cuts(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where to cut sorted windows into batches of like numbers of answers.

        A step of training goes by the mean over its batch: were these of like numbers of windows,
        an answer among short windows would count many times as much as one among long ones.
        """
        num, answers = len(self), np.cumsum(lengths)
        share = np.arange(1, num)
        cuts = np.searchsorted(answers, answers[-1:] * share / num) + 1
        # No batch is empty: each cut comes after the one before, and leaves enough for the rest.
        cuts = np.maximum.accumulate(np.maximum(cuts - share, 0)) + share
        return np.minimum(cuts, len(lengths) - num + share)


def token_batches(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Put texts of like length together, as many at once as a budget of tokens holds.

    Args:
        lengths: Tokens of each text; shape (texts,).
        budget: Most tokens of a batch, padding included; a longer text is a batch of its own.

    Returns:
        For each batch the indices of its texts, the longest texts first.
    """
    order = np.argsort(-lengths, kind="stable")
    batches, begin = [], 0
    while begin < len(order):
        stop = begin + max(1, budget // max(1, int(lengths[order[begin]])))
        batches.append(order[begin:stop])
        begin = stop
    return batches


class BalancedOrder(Order):
    """Global batches in which every group has as many windows as any other, or one more or less.

    Windows of small groups come more than once an epoch, not all of large groups come, and those of
    no known group come once. Batches are as many as without, and are not sorted by length.

    Args:
        lengths: As ``Order`` has them.
        batch_size: Windows in a global batch, on average.
        group: The group of each window; below 0 where it is not known; shape (windows,).
        seed: Another seed gives another order.
    """

    def __init__(
        self, lengths: NDArray[np.int64], batch_size: int, group: NDArray[np.int64], seed: int = 0
    ) -> None:
        super().__init__(lengths, batch_size, seed)
        names = np.unique(group[group >= 0])
        self._groups = [np.flatnonzero(group == name) for name in names]
        self._unknown = np.flatnonzero(group < 0)

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the windows of each global batch of an epoch; see ``Order.epoch``."""
        random = np.random.default_rng([self.seed, epoch])
        known = len(self.lengths) - len(self._unknown)
        each = -(-known // max(len(self._groups), 1))
        drawn = [
            np.concatenate([random.permutation(group) for _ in range(-(-each // len(group)))])[
                :each
            ]
            for group in self._groups
        ]
        drawn.append(random.permutation(self._unknown))
        # Laid out evenly side by side, each stretch of the line has its share of every group.
        place = [(np.arange(len(group)) + random.random()) / max(len(group), 1) for group in drawn]
        line = np.concatenate(drawn)[np.argsort(np.concatenate(place), kind="stable")]
        return np.array_split(line, len(self))


def divided(batch: NDArray[np.int64], part: int, parts: int) -> NDArray[np.int64]:
    """Return one of the parts that a global batch is divided into: every so many-th window."""
    return batch[part::parts]
