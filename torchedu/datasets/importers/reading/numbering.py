"""Names to numbers while they are met; ids in natural order when all are known."""

import hashlib
from itertools import chain, repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import values
from torchedu.datasets.natural import natural_order
from torchedu.schema import GROUP, RESERVED, UNKNOWN, Names


class Numbering:
    """Gives every new name the next number, in the order names are met."""

    kept = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def encode(self, names: values.Encoded) -> NDArray[np.int32]:
        """Return each row's number, -1 where it has no name; shape (rows,)."""
        used = np.zeros(len(names.names) + 1, bool)
        used[names.code] = True
        known = self.numbers
        # Nearly all are known: those are looked up without a step of Python for each.
        numbers = map(known.get, map(str, names.names), repeat(-1))
        table = np.fromiter(chain(numbers, [-1]), np.int32, len(used))
        for i in np.flatnonzero(used[:-1] & (table[:-1] < 0)).tolist():
            table[i] = known.setdefault(str(names.names[i]), len(known))
        return table[names.code]

    def ordered(self) -> tuple[list[str], NDArray[np.int64]]:
        """Return the names in natural order, and the number of each."""
        names = list(self.numbers)
        order = natural_order(names)
        return [names[i] for i in order.tolist()], order


def inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each number in an order."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


class Groups:
    """A student attribute: the first value given for each student.

    Args:
        name: Its column, ``group.<attribute>``.
    """

    kept = ("_values", "_of", "_changed")

    def __init__(self, name: str) -> None:
        self.name = name
        self._values = Numbering()
        self._of = np.full(0, -1, np.int32)
        self._changed: set[int] = set()

    def take(self, student: NDArray[np.int32], column: pa.Array) -> None:
        """Take up some rows: each row's student and value."""
        value = self._values.encode(values.encoded(column))
        some = value >= 0
        student, value = student[some], value[some]
        if len(student) == 0:
            return
        if student.max() >= len(self._of):
            room = max(int(student.max()) + 1, 2 * len(self._of)) - len(self._of)
            self._of = np.append(self._of, np.full(room, -1, np.int32))
        who, first = np.unique(student, return_index=True)
        new = self._of[who] < 0
        self._of[who[new]] = value[first[new]]
        self._changed.update(student[self._of[student] != value].tolist())

    def finish(self, students: int) -> tuple[Names, NDArray[np.int32]]:
        """Return the values' names, and each student's id; 1 (unknown) where none was given."""
        names, order = self._values.ordered()
        ids = np.full(len(names) + 1, UNKNOWN, np.int32)
        ids[order] = RESERVED + np.arange(len(names), dtype=np.int32)
        of = np.append(self._of, np.full(max(students - len(self._of), 0), -1, np.int32))
        return Names(names), ids[of[:students]]

    def notes(self) -> list[str]:
        """Say how many students had more than one value."""
        if not self._changed:
            return []
        attribute = self.name[len(GROUP) :]
        return [
            f"{len(self._changed)} students have several values of {attribute}: the first counts."
        ]


def hashes(names: pa.StringArray) -> NDArray[np.uint64]:
    """Return a 64-bit number for each text, the same for the same text; shape (names,)."""
    encoded = names.dictionary_encode()
    table = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        for name in encoded.dictionary.to_pylist()
    ]
    index = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return np.append(np.array(table, np.uint64), np.uint64(0))[index]
