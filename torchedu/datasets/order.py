"""Which global batch comes when: a pure function of seed, epoch and index.

Histories are cut into windows, windows are put into global batches, and only then is a global batch
divided among ranks and accumulated batches; the order is the same on any number of ranks and
loader workers.
"""

from collections.abc import Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.splits import Part, Rows
from torchedu.mapped import empty, mapped

STUDENTS = 1 << 16
"""Students whose windows are cut, and windows that are put in order, at once."""
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

    student: Rows
    start: Rows
    first: Rows
    stop: Rows

    @property
    def length(self) -> Rows:
        """Answers in each window."""
        return mapped(self.stop - self.start)

    def take(self, index: Rows) -> "Windows":
        """Return some of the windows, in 64 bits, as positions in a store need them."""
        return Windows(*(column[index].astype(np.int64) for column in self))


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
    step, size = length - context, len(part.student)
    blocks = [slice(begin, begin + STUDENTS) for begin in range(0, size, STUDENTS)]
    total = sum(int(_cuts_of(part, some, length, context)[0].sum()) for some in blocks)
    windows = Windows(*(empty(total, np.int32) for _ in Windows._fields))
    done = 0
    for some in blocks:
        num, head = _cuts_of(part, some, length, context)
        each = slice(done, done := done + int(num.sum()))
        place = np.arange(each.stop - each.start) - np.repeat(np.cumsum(num) - num, num)
        begin, scored = (np.repeat(column, num) for column in (part.first[some], head))
        first = begin + np.where(place == 0, 0, scored + (place - 1) * step)
        windows.student[each] = np.repeat(part.student[some], num)
        windows.first[each] = first
        windows.start[each] = np.maximum(first - context, 0)
        windows.stop[each] = np.minimum(
            np.repeat(part.stop[some], num), first + np.where(place == 0, scored, step)
        )
    return windows


def _cuts_of(part: Part, some: slice, length: int, context: int) -> tuple[Rows, Rows]:
    """Return how many windows some students have, and how many answers the first one scores.

    It scores up to ``length`` less what is seen before them, the others ``length - context`` each.
    """
    first = part.first[some]
    scored = part.stop[some] - first
    head = np.minimum(scored, length - np.minimum(first, context))
    more = -(-(scored - head) // (length - context))
    return np.where(scored > 0, 1 + more, 0).astype(np.int32), head.astype(np.int32)


class Cut(Sequence[Rows]):
    """Batches as stretches of one line of windows.

    Args:
        line: The windows.
        cuts: Where a batch ends and the next begins; shape (batches - 1,).
        order: Which batch comes when; in the order of the line where it is None.
    """

    def __init__(
        self, line: Rows, cuts: NDArray[np.int64], order: NDArray[np.int64] | None = None
    ) -> None:
        self._line = line
        self._bounds = np.concatenate([[0], cuts, [len(line)]])
        self._order = order

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._bounds) - 1 if len(self._line) else 0

    @overload
    def __getitem__(self, index: int) -> Rows: ...
    @overload
    def __getitem__(self, index: slice) -> list[Rows]: ...
    def __getitem__(self, index: int | slice) -> Rows | list[Rows]:
        """Return the windows of a batch, or of several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        if self._order is not None:
            place = int(self._order[place])
        return self._line[self._bounds[place] : self._bounds[place + 1]]


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

    def __init__(self, lengths: Rows, batch_size: int, seed: int = 0, shuffle: bool = True) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle

    def __len__(self) -> int:
        """Return the number of global batches in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, epoch: int) -> Sequence[Rows]:
        """Return the windows of each global batch of an epoch, in order.

        Args:
            epoch: Number of the epoch, from 0.

        Returns:
            For each batch the indices of its windows.
        """
        size = self.batch_size
        if not self.shuffle:
            order = mapped(np.argsort(-self.lengths, kind="stable").astype(np.int32))
            return Cut(order, np.arange(0, len(order), size)[1:])
        random = np.random.default_rng([self.seed, epoch])
        # In files from the first: of ten million windows each of these columns has 40 MB.
        order = empty(len(self.lengths), np.int32)
        lengths = empty(len(order), self.lengths.dtype.type)
        together = max(1, STUDENTS // (POOL * size)) * POOL * size
        blocks = [
            slice(at, min(at + together, len(order))) for at in range(0, len(order), together)
        ]
        for some in blocks:
            order[some] = np.arange(some.start, some.stop)
        random.shuffle(np.asarray(order))  # of a map itself, it would go by single numbers
        for some in blocks:
            drawn = order[some]
            length = self.lengths[drawn]
            place = np.lexsort((length, np.arange(len(drawn)) // (POOL * size)))
            order[some], lengths[some] = drawn[place], length[place]
        cuts = self._cuts(lengths)
        return Cut(order, cuts, random.permutation(len(cuts) + 1))

    def _cuts(self, lengths: Rows) -> NDArray[np.int64]:
        """Return where to cut sorted windows into batches of like numbers of answers.

        A step of training goes by the mean over its batch: were these of like numbers of windows,
        an answer among short windows would count many times as much as one among long ones.
        """
        num = len(self)
        answers = np.cumsum(lengths, dtype=np.int64, out=empty(len(lengths), np.int64))
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

    def epoch(self, epoch: int) -> Sequence[Rows]:
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


def divided(batch: Rows, part: int, parts: int) -> Rows:
    """Return one of the parts that a global batch is divided into: every so many-th window."""
    return batch[part::parts]
