"""A store without some of what it holds, and all else of it to the last bit.

People are looked for by their names among the bytes of a store, so that no name of anybody else is
made a text of for it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.store import Store
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.schema import Vocabulary

BLOCK = 1_000_000
"""Rows that are copied at once."""
REMOVED = "[removed]"
"""What stands where a name stood in what somebody else wrote or said."""
SHORTEST = 3
"""Letters and digits of a name that is looked for in texts: a shorter one stands in any."""
_LETTER = rb"[0-9A-Za-z_\x80-\xff]"


@dataclass
class LeavingOut:
    """What of a store is left out or changed; all else is copied as it is.

    Attributes:
        rows: Rows of tables that go, by table; shape (rows,).
        values: Values of ragged families that go, by table and family; shape (values,).
        numbers: What the numbers of a column become, by table and column.
        texts: Texts that take the place of others, by table and family, and then by row.
    """

    rows: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    values: dict[tuple[str, str], NDArray[np.bool_]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], NDArray[Any]] = field(default_factory=dict)
    texts: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)

    def go(self, store: Store, table: str, rows: Any) -> None:
        """Let some rows of a table go."""
        mask = self.rows.setdefault(table, np.zeros(store.num_rows(table), bool))
        mask[rows] = True

    def __bool__(self) -> bool:
        """Say whether anything is."""
        return any(mask.any() for mask in self.rows.values()) or any(self.texts.values())


def rewrite(
    store: Store,
    path: Path,
    left_out: LeavingOut,
    vocabulary: Vocabulary | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a store again without what is left out, in one step: before it, the old one stands.

    Args:
        store: It.
        path: Where the new one goes; the same path replaces it.
        left_out: What goes.
        vocabulary: The names; those of the store where it is None.
        about: What is noted; what the store notes where it is None.
    """
    with StoreWriter(path) as writer:
        writer.vocabulary = vocabulary or store.vocabulary
        writer.about = dict(store.about if about is None else about)
        for table, held in store.manifest["tables"].items():
            dtypes = {name: column["dtype"] for name, column in held["columns"].items()}
            families = {name: name.partition(".")[0] for name in dtypes}
            files = store.manifest["files"]
            families = {n: f for n, f in families.items() if f"{table}/{f}.offsets" in files}
            ragged: dict[str, dict[str, str]] = {}
            for name, family in families.items():
                ragged.setdefault(family, {})[name.partition(".")[2]] = dtypes[name]
            flat = {name: dtype for name, dtype in dtypes.items() if name not in families}
            new = writer.table(table, flat, ragged)
            for begin, end in _stretches(left_out.rows.get(table), held["rows"]):
                new.append(
                    end - begin,
                    {
                        name: _numbers(store, left_out, table, name, slice(begin, end))
                        for name in flat
                    },
                    {
                        family: _family(store, left_out, table, family, columns, begin, end)
                        for family, columns in ragged.items()
                    },
                )


def named(store: Store, table: str, family: str, name: str) -> NDArray[np.int64]:
    """Return the rows whose text is a name."""
    offsets = store.offsets(table, family)
    rows = [
        row
        for row, begin, end in _found(store, table, family, name)
        if begin == offsets[row] and end == offsets[row + 1]
    ]
    return np.array(rows, np.int64)


def saying(store: Store, table: str, family: str, name: str) -> dict[int, str]:
    """Return the texts that hold a name as a word, with ``REMOVED`` in its place, by row.

    None do where the name is shorter than ``SHORTEST`` or a mere number: it would stand anywhere.
    """
    if not is_told(name):
        return {}
    rows = {row for row, *_ in _found(store, table, family, name)}
    texts = dict(zip(sorted(rows), store.texts(table, family, sorted(rows)), strict=True))
    masked = {row: masked_in(text, name) for row, text in texts.items()}
    return {row: text for row, text in masked.items() if text != texts[row]}


def is_told(name: str) -> bool:
    """Say whether a name tells a person apart from other words."""
    return len(name) >= SHORTEST and any(letter.isalpha() for letter in name)


def masked_in(text: str, name: str) -> str:
    """Return a text without a name, where that stands as a word of its own."""
    word = rb"(?<!%b)%b(?!%b)" % (_LETTER, re.escape(name.encode("utf-8")), _LETTER)
    return re.sub(word, REMOVED.encode(), text.encode("utf-8")).decode("utf-8", "replace")


def _found(store: Store, table: str, family: str, name: str) -> Iterator[tuple[int, int, int]]:
    """Yield where the bytes of a name stand in a family of texts: the row, and from where to."""
    values = store.values(table, f"{family}.utf8")
    offsets = store.offsets(table, family)
    sought = name.encode("utf-8")
    # Looked ahead for, since "aa" begins at two places of "aaa", the end of one name and the next.
    for match in re.finditer(b"(?=%b)" % re.escape(sought), values.data) if sought else ():
        row = int(np.searchsorted(offsets, match.start(), "right")) - 1
        end = match.start() + len(sought)
        if end <= offsets[row + 1]:
            yield row, match.start(), end


def _stretches(gone: NDArray[np.bool_] | None, rows: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of rows that stay."""
    stays = np.ones(rows, bool) if gone is None else ~gone
    edges = np.flatnonzero(np.diff(stays, prepend=False, append=False)).reshape(-1, 2)
    for begin, end in edges.tolist():
        for first in range(begin, end, BLOCK):
            yield first, min(first + BLOCK, end)


def _numbers(
    store: Store, left_out: LeavingOut, table: str, name: str, where: slice
) -> NDArray[Any]:
    numbers = store.values(table, name)[where]
    become = left_out.numbers.get((table, name))
    return numbers if become is None else become[numbers]


def _family(
    store: Store,
    left_out: LeavingOut,
    table: str,
    family: str,
    columns: Mapping[str, str],
    begin: int,
    end: int,
) -> tuple[Any, dict[str, Any]]:
    """Return the lengths and values of a family in rows that stay."""
    bounds = np.asarray(store.offsets(table, family)[begin : end + 1])
    where = slice(int(bounds[0]), int(bounds[-1]))
    changed = left_out.texts.get((table, family), {})
    if any(begin <= row < end for row in changed):
        texts = store.texts(table, family, range(begin, end))
        return encode_texts(changed.get(row, text) for row, text in enumerate(texts, begin))
    by_column = {
        name: _numbers(store, left_out, table, f"{family}.{name}", where) for name in columns
    }
    gone = left_out.values.get((table, family))
    if gone is None:
        return np.diff(bounds), by_column
    stays = ~gone[where]
    before = np.concatenate([[0], np.cumsum(stays)])
    lengths = np.diff(before[bounds - bounds[0]])
    return lengths, {name: values[stays] for name, values in by_column.items()}
