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

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
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
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Reading
from torchedu.datasets.importers.reading.text import locate
from torchedu.errors import DataError, allowed

KINDS = (
    "registered", "left", "submitted", "transferred", "clicked", "outcome", "due", "starts", "ends",
)  # fmt: skip
TEXTS = ("student", "course", "presentation", "event", "work", "type", "value")
WITHDRAWN = "Withdrawn"
OWNERS = "that of the data's owner"
"""The licence where nobody says one."""
_DONE = {"submitted": SUBMITTED, "transferred": TRANSFERRED, "clicked": CLICKED}
_DAY_NS = 86_400e9


class EventLog(EventImporter):
    """A log of events."""

    name = "events"
    reads = "a CSV or Parquet file of courses' events, a row an event"
    suffixes = (".csv", ".parquet")
    in_folders = False
    licence = OWNERS

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file; see ``Importer.read``.

        Raises:
            DataError: A column is missing, an event is not known, or a value cannot be read.
        """
        source, file = locate(raw), Path(raw)
        try:
            table = pq.read_table(file) if file.suffix == ".parquet" else _csv(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"this log cannot be read: {str(error).splitlines()[0]}",
                "Give a CSV or Parquet file with the columns course, event and day.",
                file=file,
            ) from None
        return Reading(histories(table, file, bad), (source,), {})


def _csv(file: Path) -> pa.Table:
    with file.open(encoding="utf-8-sig") as stream:
        heading = [name.strip('"') for name in stream.readline().strip().split(",")]
    types = dict.fromkeys(heading, pa.string())
    options = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    return pa_csv.read_csv(file, convert_options=options)


def histories(table: pa.Table, file: Path, bad: BadRows) -> Iterator[History]:
    """Turn a log of events into what happened in its courses.

    Args:
        table: The log's columns; see above.
        file: Where the log came from.
        bad: What becomes of bad rows.

    Yields:
        One history.

    Raises:
        DataError: A column is missing, an event is not known, or a value cannot be read.
    """
    dropped = Counter[str]()
    texts, day, groups = _columns(table, file, bad, dropped)
    kind = texts["event"]
    lost = np.isnan(day) & (kind != "outcome")
    drop(dropped, "events without a day", lost.sum())
    of_student = ~np.isin(kind, ("due", "starts", "ends"))
    nobody = of_student & (texts["student"] == "")
    drop(dropped, "events of no student", nobody.sum())
    kept = ~lost & ~nobody
    texts = {name: column[kept] for name, column in texts.items()}
    groups = {name: column[kept] for name, column in groups.items()}
    kind, day, of_student = kind[kept], day[kept], of_student[kept]
    # A module in a presentation is a course.
    pairs = np.char.add(np.char.add(texts["course"], "\t"), texts["presentation"])
    names, first, course = np.unique(pairs, return_index=True, return_inverse=True)
    dated = "day" not in table.column_names
    starts = _begins(kind, day, course, len(names), dated)
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
        starts if dated else np.full(len(names), np.nan),
    )  # fmt: skip
    work, item = _work(texts, kind, day, course, courses)
    person = np.where(of_student, np.char.add(np.char.add(pairs, "\t"), texts["student"]), "")
    own = np.flatnonzero(of_student)
    _, begins, row = np.unique(person[own], return_index=True, return_inverse=True)
    size = len(begins)
    begin, end = np.full(size, np.nan), np.full(size, np.inf)
    outcome: list[str | None] = [None] * size
    place = np.full(len(kind), -1)
    place[own] = row
    came, went, ended = (kind == name for name in ("registered", "left", "outcome"))
    begin[place[came]], end[place[went]] = day[came], day[went]
    for i in place[went].tolist():
        outcome[i] = WITHDRAWN
    for i, value in zip(place[ended].tolist(), texts["value"][ended].tolist(), strict=True):
        outcome[i] = value or None
    student = texts["student"][own][begins]
    enrolments = Enrolments(
        student.tolist(), course[own][begins], outcome, begin, end,
        {name: _attribute(column[own], row, size) for name, column in groups.items()},
    )  # fmt: skip
    done = np.isin(kind, tuple(_DONE))
    value = _values(texts["value"][done], kind[done], file)
    events = Events(
        place[done], np.array([_DONE[name] for name in kind[done].tolist()], np.int64), day[done],
        np.where(kind[done] == "clicked", -1, item[done]), value,
    )  # fmt: skip
    yield History(courses, work, enrolments, events, (), dropped)


def drop(dropped: Counter[str], reason: str, rows: int) -> None:
    """Count rows that are left out, if there are any."""
    if rows:
        dropped[reason] += int(rows)


def without_headings(table: pa.Table, name: str, file: Path, dropped: Counter[str]) -> pa.Table:
    """Leave out the heading lines in the middle of a file, which hold a column's name itself."""
    again = pc.fill_null(pc.equal(pc.cast(table[name], pa.string()), name), False)
    drop(dropped, f"heading lines in the middle of {file.name}", pc.sum(again).as_py() or 0)
    return table.filter(pc.invert(again))


