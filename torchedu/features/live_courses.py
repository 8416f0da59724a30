"""Courses that are going on: what is known of their students, kept up to date event by event.

Each event changes what it is about, and no more: its cost does not grow with what came before.
What a view then tells equals that of ``course_view.view`` on a store of the same events, to the
last bit, in whatever order they came. An event is known by its student, course, kind, work and day:
told again it changes nothing, with another value it corrects the first, and it may be taken back.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.events import Work
from torchedu.features.course import (
    FIRST_DAY,
    SCALE,
    SUMS,
    WEEK,
    Clicked,
    Course,
    Handed,
    Ids,
    Pieces,
    expected_mark,
    steps,
)
from torchedu.features.course_view import Moments, View, put_together
from torchedu.features.other_courses import Enrolled, other_courses, other_numbers

Key = tuple[int, bool, float]  # piece, whether it was taken over, and day


class _Marks:
    """The marks of one piece of work, in the order in which they are known."""

    def __init__(self) -> None:
        self.day: list[float] = []
        self.mark: list[int] = []

    def change(self, day: float, mark: int, more: bool) -> None:
        """Add a mark, or take it away again."""
        if more:
            at = bisect_right(self.day, day)
            self.day.insert(at, day)
            self.mark.insert(at, mark)
            return
        at = bisect_right(self.day, day) - 1
        while self.mark[at] != mark:
            at -= 1
        del self.day[at], self.mark[at]

    def expected(self, day: float) -> float:
        """Return the mean mark by a day."""
        number = bisect_right(self.day, day)
        return float(expected_mark(sum(self.mark[:number]) / SCALE, number))


class LiveCourse(Course):
    """A course whose events come one by one.

    Args:
        length: Its days.
        pieces: Its work.
        delay: How many days after work is handed in its mark is known.
    """

    def __init__(self, length: float, pieces: Pieces, delay: float) -> None:
        super().__init__(length, pieces, delay)
        size = len(pieces.id)
        self.names: list[str] = []
        self._order: Ids | None = None
        self._entries: list[dict[Key, float]] = []
        self._clicks: list[dict[int, dict[float, float]]] = []
        self._days: list[list[float]] = [[] for _ in range(size)]
        self._marks = [_Marks() for _ in range(size)]
        self._room: dict[str, NDArray[Any]] = {
            "begin": np.zeros(0), "end": np.zeros(0), "own": np.ones((0, size), bool),
            **{name: np.zeros((0, size)) for name in ("handed", "known", "mark")},
            **{name: np.zeros((len(self.days), 0), np.int64) for name in SUMS},
        }  # fmt: skip
        self._show()

    @property
    def order(self) -> Ids:
        """The students in the order of their names; see ``Course``."""
        if self._order is None:
            self._order = np.argsort(np.array(self.names), kind="stable")
        return self._order

    def enrol(self, name: str, begin: float, end: float) -> int:
        """Take in a student.

        Args:
            name: The student's name.
            begin: Day of registration; NaN where it is not known.
            end: Day of leaving, infinite for none.

        Returns:
            The student's row.
        """
        row = len(self.names)
        if row == len(self._room["begin"]):
            self._grow(max(16, 2 * row))
        self.names.append(name)
        self._order = None
        self._entries.append({})
        self._clicks.append({})
        self._show()
        self.come(row, begin, end)
        self.handed[row] = self.known[row] = np.inf
        self.mark[row], self.own[row] = 0, True
        for piece in np.flatnonzero(np.isfinite(self.pieces.due)).tolist():
            self._miss(row, piece, 1)
        return row

    def come(self, row: int, begin: float, end: float) -> None:
        """Say when a student came and left."""
        self.begin[row] = FIRST_DAY if np.isnan(begin) else np.float32(begin)
        self.end[row] = np.float32(end)

    def hand_in(self, row: int, piece: int, day: float, mark: float | None, credited: bool) -> None:
        """Say that a student handed work in, or takes it over; again, with the mark as it is now.

        Args:
            row: Whose.
            piece: The work.
            day: When.
            mark: The mark, 0..1; NaN where there is none, None where all is taken back.
            credited: Whether it is taken over from an earlier course.
        """
        day = float(np.float32(day))
        key = piece, credited, min(day, 0.0) if credited else day
        before = self._entries[row].pop(key, None)
        if before is not None:
            self._count(row, key, before, -1)
        if mark is not None:
            after = float(np.float32(mark))
            self._entries[row][key] = after
            self._count(row, key, after, 1)
        self._first(row, piece)

    def click(self, row: int, day: float, clicks: float) -> None:
        """Say how often a student clicked on a day, in all."""
        day = float(np.float32(day))
        week = int(np.floor(max(day, FIRST_DAY) / WEEK))
        days = self._clicks[row].setdefault(week, {})
        before = self._logged(days)
        days[day] = float(np.float32(clicks))
        change = steps(self._logged(days)) - steps(before)
        self.sums["clicks"][self._from(week * WEEK + WEEK - 1), row] += change

    def handed_in(self, rows: Ids) -> Handed:
        """Return what some students have handed in; see ``Course``."""
        dates = [
            (row, *key, mark)
            for row in rows.tolist()
            for key, mark in sorted(
                self._entries[row].items(),
                key=lambda entry: (entry[0][0], entry[0][2], entry[0][1]),
            )
        ]
        table = np.array(dates, np.float64).reshape(len(dates), 5)
        row, piece = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        credited, day, mark = table[:, 2] > 0, table[:, 3], table[:, 4]
        share, expected = np.full((2, len(dates)), np.nan)
        days, of_day = np.unique(self.at_day(day), return_inverse=True)
        count = np.maximum(self.count(days), 1)[of_day]
        for i in np.flatnonzero(~credited).tolist():
            share[i] = bisect_right(self._days[piece[i]], day[i]) / count[i]
            if mark[i] == mark[i]:
                expected[i] = self._marks[piece[i]].expected(day[i] + self.delay)
        return Handed(row, piece, credited, day, mark, share, expected)

    def clicked(self, rows: Ids) -> Clicked:
        """Return the weeks in which some students clicked; see ``Course``."""
        dates = [
            (row, week * WEEK + WEEK - 1, self._logged(days))
            for row in rows.tolist()
            for week, days in sorted(self._clicks[row].items())
        ]
        table = np.array(dates, np.float64).reshape(len(dates), 3)
        return Clicked(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])

    def _logged(self, days: Mapping[float, float]) -> float:
        return float(np.log1p(sum(int(steps(clicks)) for clicks in days.values()) / SCALE))

    def _from(self, day: float) -> slice:
        return slice(int(self.at_day(day)), None)

    def _count(self, row: int, key: Key, mark: float, sign: int) -> None:
        """Count an entry, or take it away again."""
        piece, credited, day = key
        known = day + (0 if credited else self.delay)
        self.sums["num_handed"][self._from(day), row] += sign * steps(1.0)
        if not credited:
            self.sums["lateness"][self._from(day), row] += sign * steps(self.late(piece, day))
            days = self._days[piece]
            at = bisect_right(days, day)
            if sign > 0:
                days.insert(at, day)
            else:
                del days[at - 1]
        if mark == mark:
            won = steps(self.pieces.weight[piece] * mark)
            self.sums["score"][self._from(known), row] += sign * won
            if not credited:
                self._marks[piece].change(known, int(steps(mark)), sign > 0)

    def _first(self, row: int, piece: int) -> None:
        """Find what a student handed in first of a piece, and the mark that is known first."""
        mine = [(key, mark) for key, mark in self._entries[row].items() if key[0] == piece]
        was_missed = self.handed[row, piece] > self.pieces.due[piece]
        day, own = min(((key[2], not key[1]) for key, _ in mine), default=(np.inf, True))
        self.handed[row, piece], self.own[row, piece] = day, own
        known = [
            (key[2] + (0 if key[1] else self.delay), not key[1], mark)
            for key, mark in mine
            if mark == mark
        ]
        first = min(known, default=(np.inf, True, 0.0))
        self.known[row, piece], self.mark[row, piece] = first[0], first[2]
        self._miss(row, piece, int(day > self.pieces.due[piece]) - int(was_missed))

    def _miss(self, row: int, piece: int, change: int) -> None:
        if change:
            after = self._from(self.pieces.due[piece] + 1)
            self.sums["missing"][after, row] += change * steps(self.pieces.weight[piece])
            self.sums["num_missed"][after, row] += change * steps(1.0)

    def _grow(self, size: int) -> None:
        for name, table in self._room.items():
            shape = (size, *table.shape[1:]) if name not in SUMS else (len(table), size)
            new = np.zeros(shape, table.dtype)
            new[tuple(slice(length) for length in table.shape)] = table
            self._room[name] = new

    def _show(self) -> None:
        """Show the part of the room that students fill."""
        size = len(self.names)
        room = {n: x[:, :size] if n in SUMS else x[:size] for n, x in self._room.items()}
        self.sums = {name: room[name] for name in SUMS}
        self.begin, self.end, self.own = room["begin"], room["end"], room["own"]
        self.handed, self.known, self.mark = room["handed"], room["known"], room["mark"]


class Running(NamedTuple):
    """A course that is going on, with its module and the date of its day 0, in days since 1970."""

    course: LiveCourse
    module: str
    begins: float
    work: dict[str, int]


class LiveCourses:
    """Courses that are going on, and their students by name.

    Args:
        delay: How many days after work is handed in its mark is known.
    """

    def __init__(self, delay: float = 0) -> None:
        self.delay = delay
        self.running: dict[str, Running] = {}
        self._rows: dict[str, dict[str, int]] = {}
        self._begin: dict[tuple[str, str], float] = {}
        self._at_risk: dict[tuple[str, str], float] = {}

    def course(self, name: str, module: str, length: float, begins: float, work: Work) -> None:
        """Add a course.

        Args:
            name: Its name.
            module: Its module.
            length: Its days.
            begins: The date of its day 0, in days since 1970; NaN where it is not known.
            work: Its work, of course 0.
        """
        work = work._replace(
            due=work.due.astype(np.float32).astype(np.float64),
            weight=work.weight.astype(np.float32).astype(np.float64),
        )
        length = float(np.float32(length))
        pieces = Pieces.of(work, 0, length)
        places = {work.name[id]: place for place, id in enumerate(pieces.id.tolist())}
        course = LiveCourse(length, pieces, self.delay)
        self.running[name] = Running(course, module, begins, places)

    def courses_of(self, student: str) -> Sequence[str]:
        """Return the courses of a student, in the order in which they became known."""
        return tuple(self._rows.get(student, ()))

    def enrol(self, student: str, course: str, begin: float, end: float) -> None:
        """Take a student into a course; see ``LiveCourse.enrol``."""
        row = self.running[course].course.enrol(student, begin, end)
        self._rows.setdefault(student, {})[course] = row
        self._begin[student, course] = float(np.float32(begin))

    def come(
        self, student: str, course: str, begin: float | None = None, end: float | None = None
    ) -> None:
        """Say when a student came to a course, or left; what is None stays as it is."""
        here, row = self.running[course].course, self._rows[student][course]
        if begin is not None:
            self._begin[student, course] = float(np.float32(begin))
        end = float(here.end[row]) if end is None else end
        here.come(row, self._begin[student, course], end)

    def hand_in(
        self, student: str, course: str, piece: int, day: float, mark: float | None, credited: bool
    ) -> None:
        """Say that a student handed work in; see ``LiveCourse.hand_in``."""
        row = self._rows[student][course]
        self.running[course].course.hand_in(row, piece, day, mark, credited)

    def click(self, student: str, course: str, day: float, clicks: float) -> None:
        """Say how often a student clicked on a day; see ``LiveCourse.click``."""
        self.running[course].course.click(self._rows[student][course], day, clicks)

    def row(self, student: str, course: str) -> int | None:
        """Return the row of a student in a course; None of one who is not in it."""
        return self._rows.get(student, {}).get(course)

    def end_with(self, student: str, course: str, at_risk: float) -> None:
        """Say how a course ended for a student: 1 badly, 0 well, NaN for not yet."""
        self._at_risk[student, course] = at_risk

    def view(self, student: str, course: str, days: Sequence[float]) -> View:
        """Return the view of one student in a course on some days, in ascending order."""
        names = self.courses_of(student)
        running = [self.running[name] for name in names]
        rows = [self._rows[student][name] for name in names]
        modules = list(dict.fromkeys(taken.module for taken in running))
        known = Enrolled(
            np.zeros(len(names), np.int64),
            np.array([modules.index(taken.module) for taken in running]),
            np.array([taken.begins for taken in running]),
            np.array([taken.course.length for taken in running]),
            np.array([self._begin[student, name] for name in names]),
            np.array([taken.course.end[row] for taken, row in zip(running, rows, strict=True)]),
            np.array([self._at_risk.get((student, name), np.nan) for name in names]),
        )
        which, day = names.index(course), np.array(days, np.float64)
        moments = Moments(np.full(len(day), which), day)
        others = other_courses(known, *moments)
        standing = np.zeros((len(others.moment), 2), np.float32)
        for i in np.flatnonzero(others.running).tolist():
            other = int(others.enrolment[i])
            row = np.array([rows[other]])
            standing[i] = running[other].course.standing(row, others.day[i : i + 1])[0]
        elsewhere = other_numbers(known, moments.enrolment, others, standing, self.delay)
        here, row = running[which].course, np.array([rows[which]])
        events = here.events(row)
        moment, registered, leaving = here.at(np.repeat(row, len(day)), day)
        columns: list[NDArray[Any]] = [np.zeros(len(events[0]), np.int64), *events[1:]]
        moments = Moments(np.zeros(len(day), np.int64), day)
        return put_together(1, columns, moments, moment, elsewhere, registered, leaving)
