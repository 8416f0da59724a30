"""A log of what happened in courses, a row an event, into a store of events.

Each row has a ``course``, an ``event`` and when it was: a ``day`` of the course, or a ``time``, of
which the first in a course (``starts``, else what anyone did first) is its day 0.

| event | also | what it says |
|---|---|---|
| registered, left | student | when the student came, and went |
| submitted, transferred | student, work, value | handed in, with the mark, 0 to 1, or none |
| clicked | student, value | so many clicks; one where there is no value |
| outcome | student, value | how it ended, such as Pass or Fail |
| due | work, type, value | the last day of a piece of work, its type and its weight |
| starts, ends | | the course's first and last day |

A column ``presentation`` says in which year or term; later ones sort after earlier ones. Further
columns may be attributes of students.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.events import (
    CLICKED,
    SUBMITTED,
    TRANSFERRED,
    Courses,
    Enrolments,
    Events,
    Work,
)
from torchedu.datasets.importers.events.importer import EventImporter, History
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.clock import Clock, Timed, shown
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.dates import DAY
from torchedu.datasets.importers.reading.marks import Marked, Marks
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.tables import FILES, Delimited, Table
from torchedu.datasets.importers.reading.text import Source
from torchedu.errors import DataError, allowed
from torchedu.schema import ANSWER_COLUMNS, GROUP, Column

COLUMNS = (
    Column("course", True, "a name", ("course_id", "kurs", "curso", "cours", "课程")),
    Column("event", True, "what happened, such as submitted", ("event_type", "ereignis", "事件")),
    Column("student", False, "a name", ANSWER_COLUMNS[0].aliases),
    Column("presentation", False, "the year or term; later ones sort after earlier ones"),
    Column("day", False, "the day of the course, from 0: a number", ("tag", "día", "jour")),
    Column("time", False, "when it happened: a date and time, or a number",
           ("timestamp", "date", "zeit", "datum", "fecha", "时间")),
    Column("work", False, "the name of a piece of work", ("arbeit", "aufgabe", "abgabe")),
    Column("type", False, "its type, such as Exam"),
    Column("value", False, "a mark, a number of clicks, an outcome, or the work's weight",
           ("wert", "valor", "valeur")),
)  # fmt: skip
"""The columns of events in courses, a row an event; further ones are attributes of students."""
KINDS = (
    "registered", "left", "submitted", "transferred", "clicked", "outcome", "due", "starts", "ends",
)  # fmt: skip
TEXTS = ("student", "course", "presentation", "event", "work", "type", "value")
WITHDRAWN = "Withdrawn"
OWNERS = "that of the data's owner"
"""The licence where nobody says one."""
_DONE = {"submitted": SUBMITTED, "transferred": TRANSFERRED, "clicked": CLICKED}


@dataclass(kw_only=True)
class EventLog(Delimited, Timed, Marked, EventImporter):
    """A log of events."""

    name = "events"
    reads = "one or more CSV, Parquet or Excel files of courses' events, a row an event"
    suffixes = endings = FILES
    in_folders = False
    licence = OWNERS
    schema = COLUMNS

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Begin to read files; see ``Headed.of``."""
        reading = super().of(sources, bad)
        if not reading.columns.keys() & {"day", "time"}:
            raise sources[0].fault(
                "no column holds the day or the time.",
                "Name one with ⟦columns.day⟧ HEADING or ⟦columns.time⟧ HEADING.",
            )
        marks = self.marks(reading.decimal, "value")
        clock = self.clock(reading.unit)
        return reading._replace(pieces=histories(reading.pieces, bad, clock, marks))

    def match(self, table: Table) -> ColumnMap:
        """Return the columns of a table, those that nothing asks for as attributes of students."""
        taken, others = super().match(table)
        return ColumnMap({**taken, **{GROUP + name: name for name in others if name}}, ())


def histories(
    pieces: Iterable[Piece],
    bad: BadRows,
    clock: Clock,
    marks: Marks | None = None,
    events: Callable[[Piece], Iterable[Piece]] | None = None,
) -> Iterator[History | Piece]:
    """Turn a log of events into what happened in its courses.

    Args:
        pieces: The rows that are read.
        bad: What becomes of bad rows.
        clock: Reads the times.
        marks: Reads the marks.
        events: Returns what rows tell as those of a log, see above; as they are without it.

    Yields:
        The rows as they are read, then one history.

    Raises:
        DataError: An event is not known, or a value cannot be read.
    """
    rows = _Rows(bad, clock, marks or Marks(column="value"))
    for piece in pieces:
        for part in [piece] if events is None else events(piece):
            rows.take(part)
        yield piece
    yield rows.history()


