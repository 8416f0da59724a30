"""The latest of what students did, as rows of numbers."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[Any]) -> str:
    """Return numbers as text."""
    return b64encode(values.tobytes()).decode()


def unpack(text: str, kind: Any) -> NDArray[Any]:
    """Return the numbers of a text, of a kind of numpy."""
    return np.frombuffer(b64decode(text), kind)


class Recent:
    """Keeps the latest rows, each of a student, in memory that does not grow.

    Args:
        columns: How many numbers a row has.
        most: How many rows are kept.
    """

    def __init__(self, columns: int, most: int) -> None:
        self._rows = np.empty((most, columns))
        self._who = np.empty(most, np.int64)
        self._added = 0
        self._number: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return min(self._added, len(self._rows))

    def add(self, student: str, *row: float) -> None:
        """Add a row; the oldest goes where there is no room."""
        if len(self._number) > 2 * len(self._rows):
            self._renumber()
        place = self._added % len(self._rows)
        self._rows[place] = row
        self._who[place] = self._number.setdefault(student, len(self._number))
        self._added += 1

    def forget(self, students: Collection[str]) -> None:
        """Drop the rows of students."""
        gone = [self._number.pop(student) for student in students if student in self._number]
        rows, who = self.rows()
        kept = ~np.isin(who, gone)
        self._put(rows[kept], who[kept])
        self._renumber()

    def drop_first(self, number: int) -> NDArray[np.float64]:
        """Drop the oldest rows, and return them; shape (number, columns)."""
        rows, who = self.rows()
        self._put(rows[number:], who[number:])
        return rows[:number]

    def rows(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return copies of the rows, the oldest first, and whose each is, as numbers."""
        if self._added <= len(self._rows):
            return self._rows[: self._added].copy(), self._who[: self._added].copy()
        begin = self._added % len(self._rows)
        return np.roll(self._rows, -begin, 0), np.roll(self._who, -begin)

    def packed(self) -> dict[str, Any]:
        """Return the rows as values of JSON; ``joined`` makes them of several again."""
        rows, who = self.rows()
        return {"columns": rows.shape[1], "rows": pack(rows), "who": pack(who)}

    @classmethod
    def joined(cls, packs: Sequence[Mapping[str, Any]]) -> "Recent":
        """Return the rows of several who have no student in common."""
        columns = packs[0]["columns"]
        rows = [unpack(p["rows"], np.float64).reshape(-1, columns) for p in packs]
        who, number = list[NDArray[np.int64]](), 0
        for p in packs:
            who.append(unpack(p["who"], np.int64) + number)
            number = int(who[-1].max(initial=number - 1)) + 1
        joined = cls(columns, max(1, sum(map(len, rows))))
        joined._put(np.concatenate(rows), np.concatenate(who))
        return joined

    def _put(self, rows: NDArray[np.float64], who: NDArray[np.int64]) -> None:
        self._added = len(rows)
        self._rows[: len(rows)], self._who[: len(rows)] = rows, who

    def _renumber(self) -> None:
        """Know only those by name of whom there are rows."""
        there, who = np.unique(self._who[: len(self)], return_inverse=True)
        self._who[: len(self)] = who
        place = {int(number): new for new, number in enumerate(there)}
        self._number = {name: place[n] for name, n in self._number.items() if n in place}
