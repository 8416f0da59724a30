"""Texts as hashes of their words, all texts at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import ragged_index
from torchedu.datasets.store import Store
from torchedu.leaks.copies import Hashes, Ids, mixed

_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32
_IN_WORD = np.array([chr(i).isalnum() if i < 128 else True for i in range(256)])
_ALONE = np.arange(256) >= 0xE3
"""First bytes of letters that are words of their own, such as Chinese ones."""


class Words(NamedTuple):
    """The words of some texts.

    Attributes:
        offsets: Where each text's words begin; shape (texts + 1,).
        word: A hash of each word, in lower case; shape (words,).
        first: Where its first byte stands; shape (words,).
        data: The bytes.
    """

    offsets: Ids
    word: Hashes
    first: Ids
    data: NDArray[np.uint8]

    def once(self) -> NDArray[np.bool_]:
        """Say which texts have words that no earlier text has, in this order; shape (texts,)."""
        row = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        place = (np.arange(len(row)) - self.offsets[row]).astype(np.uint64)
        sums = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum(mixed(self.word ^ mixed(place)), dtype=np.uint64)]
        )
        first_seen = np.zeros(len(self.offsets) - 1, bool)
        first_seen[
            np.unique(sums[self.offsets[1:]] - sums[self.offsets[:-1]], return_index=True)[1]
        ] = True
        return first_seen

    def text(self, place: int) -> str:
        """Return a word as it is written."""
        stop = self.first[place + 1] if place + 1 < len(self.first) else len(self.data)
        data = bytes(self.data[self.first[place] : stop][:200])
        length = next((i for i, byte in enumerate(data) if not _IN_WORD[byte]), len(data))
        return data[:length].decode("utf-8", "replace")


def words(data: NDArray[np.uint8], offsets: Ids) -> Words:
    """Take texts apart into words.

    Args:
        data: UTF-8 of all texts, one after the other.
        offsets: Where each begins; shape (texts + 1,).
    """
    data = _LOWER[np.asarray(data)]
    inside = _IN_WORD[data]
    begin = inside & (~np.append(False, inside[:-1])[: len(data)] | _ALONE[data])
    starts = offsets[:-1][offsets[:-1] < len(data)]
    begin[starts] = inside[starts]
    first = np.flatnonzero(begin)
    if not len(first):
        return Words(np.zeros_like(offsets), np.zeros(0, np.uint64), first, data)
    which = np.maximum(np.cumsum(begin) - 1, 0)
    place = (np.arange(len(data)) - first[which]).astype(np.uint64)
    letter = np.where(inside, mixed(data.astype(np.uint64) + (place << np.uint64(8))), 0)
    letter[: first[0]] = 0
    word = mixed(np.add.reduceat(letter, first, dtype=np.uint64))
    return Words(np.searchsorted(first, offsets).astype(np.int64), word, first, data)


def words_of(store: Store, table: str, column: str, rows: Ids | None = None) -> Words:
    """Return the words of some rows of a column of texts, or of all.

    Args:
        store: The store.
        table: The table.
        column: The column.
        rows: The rows; all where it is None.
    """
    offsets, data = store.offsets(table, column), store.values(table, f"{column}.utf8")
    if rows is None:
        return words(data, np.asarray(offsets))
    index, begins = ragged_index(offsets, rows)
    return words(data[index], begins)
