"""Copies: stretches that stand in two rows and are too improbable to be written twice by chance.

A row is a sequence of tokens: a text's words, a student's answers, the courses of a history. How
many bits each token costs after the one before it is counted over all rows, the row itself and one
copy of it left out. So what everyone writes, or what a timetable orders, costs little, and no
length decides: a stretch counts once it costs so much that no two rows of the data should share it.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Bits = NDArray[np.float64]
Hashes = NDArray[np.uint64]

CHANCE = 30.0
"""Bits beyond those of all pairs of rows that two rows do not share by chance; ten would do for one
false alarm in a thousand data sets, were there nothing between words but their order."""
PRIOR = 5.0
"""How many times a token must come before others until what follows it counts half."""
SHARED = 0.4
"""Share of the shorter row's stretches that a copy shares; a quotation shares less."""
STEP = 12.0
"""Bits by which whole rows are held against those that cost less: what is written twice by chance
becomes rare by them, what is copied does not."""
MANY = 0.01
"""Share of rows that stand in the data twice from which they are held against others so."""
ENOUGH = 30
"""Rows that cost less, from which on they can be held against those that cost more."""
CHUNK = 1 << 22
"""Tokens that are held at once, and stretches that are compared: of more, those of small hashes,
which are the same in any row."""
BASE = 0x9E3779B97F4A7C15
"""An odd number, whose powers have inverses modulo 2 ** 64."""


class Rows(NamedTuple):
    """Sequences of tokens.

    Attributes:
        offsets: Where each row begins; shape (rows + 1,).
        token: What stands in the rows; shape (tokens,).
        mark: What else tells two tokens apart, 0 or 1 say; shape (tokens,), or one for all.
        bits: What that costs; shape (tokens,), or one for all.
    """

    offsets: Ids
    token: Hashes
    mark: NDArray[np.uint64] | int = 0
    bits: Bits | float = 0.0


Read = Callable[[int, int], Rows]
"""Returns the rows from one to before another."""


class Pairs(NamedTuple):
    """Pairs of rows of which one is a copy of the other, whole or in large part.

    Attributes:
        first: The one; shape (pairs,).
        second: The other, a later row.
        share: What share of the shorter one's stretches they share.
    """

    first: Ids
    second: Ids
    share: Bits


class Language:
    """What tokens cost after the ones before them.

    Args:
        rows: From which that is counted.
    """

    def __init__(self, rows: Rows) -> None:
        self.known, token, times = np.unique(rows.token, return_inverse=True, return_counts=True)
        self.size = len(self.known) + 2  # one more for any other token, one where a row begins
        before = self._before(token, rows.offsets)
        self.pair, follows = np.unique(before * self.size + token, return_counts=True)
        # The row itself and one copy of it do not count.
        self.follows = np.append(np.maximum(follows - 2, 0), 0)
        times = np.append(times, [0, 0])
        self.alone = (np.maximum(times - 2, 0) + 0.5) / (len(token) + 0.5 * self.size)
        self.earlier = np.maximum(np.bincount(before, minlength=self.size) - 2, 0)

    def bits(self, rows: Rows) -> Bits:
        """Return what each token costs, in bits; shape (tokens,)."""
        place = _places(self.known, rows.token)
        token = np.where(place < 0, self.size - 2, place)
        before = self._before(token, rows.offsets)
        follows = self.follows[_places(self.pair, before * self.size + token)]
        odds = (follows + PRIOR * self.alone[token]) / (self.earlier[before] + PRIOR)
        return -np.log2(odds) + rows.bits

    def _before(self, token: Ids, offsets: Ids) -> Ids:
        before = np.append(self.size - 1, token[:-1])[: len(token)]
        begin = offsets[:-1]
        before[begin[begin < len(token)]] = self.size - 1
        return before


def _places(known: NDArray[Any], value: NDArray[Any]) -> Ids:
    """Return where values stand among sorted ones, -1 where they do not; shape (values,).

    Looked up in order, of which neighbours lie together in memory: it is many times faster.
    """
    order = np.argsort(value)
    ordered = value[order]
    place = np.searchsorted(known, ordered).clip(max=max(len(known) - 1, 0))
    places = np.empty(len(value), np.int64)
    places[order] = np.where(known[place] == ordered, place, -1)
    return places


