"""What items ask, in words: told beside the answers, or in a table of items."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.numbering import Numbering
from torchedu.datasets.importers.reading.values import encoded


class ItemTexts:
    """Collects the text of each item: what a table says of it, else the first of its rows.

    Args:
        table: Texts of items by name, where they are known apart from the answers.
    """

    kept = ("_texts", "_of", "_changed")

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        self._table = dict(table or {})
        self._texts = Numbering()
        self._of = np.full(0, -1, np.int32)  # each item's, among the texts
        self._changed: set[int] = set()
        self._told = (0, 0)

    def take(self, item: NDArray[np.int32], column: pa.Array) -> None:
        """Take up some rows: each row's item and text."""
        text = self._texts.encode(encoded(column))
        some = text >= 0
        item, text = item[some], text[some]
        if not len(item):
            return
        if item.max() >= len(self._of):
            room = max(int(item.max()) + 1, 2 * len(self._of)) - len(self._of)
            self._of = np.append(self._of, np.full(room, -1, np.int32))
        which, first = np.unique(item, return_index=True)
        new = self._of[which] < 0
        self._of[which[new]] = text[first[new]]
        self._changed.update(item[self._of[item] != text].tolist())

    def finish(self, names: Sequence[str], order: NDArray[np.int64]) -> list[str] | None:
        """Return the items' texts, empty where none is told; None where no item has one.

        Args:
            names: The items' names.
            order: The number of each.
        """
        texts = [*self._texts.numbers, ""]
        of = np.append(self._of, np.full(max(len(order) - len(self._of), 0), -1, np.int32))
        each = [
            self._table.get(name) or texts[i]
            for name, i in zip(names, of[order].tolist(), strict=True)
        ]
        self._told = sum(map(bool, each)), len(each)
        return each if any(each) else None

    def notes(self) -> list[str]:
        """Say how many items have a text, and how many have several."""
        some, items = self._told
        notes = [f"{some:,} of {items:,} items have a text."] if some else []
        if self._changed:
            notes.append(f"{len(self._changed):,} items have several texts: the first counts.")
        return notes
