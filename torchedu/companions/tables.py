"""Tables whose rows are ids, and some of which hold ids."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.schema import RESERVED, Names


def named(table: NDArray[np.int64] | None, rows: Names, values: Names) -> dict[str, set[str]]:
    """Return a table of ids by names: what each row holds.

    Args:
        table: Ids of ``values``, filled up with 0; a row for each id of ``rows``.
        rows: The names of its rows.
        values: The names of what it holds.
    """
    if table is None:
        return {}
    held = {id: values.name(id) for id in np.unique(table).tolist() if id >= RESERVED}
    return {
        name: {held[id] for id in row if id in held}
        for name, row in zip(rows, table[RESERVED:].tolist(), strict=False)
    }


def same_rows(mine: NDArray[Any] | None, theirs: NDArray[Any] | None) -> bool:
    """Say whether two tables hold the same, lists of ids however wide they are filled up."""
    if mine is None or theirs is None:
        return mine is theirs
    if mine.ndim == theirs.ndim == 2 and len(mine) == len(theirs):
        width = max(mine.shape[1], theirs.shape[1])
        mine, theirs = (wide(table, width) for table in (mine, theirs))
    return np.array_equal(mine, theirs)


def wide(table: NDArray[Any], width: int) -> NDArray[Any]:
    """Return lists of ids filled up with 0 to a width."""
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))


def each_once(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows of ids with each id once, in order, filled up with 0."""
    once = table.copy()
    for at in range(1, table.shape[1]):
        once[(table[:, :at] == table[:, at : at + 1]).any(1), at] = 0
    return np.take_along_axis(once, np.argsort(once == 0, axis=1, kind="stable"), 1)