class _Rows:
    """Takes rows piece by piece, checks them, then tells what happened."""

    def __init__(self, bad: BadRows, clock: Clock, marks: Marks) -> None:
        self.bad, self.clock, self.marks = bad, clock, marks
        self.dated = False
        self._size = 0
        self._texts: dict[str, list[str]] = {name: [] for name in TEXTS}
        self._groups: dict[str, list[str]] = {}
        self._kept: dict[str, list[NDArray[Any]]] = {}

    def take(self, piece: Piece) -> None:
        """Keep the good rows of a piece."""
        batch, sieve = piece.batch, Sieve(piece, self.bad)
        has = set(batch.schema.names)
        none = pa.nulls(batch.num_rows, pa.string())
        text = {
            name: pc.fill_null(values.names(batch.column(name)) if name in has else none, "")
            for name in (*TEXTS, *self._groups, *(name for name in has if name.startswith(GROUP)))
        }
        event = text["event"]
        known = pc.is_in(event, pa.array(KINDS)).to_numpy(False)
        for name in pc.unique(event.filter(pa.array(~known & sieve.keep))).to_pylist():
            those = pc.equal(event, name).to_numpy(False)
            sieve.refuse(f"the event {name!r} is not known", those, remedy=allowed(name, KINDS))
        is_ = {kind: pc.equal(event, kind).to_numpy(False) for kind in KINDS}
        sieve.refuse("the course is missing", pc.equal(text["course"], "").to_numpy(False))
        value = self._values(sieve, batch, is_)
        self.dated = "day" not in has
        if self.dated:
            time = self.clock.take(sieve, batch.column("time"))
            moment, kind = time.value, time.kind
        else:
            moment, wrong = values.numbers(batch.column("day"))
            sieve.refuse("the day is no number", wrong, column="day")
            kind = np.where(np.isnan(moment), values.MISSING, values.NUMBER).astype(np.uint8)
        lost = (kind == values.MISSING) & ~is_["outcome"]
        sieve.leave_out("events without a day", lost)
        of_course = is_["due"] | is_["starts"] | is_["ends"]
        nobody = pc.equal(text["student"], "").to_numpy(False)
        sieve.leave_out("events of no student", nobody & ~of_course)
        keep = pa.array(sieve.keep)
        for name, column in text.items():
            kept = self._texts if name in TEXTS else self._groups
            before = kept.setdefault(name, [""] * self._size)
            before += column.filter(keep).to_pylist()
        self._size += int(sieve.keep.sum())
        columns: dict[str, NDArray[Any]]
        columns = {"value": value, "moment": moment, "kind": kind, "place": piece.place}
        for name, number in columns.items():
            self._kept.setdefault(name, []).append(number[sieve.keep])
        if self.dated:
            self.clock.see(moment[sieve.keep], kind[sieve.keep])

    def _values(
        self, sieve: Sieve, batch: pa.RecordBatch, is_: dict[str, NDArray[np.bool_]]
    ) -> NDArray[np.float64]:
        """Return marks, numbers of clicks and weights, after refusing what is none."""
        if "value" not in batch.schema.names:
            return np.where(is_["clicked"], 1.0, np.nan)
        column = batch.column("value")
        marked = is_["submitted"] | is_["transferred"]
        value, wrong = values.numbers(column)
        for kind, noun in (("clicked", "number of clicks"), ("due", "weight")):
            off = is_[kind] & (wrong | (value < 0))
            sieve.refuse(f"the {noun} is no number from 0 on", off, column="value")
        none = pa.scalar(None, column.type)
        read = self.marks.read(pc.if_else(pa.array(marked), column, none))
        self.marks.refuse(sieve, read)
        value = np.where(marked, read.share, value)
        return np.where(is_["clicked"] & np.isnan(value), 1.0, value)

    def history(self) -> History:
        """Return what happened."""
        kept = {name: np.concatenate(parts) for name, parts in self._kept.items()}
        texts = {name: np.asarray(column, np.str_) for name, column in self._texts.items()}
        groups = {name: np.asarray(column, np.str_) for name, column in self._groups.items()}
        if not len(texts["event"]):
            raise DataError(
                "the log holds no events.", "Export it again.", file=self.bad.places.files[0]
            )
        kind, day, of_student = texts["event"], kept["moment"], texts["student"] != ""
        if self.dated:
            good, day = self._days(kept)
            texts, groups, kept = (
                {name: column[good] for name, column in columns.items()}
                for columns in (texts, groups, kept)
            )
            kind, day = kind[good], day[good]
        of_student = ~np.isin(kind, ("due", "starts", "ends"))
        # A module in a presentation is a course.
        pairs = np.char.add(np.char.add(texts["course"], "\t"), texts["presentation"])
        names, first, course = np.unique(pairs, return_index=True, return_inverse=True)
        starts = _begins(kind, day, course, len(names), self.dated)
        day = day - starts[course]
        last = np.zeros(len(names))
        known = ~np.isnan(day)
        np.maximum.at(last, course[known], day[known])
        ends = kind == "ends"
        last[course[ends]] = day[ends]
        module, presentation = texts["course"][first], texts["presentation"][first]
        courses = Courses(
            [" ".join(name.split("\t")).strip() for name in names.tolist()], module.tolist(),
            [name or "only" for name in presentation.tolist()], np.maximum(last, 1),
            starts if self.dated else np.full(len(names), np.nan),
        )  # fmt: skip
        work, item = _work(texts, kind, day, kept["value"], course, courses)
        person = np.where(of_student, np.char.add(np.char.add(pairs, "\t"), texts["student"]), "")
        own = np.flatnonzero(of_student)
        _, begins, row = np.unique(person[own], return_index=True, return_inverse=True)
        size = len(begins)
        begin, end = np.full(size, np.nan), np.full(size, np.inf)
        place = np.full(len(kind), -1)
        place[own] = row
        came, went, ended = (kind == name for name in ("registered", "left", "outcome"))
        begin[place[came]], end[place[went]] = day[came], day[went]
        outcome: list[str | None] = [None] * size
        for i in place[went].tolist():
            outcome[i] = WITHDRAWN
        for i, value in zip(place[ended].tolist(), texts["value"][ended].tolist(), strict=True):
            outcome[i] = value or None
        latest = np.flatnonzero(ended)[::-1]
        again = np.delete(latest, np.unique(place[latest], return_index=True)[1])[::-1]
        reason = "an outcome that a later row of the student's replaces"
        self.bad.leave_out(reason, kept["place"][again])
        student = texts["student"][own][begins]
        enrolments = Enrolments(
            student.tolist(), course[own][begins], outcome, begin, end,
            {
                name.removeprefix(GROUP): _attribute(column[own], row, size)
                for name, column in groups.items()
            },
        )  # fmt: skip
        done = np.isin(kind, tuple(_DONE))
        events = Events(
            place[done], np.array([_DONE[name] for name in kind[done].tolist()], np.int64),
            day[done], np.where(kind[done] == "clicked", -1, item[done]), kept["value"][done],
        )  # fmt: skip
        notes = [*(self.clock.notes if self.dated else ()), *self.marks.notes()]
        return History(courses, work, enrolments, events, (), {}, notes)

    def _days(self, kept: dict[str, NDArray[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which rows have a time that fits the others, and the day of each."""
        moment, kind = kept["moment"], kept["kind"]
        self.clock.decide(self.bad.places.files[0])
        timed = kind != values.MISSING
        off = timed & self.clock.breaks(moment, kind)
        for number in np.unique(kind[off]).tolist():
            those = np.flatnonzero(off & (kind == number))
            reason, remedy = self.clock.reason(number)
            value = shown(float(moment[those[0]]), number)
            self.bad.add(reason, kept["place"][those], remedy, value)
        good = timed & ~off
        day = np.full(len(moment), np.nan)
        day[good] = self.clock.milliseconds(moment[good], kind[good]) // DAY
        return ~off, day


def _begins(
    kind: NDArray[Any], day: NDArray[np.float64], course: NDArray[np.int64], size: int, dated: bool
) -> NDArray[np.float64]:
    """Return the first day of each course: 0 where days are given and none is told."""
    first = np.full(size, np.inf if dated else 0.0)
    if dated:
        active = ~np.isnan(day) & ~np.isin(kind, ("registered", "due"))
        np.minimum.at(first, course[active], day[active])
        earliest = np.full(size, np.inf)
        np.fmin.at(earliest, course, day)
        first = np.where(np.isinf(first), earliest, first)
    starts = kind == "starts"
    first[course[starts]] = day[starts]
    return first


def _work(
    texts: dict[str, NDArray[Any]],
    kind: NDArray[Any],
    day: NDArray[np.float64],
    value: NDArray[np.float64],
    course: NDArray[np.int64],
    courses: Courses,
) -> tuple[Work, NDArray[np.int64]]:
    """Return the pieces of work, and which of them each row is about."""
    about = np.isin(kind, ("due", "submitted", "transferred"))
    key = np.char.add(np.char.add(course.astype(np.str_), "\t"), texts["work"])
    names, first, piece = np.unique(key[about], return_index=True, return_inverse=True)
    item = np.full(len(kind), -1)
    item[about] = piece
    of = course[about][first]
    due, weight = np.asarray(courses.length)[of].astype(np.float64), np.ones(len(names))
    type_ = np.full(len(names), "work", dtype="U64")
    for row in np.flatnonzero(kind == "due").tolist():
        due[item[row]] = day[row]
        weight[item[row]] = 1 if np.isnan(value[row]) else value[row]
        type_[item[row]] = texts["type"][row] or "work"
    labels = [
        f"{courses.name[c]} {name.partition(chr(9))[2]}"
        for c, name in zip(of.tolist(), names.tolist(), strict=True)
    ]
    return Work(labels, of, type_.tolist(), due, weight), item


def _attribute(column: NDArray[Any], row: NDArray[np.int64], size: int) -> list[str | None]:
    """Return the group that a student's rows name last."""
    groups: list[str | None] = [None] * size
    for i, group in zip(row.tolist(), column.tolist(), strict=True):
        groups[i] = group or groups[i]
    return groups
