"""Draws by name, and places among millions, without sorting or holding what grows with them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.store import Store, row_blocks
from torchedu.mapped import empty

N = TypeVar("N", bound=np.int64 | np.uint64)

CHUNK = 1 << 16
"""Letters of names, or times, looked at at once: what is made of them stays near the processor."""
_SHORT = 256
"""Letters of a name whose share of its hash is looked up; those beyond are computed."""
_CELL_BITS = 16
"""Bits of numbers that are looked for at once."""


def random_places(
    store: Store, seed: int, table: str = "students", column: str = "name"
) -> NDArray[np.int64]:
    """Return each student's place in a random order that their names and the seed alone decide.

    Args:
        store: The store.
        seed: Another seed gives another order.
        table: The table whose rows are put in order.
        column: The texts that decide, instead of students' names.
    """
    order = np.argsort(name_keys(store, seed, table, column), kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def name_keys(
    store: Store, seed: int, table: str = "students", column: str = "name"
) -> NDArray[np.uint64]:
    """Return a number of each student that the name and the seed alone decide, at random.

    The arguments are those of ``random_places``, whose order is that of these.
    """
    offsets = store.offsets(table, column)
    data = store.values(table, f"{column}.utf8")
    keys = empty(len(offsets) - 1, np.uint64)
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        for rows in row_blocks(offsets, CHUNK):
            bounds = offsets[rows.start : rows.stop + 1]
            keys[rows] = _hashes(data[bounds[0] : bounds[-1]], bounds - bounds[0], seed)
    return keys


def _hashes(data: NDArray[np.uint8], offsets: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Return a hash of each of some names, given their letters one name after the other."""
    position = np.arange(len(data)) - np.repeat(offsets[:-1], np.diff(offsets))
    short = position < _SHORT
    letters = _letters(seed).take(np.where(short, position, 0) * 256 + data)
    if not short.all():
        far = ~short
        letters[far] = _letter_hashes(data[far], position[far], seed)
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(letters, out=sums[1:])
    return _mix(sums[offsets[1:]] - sums[offsets[:-1]])


@lru_cache(maxsize=2)
def _letters(seed: int) -> NDArray[np.uint64]:
    """Return the share of each letter at each of the first places; shape (_SHORT * 256,)."""
    place, letter = np.divmod(np.arange(_SHORT * 256), 256)
    return _letter_hashes(letter, place, seed)


def _letter_hashes(
    letter: NDArray[np.integer], position: NDArray[np.int64], seed: int
) -> NDArray[np.uint64]:
    place = _mix(position.astype(np.uint64) + np.uint64(seed))
    return _mix((letter.astype(np.uint64) + np.uint64(1)) ^ place)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of integers (the finaliser of splitmix64, Steele et al., OOPSLA 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def at_places(numbers: NDArray[N], places: Sequence[int]) -> list[Any]:
    """Return what would stand at some places if numbers of 64 bits were sorted.

    They are counted in cells, then those of the cell that holds a place in finer ones, a block of
    them in memory at a time.
    """
    blocks = [slice(begin, begin + CHUNK) for begin in range(0, len(numbers), CHUNK)]
    # Unsigned distances: from the lowest to the highest it may be more than a signed one holds.
    lowest = min(numbers[some].min() for some in blocks)
    span = int(max(numbers[some].max() for some in blocks)) - int(lowest)
    base = np.asarray(lowest).view(np.uint64)
    begins, left = [0] * len(places), list(places)
    width = max(span.bit_length() - _CELL_BITS, 0)
    while True:
        counts = {begin: np.zeros(1 << _CELL_BITS, np.int64) for begin in begins}
        most = np.uint64((1 << width + _CELL_BITS) - 1)
        for some in blocks:
            since = np.asarray(numbers[some]).view(np.uint64) - base
            for begin, count in counts.items():
                inside = since - np.uint64(begin)
                inside = inside[inside <= most] >> np.uint64(width)
                count += np.bincount(inside.view(np.int64), minlength=len(count))
        for i, begin in enumerate(begins):
            ends = np.cumsum(counts[begin])
            cell = int(np.searchsorted(ends, left[i], "right"))
            left[i] -= int(ends[cell] - counts[begin][cell])
            begins[i] = begin + (cell << width)
        if not width:
            return [(base + np.uint64(begin)).view(numbers.dtype) for begin in begins]
        width = max(width - _CELL_BITS, 0)
