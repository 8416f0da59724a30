"""Rows that tell an answer a second time: by its id, by its moment, or once for each skill.

An answer that fills a row for each of its skills is the leak of this field: a model that sees the
first of the rows knows the mark of the second. Such rows are one answer, or an error; never two.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.clock import Clock
from torchedu.datasets.importers.reading.rows import BadRows

FEW = 1000
"""One row in so many that looks like another is left out; more of them are an error."""
_SKILL_ROWS = "the same answer fills several rows, one for each skill"


class Repeats:
    """Finds repeated rows in whole students.

    Among many rows a few happen to look alike: those are left out and counted, whatever becomes of
    bad rows.

    Args:
        bad: What becomes of duplicate rows.
        rows: How many rows there are in all.
        clock: Whether times tell one moment from another.
        by_id: Whether rows have an answer id.
        by_skill: Whether rows have skills.
        merge: Whether rows that differ in nothing but the skill are one answer.

    Attributes:
        merged: How many rows were taken into another.
    """

    def __init__(
        self, bad: BadRows, clock: Clock, rows: int, *, by_id: bool, by_skill: bool, merge: bool
    ) -> None:
        self.merged = 0
        self._few = rows // FEW if bad.action == "error" else 0
        self._alike: dict[str, list[NDArray[np.int64]]] = {}
        self._bad, self._clock = bad, clock
        self._by_id, self._by_skill, self._merge = by_id, by_skill, merge

    def first(self, row: NDArray[np.int64], table: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which rows tell an answer for the first time; shape (rows,).

        Args:
            row: The student of each row, whole students one after the other, each in order.
            table: The rows' columns.
        """
        keep = np.ones(len(row), bool)
        if self._by_id:
            self._same_id(row, table, keep)
        elif self._clock.tells_moment:
            self._same_moment(row, table, keep)
        elif self._by_skill:
            self._neighbours(row, table, keep)
        return keep

    def _same_id(
        self, row: NDArray[np.int64], table: dict[str, NDArray[Any]], keep: NDArray[np.bool_]
    ) -> None:
        order = np.lexsort((table["answer_id"], row))
        later, first = _runs(order, row, table["answer_id"])
        other = (table["item"][later] != table["item"][first]) | (
            table["correct"][later] != table["correct"][first]
        )
        self._report(
            "the answer id stands on rows with another item or mark",
            "Give as ⟦answer_id⟧ the column that numbers answers, or ⟦on_bad_row⟧ drop.",
            table["place"][later[other]],
        )
        keep[later] = False
        self.merged += int((~other).sum())

    def _same_moment(
        self, row: NDArray[np.int64], table: dict[str, NDArray[Any]], keep: NDArray[np.bool_]
    ) -> None:
        keys = [row, table["time"], table["item"], table["correct"]]
        # Rows stand in order of time: few have a neighbour of the same moment.
        same = (row[1:] == row[:-1]) & (table["time"][1:] == table["time"][:-1])
        beside = np.flatnonzero(np.append(same, False) | np.append(False, same))
        order = beside[np.lexsort([key[beside] for key in keys[::-1]])]
        later, first = _runs(order, *keys)
        if len(later) == 0:
            return
        keep[later] = False
        exact = np.ones(len(later), bool)
        if self._by_skill:
            # Among the few rows that repeat: is there an earlier one with the same skill too?
            some = np.unique(np.concatenate([first, later]))
            again, _ = _runs(
                some[np.lexsort([key[some] for key in [table["skill"], *keys[::-1]]])],
                *keys,
                table["skill"],
            )
            exact = np.isin(later, again)
        self._report(
            "the row is a duplicate: same student, item, time and mark as an earlier one",
            "Remove it, or give ⟦on_bad_row⟧ drop.",
            table["place"][later[exact]],
        )
        self._skill_rows(table["place"][later[~exact]])

    def _neighbours(
        self, row: NDArray[np.int64], table: dict[str, NDArray[Any]], keep: NDArray[np.bool_]
    ) -> None:
        """Without moments: rows in sequence with the same item and mark, but another skill."""
        if len(row) == 0:
            return
        same = np.ones(len(row) - 1, bool)
        for key in (row, table["item"], table["correct"]):
            same &= key[1:] == key[:-1]
        start = np.concatenate([[True], ~same])
        leader = np.maximum.accumulate(np.where(start, np.arange(len(row)), 0))
        # A run a, b, a, b is two answers with the skills a and b: one begins at each a.
        extra = table["skill"] != table["skill"][leader]
        keep[extra] = False
        self._skill_rows(table["place"][extra])

    def _skill_rows(self, place: NDArray[np.int64]) -> None:
        if self._merge:
            self.merged += len(place)
            return
        self._report(
            _SKILL_ROWS,
            "Give ⟦answer_id⟧ COLUMN or ⟦merge_skill_rows⟧ true: they become one answer.",
            place,
        )

    def _report(self, reason: str, remedy: str, place: NDArray[np.int64]) -> None:
        alike = self._alike.setdefault(reason, [])
        alike.append(place)
        if sum(map(len, alike)) > self._few:
            self._bad.add(reason, np.sort(np.concatenate(alike)), remedy)
            alike.clear()

    def finish(self) -> None:
        """Count the few rows that look like others, once all were seen."""
        for reason, alike in self._alike.items():
            if alike:
                self._bad.leave_out(reason, np.sort(np.concatenate(alike)))


def _runs(
    order: NDArray[np.int64], *keys: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that equal an earlier one in all keys, and the first such row of each.

    Args:
        order: Rows sorted by the keys, equal ones in their own order.
        keys: The keys by row.
    """
    if len(order) == 0:
        return order, order
    same = np.ones(len(order) - 1, bool)
    for key in keys:
        sorted_key = key[order]
        same &= sorted_key[1:] == sorted_key[:-1]
    start = np.concatenate([[True], ~same])
    leader = np.maximum.accumulate(np.where(start, np.arange(len(order)), 0))
    return order[~start], order[leader[~start]]
