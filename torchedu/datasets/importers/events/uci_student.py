"""The UCI student performance data set: ``student-mat.csv`` or ``student-por.csv`` into a store.

Cortez and Silva, "Using Data Mining to Predict Secondary School Student Performance", FUBUTEC 2008,
https://doi.org/10.24432/C5TG7T; CC BY 4.0. A school year has three marks, 0 to 20. The first two
are work; the last is the outcome, failed below 10 as in the paper. The data has no dates: the year
is taken as 180 days, its marks as due at the end of each third.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import histories
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.clock import Clock
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.text import locate
from torchedu.errors import allowed
from torchedu.schema import GROUP

GROUPS = {"gender": "sex", "age": "age", "address": "address", "family": "famsize"}
"""Attributes of students by torchedu's names, with the headings that hold them."""
MARKS = ("G1", "G2", "G3")
DAYS, PASS, HIGHEST = 180, 10, 20


class UCIStudent(EventImporter):
    """One of the two files of the data set; each school is a course."""

    name = "uci_student"
    reads = "student-mat.csv or student-por.csv of UCI's student performance data"
    suffixes = ("student-mat.csv", "student-por.csv")
    in_folders = False
    citation = "Cortez and Silva, FUBUTEC 2008"
    licence = "CC BY 4.0"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file; see ``Importer.read``.

        Raises:
            DataError: A heading is missing, or a mark cannot be read.
        """
        source = locate(raw)
        table = Table(source, None, "utf-8")
        taken = {"school": "school", **{GROUP + n: h for n, h in GROUPS.items()}}
        taken |= {name: name for name in MARKS}
        for heading in taken.values():
            if heading not in table.headings:
                remedy = allowed(heading, table.headings)
                problem = f"no column is called {heading!r}."
                raise source.fault(problem, remedy, table.heading_row)
        rows = table.pieces(ColumnMap(taken, ()), bad)
        note = f"The data has no dates: a year is taken as {DAYS} days."
        pieces = histories(rows, bad, Clock(), events=_Years(bad))
        return Reading(pieces, (source,), taken, notes=(note,))


class _Years:
    """Turns rows, a student each, into a log of what happened in a year."""

    def __init__(self, bad: BadRows) -> None:
        self._bad = bad
        self._schools: set[str] = set()

    def __call__(self, piece: Piece) -> Iterator[Piece]:
        """Yield the events of some rows."""
        sieve, marks = Sieve(piece, self._bad), {}
        for name in MARKS:
            marks[name], wrong = values.numbers(piece.batch.column(name))
            wrong |= ~((marks[name] >= 0) & (marks[name] <= HIGHEST))
            remedy = f"The marks of this data set are from 0 to {HIGHEST}: correct the row."
            reason = f"{name} is no mark from 0 to {HIGHEST}"
            sieve.refuse(reason, wrong, column=name, remedy=remedy)
        school = values.names(piece.batch.column("school"))
        sieve.refuse("the school is missing", school.is_null().to_numpy(False))
        keep = pa.array(sieve.keep)
        batch, place = piece.batch.filter(keep), piece.place[sieve.keep]
        students = [f"student {self._bad.places.name(at)[1] - 1}" for at in place.tolist()]
        people = {GROUP + name: batch.column(GROUP + name) for name in GROUPS}
        people |= {"student": pa.array(students), "course": school.filter(keep)}
        outcome = np.where(marks["G3"][sieve.keep] < PASS, "Fail", "Pass")
        yield _piece("registered", 0, "", people, place)
        yield _piece("outcome", DAYS, "", {**people, "value": pa.array(outcome)}, place)
        new = sorted(set(people["course"].to_pylist()) - self._schools)
        self._schools.update(new)
        schools, first = {"course": pa.array(new, pa.string())}, place[: len(new)]
        for number, work in enumerate(MARKS[:2], 1):
            mark = pa.array(marks[work][sieve.keep] / HIGHEST)
            day = DAYS * number / 3
            yield _piece("submitted", day, work, {**people, "value": mark}, place)
            yield _piece("due", day, work, schools, first)
        yield _piece("ends", DAYS, "", schools, first)


def _piece(
    event: str, day: float, work: str, columns: Mapping[str, pa.Array], place: NDArray[np.int64]
) -> Piece:
    same = {"event": event, "day": float(day), "work": work}
    repeated = {name: pa.repeat(pa.scalar(value), len(place)) for name, value in same.items()}
    return Piece(pa.RecordBatch.from_pydict({**repeated, **columns}), place)