def _columns(
    table: pa.Table, file: Path, bad: BadRows, dropped: Counter[str]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64], dict[str, NDArray[Any]]]:
    """Return the columns as texts, the days, and the attributes of students."""
    present = set(table.column_names)
    missing = sorted({"course", "event"} - present) or (
        [] if present & {"day", "time"} else ["day"]
    )
    if missing:
        raise DataError(
            f"the log has no column {missing[0]!r}.",
            f"It needs course, event and day (or time); it has {', '.join(table.column_names)}.",
            file=file,
        )
    table = without_headings(table, "event", file, dropped)

    def text(name: str) -> NDArray[Any]:
        if name not in present:
            return np.full(table.num_rows, "")
        column = pc.fill_null(pc.cast(table[name], pa.string()), "")
        return np.asarray(column.to_pylist(), np.str_)

    event, places = text("event"), FileRows(bad, bad.places.file(str(file)))
    known = np.isin(event, KINDS)
    for name in dict.fromkeys(event[~known].tolist()):
        rows = np.flatnonzero(event == name) + 2
        places.refuse(f"the event {name!r} is not known", rows, allowed(name, KINDS))
    table = table.filter(pa.array(known))
    texts = {name: text(name) for name in TEXTS}
    name = "day" if "day" in present else "time"
    try:
        if name == "day":
            day = table[name].cast(pa.float64()).to_numpy()
        else:
            stamps = table[name].cast(pa.timestamp("ns")).cast(pa.int64())
            day = np.floor(stamps.cast(pa.float64(), safe=False).to_numpy() / _DAY_NS)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the column {name} cannot be read: {str(error).splitlines()[0]}",
            "A day is a number; a time is written as 2024-10-01T09:30:00.",
            file=file,
        ) from None
    others = [name for name in table.column_names if name not in (*TEXTS, "day", "time")]
    return texts, day.astype(np.float64), {name: text(name) for name in others}


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
        weight[item[row]] = float(texts["value"][row] or 1)
        type_[item[row]] = texts["type"][row] or "work"
    labels = [
        f"{courses.name[c]} {name.partition(chr(9))[2]}"
        for c, name in zip(of.tolist(), names.tolist(), strict=True)
    ]
    return Work(labels, of, type_.tolist(), due, weight), item


def _values(value: NDArray[Any], kind: NDArray[Any], file: Path) -> NDArray[np.float64]:
    """Return marks, and numbers of clicks."""
    try:
        numbers = np.array([float(text) if text else np.nan for text in value.tolist()], np.float64)
    except ValueError as error:
        raise DataError(
            f"a mark or number of clicks is no number: {error}", "Write .75 for 75 %.", file=file
        ) from None
    clicked = kind == "clicked"
    numbers[clicked & np.isnan(numbers)] = 1
    outside = ~clicked & ((numbers < 0) | (numbers > 1))
    if outside.any():
        raise DataError(
            f"a mark is {numbers[outside][0]:g}.",
            "Marks are shares of 0 to 1: divide by the highest that can be reached.",
            file=file,
        )
    return numbers


def _attribute(column: NDArray[Any], row: NDArray[np.int64], size: int) -> list[str | None]:
    """Return the group that a student's rows name last."""
    groups: list[str | None] = [None] * size
    for i, group in zip(row.tolist(), column.tolist(), strict=True):
        groups[i] = group or groups[i]
    return groups
