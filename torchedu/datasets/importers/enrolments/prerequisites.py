"""Which courses require which: a CSV file of pairs."""

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.rows import BadRows, Places
from torchedu.datasets.importers.reading.text import locate
from torchedu.errors import allowed
from torchedu.schema import RESERVED, Names

COLUMNS = ("course", "requires")


class Prerequisites:
    """What each course requires.

    Args:
        pairs: Ids of a course and of one it requires; shape (pairs, 2).
        num_items: Number of course ids, the reserved ones included.
    """

    def __init__(self, pairs: NDArray[np.int64], num_items: int) -> None:
        self.pairs = np.unique(pairs, axis=0) if len(pairs) else pairs.reshape(0, 2)
        self.num_items = num_items

    def closed(
        self, student: NDArray[np.int64], item: NDArray[np.int64], num_students: int
    ) -> NDArray[np.bool_]:
        """Say which courses a student may not take yet.

        Args:
            student: The student of each enrolment, from 0; shape (enrolments,).
            item: Its course; shape (enrolments,).
            num_students: How many students there are.

        Returns:
            Where something required is missing; shape (num_students, num_items).
        """
        taken = np.zeros((num_students, self.num_items), bool)
        taken[student, item] = True
        closed = np.zeros_like(taken)
        for course, required in self.pairs.tolist():
            closed[:, course] |= ~taken[:, required]
        return closed


def read_prerequisites(path: str, courses: Names) -> Prerequisites:
    """Read a CSV file with the headings ``course`` and ``requires``, a pair a row.

    Args:
        path: The file; a course that requires several stands on several rows.
        courses: The courses' names.

    Returns:
        The pairs.

    Raises:
        DataError: A column is missing, a name is no course, or a course requires itself.
    """
    source = locate(path)
    table = Table(source, None, "utf-8")
    for name in COLUMNS:
        if name not in table.headings:
            remedy = allowed(name, table.headings)
            raise source.fault(f"no column is called {name!r}.", remedy, table.heading_row)
    bad = BadRows(Places())
    pairs = []
    for piece in table.pieces(ColumnMap({name: name for name in COLUMNS}, ()), bad):
        columns = [piece.batch.column(name).to_pylist() for name in COLUMNS]
        for *pair, place in zip(*columns, piece.place.tolist(), strict=True):
            ids = [courses.id((name or "").strip()) for name in pair]
            row = bad.places.name(place)[1]
            for name, id in zip(pair, ids, strict=True):
                if id < RESERVED:
                    remedy = allowed(name or "", courses, most=5)
                    raise source.fault(f"{name!r} is no course of the data.", remedy, row)
            if ids[0] == ids[1]:
                raise source.fault(f"{pair[0]!r} requires itself.", "Remove the row.", row)
            pairs.append(ids)
    return Prerequisites(np.array(pairs, np.int64), len(courses))