def copies(offsets: Ids, read: Read, seed: int = 0) -> Pairs:
    """Find the rows that share more than chance allows.

    Args:
        offsets: Where each row begins, in anything that measures its length; shape (rows + 1,).
        read: Returns some of the rows.
        seed: Chooses from which rows costs are counted, where they do not fit in memory at once.

    Returns:
        The pairs; of many copies of one row, each with the next.
    """
    size = len(offsets) - 1
    chunks = list(_chunks(offsets))
    if not chunks:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0))
    drawn = int(np.random.default_rng(seed).integers(len(chunks)))
    first = read(*chunks[drawn])
    if not len(first.token):
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    language = Language(first)
    need = 2 * np.log2(max(size, 2)) + CHANCE
    least = np.uint64((2**64 - 1) // len(chunks))
    kept_hashes, whole, cost = [], np.zeros(size, np.uint64), np.zeros(size)
    for number, (begin, stop) in enumerate(chunks):
        rows = first if number == drawn else read(begin, stop)
        row, hashed, whole[begin:stop], cost[begin:stop] = _stretches(
            rows, language.bits(rows), need
        )
        kept_hashes.append((row[hashed <= least] + begin, hashed[hashed <= least]))
    row, hashed = (np.concatenate(column) for column in zip(*kept_hashes, strict=True))
    short = _short(whole, cost, need)
    row, hashed = np.append(row, short), np.append(hashed, whole[short])
    stretches = np.bincount(row, minlength=size)
    order = np.lexsort((row, hashed))
    row, hashed = row[order], hashed[order]
    new = np.append(True, (row[1:] != row[:-1]) | (hashed[1:] != hashed[:-1]))[: len(row)]
    row, hashed = row[new], hashed[new]
    same = hashed[1:] == hashed[:-1]
    pair, count = np.unique(row[:-1][same] * size + row[1:][same], return_counts=True)
    first_row, second_row = pair // size, pair % size
    share = count / np.minimum(stretches[first_row], stretches[second_row])
    kept = share >= SHARED
    return Pairs(first_row[kept], second_row[kept], share[kept])


def _short(whole: Hashes, cost: Bits, need: float) -> Ids:
    """Return rows that cost a little less than is needed, if too many of them stand twice.

    Chance makes rows that cost more twice as rarely; copying does not ask what a row costs.
    """
    _, place, count = np.unique(whole, return_inverse=True, return_counts=True)
    twice = count[place] > 1
    below, above = (
        (cost >= need - edge * STEP) & (cost < need - (edge - 1) * STEP) for edge in (2, 1)
    )
    share = twice[above].mean() if above.any() else 0.0
    rarer = below.sum() >= ENOUGH and 2 * share <= twice[below].mean()
    return (
        np.flatnonzero((above | below) & twice)
        if share > MANY and not rarer
        else np.zeros(0, np.int64)
    )


def _chunks(offsets: Ids) -> Iterator[tuple[int, int]]:
    """Yield stretches of rows that fit in memory, a row at least."""
    begin, size = 0, len(offsets) - 1
    while begin < size:
        stop = int(np.searchsorted(offsets, offsets[begin] + CHUNK, side="right")) - 1
        stop = min(max(stop, begin + 1), size)
        yield begin, stop
        begin = stop


def _stretches(rows: Rows, bits: Bits, need: float) -> tuple[Ids, Hashes, Hashes, Bits]:
    """Return the row and hash of each shortest stretch that costs enough, and each row's own."""
    row = np.repeat(np.arange(len(rows.offsets) - 1), np.diff(rows.offsets))
    cost = np.concatenate([[0.0], np.cumsum(bits)])
    stop = np.searchsorted(cost, cost[:-1] + need)
    begin = np.flatnonzero(stop <= rows.offsets[1:][row])
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        token = mixed(mixed(rows.token) + np.asarray(rows.mark, np.uint64))
        sums = np.cumsum(token * _powers(BASE, len(row)), dtype=np.uint64)
        sums = np.concatenate([np.zeros(1, np.uint64), sums])
        inverse = np.append(_powers(pow(BASE, -1, 2**64), len(row)), np.uint64(1))

        def hashed(first: Ids, last: Ids) -> Hashes:
            return mixed((sums[last] - sums[first]) * inverse[first])

        first, last = rows.offsets[:-1], rows.offsets[1:]
        return row[begin], hashed(begin, stop[begin]), hashed(first, last), cost[last] - cost[first]


def _powers(base: int, size: int) -> Hashes:
    powers = np.full(size, base, np.uint64)
    powers[:1] = 1
    return np.multiply.accumulate(powers)


def mixed(x: Hashes) -> Hashes:
    """Spread the bits of integers (the finaliser of splitmix64, Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        x = x + np.uint64(BASE)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
