"""What is known of each student of a course on a given day, as numbers for models.

Cut off by construction: every number of a day is counted from rows of that day and before. A mark
is known ``mark_delay_days`` after the work was handed in; that a deadline has passed without the
work is an event of its own, the day after. Most numbers are relative to the course: the same score
means one thing where the others have more and another where they have less. Of the course alone
only its calendar is told (how far it is, when work is due): a mean mark would tell courses apart,
and next year's are others.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.events import CLICKED, TRANSFERRED, Events, EventStore
from torchedu.features.course import (
    FIRST_DAY,
    SCALE,
    SUMS,
    WEEK,
    Clicked,
    Course,
    Handed,
    Pieces,
    expected_mark,
    steps,
)
from torchedu.features.course_work import running_sums
from torchedu.features.event_sums import event_sums
from torchedu.features.other_courses import Enrolled, other_courses, other_numbers
from torchedu.schema import EVENT_NUMBERS, MODULE, MOMENT_NUMBERS, OTHER_NUMBERS

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


class Moments(NamedTuple):
    """When a risk is asked for.

    Attributes:
        enrolment: Row in the store, ascending; shape (moments,).
        day: The day, whose own rows are known; shape (moments,).
    """

    enrolment: Ids
    day: NDArray[np.float64]


class View(NamedTuple):
    """Events and moments as numbers.

    Attributes:
        event_offsets: Where each enrolment's events begin; shape (enrolments + 1,).
        event: Their numbers; shape (events, ``EVENT_NUMBERS``).
        event_kind: An index into ``EVENT_KINDS``; shape (events,).
        event_day: The day from which each is known.
        event_work: The work it is about, a row of the store's work; -1 for none.
        moment: The numbers of the moments asked for; shape (moments, ``MOMENT_NUMBERS``).
        seen: How many events of its enrolment are known at each moment; shape (moments,).
        registered: Whether the student is in the course on that day.
        leaving: Whether the student leaves within a week from then.
    """

    event_offsets: Ids
    event: Floats
    event_kind: Ids
    event_day: NDArray[np.float64]
    event_work: Ids
    moment: Floats
    seen: Ids
    registered: NDArray[np.bool_]
    leaving: NDArray[np.bool_]


def view(store: EventStore, moments: Moments, mark_delay_days: float = 0) -> View:
    """Return all events of a store and some moments as numbers.

    Args:
        store: The courses.
        moments: When risks are asked for.
        mark_delay_days: How long after work is handed in its mark is known.

    Returns:
        The numbers.
    """
    course = store.column("course").astype(np.int64)
    events, size, known = store.events, store.num_enrolments, Enrolled.of(store)
    of_course = course[events.enrolment]
    others = other_courses(known, *moments)
    standing = np.zeros((len(others.moment), 2), np.float32)
    pieces, names = [], []
    for c in range(len(store.courses.name)):
        rows, asked = np.flatnonzero(course == c), np.flatnonzero(course[moments.enrolment] == c)
        if not len(rows):
            continue
        mine = Events(*(column[of_course == c] for column in events))
        here = _StoredCourse(store, c, rows, mine, mark_delay_days)
        row, *numbers = here.events(np.arange(len(rows)))
        pieces.append((rows[row], *numbers))
        row = np.searchsorted(rows, moments.enrolment[asked])
        names.append((asked, *here.at(row, moments.day[asked])))
        beside = np.flatnonzero((course[others.enrolment] == c) & others.running)
        row = np.searchsorted(rows, others.enrolment[beside])
        standing[beside] = here.standing(row, others.day[beside])
    count = len(moments.day)
    moment = np.zeros((count, len(MOMENT_NUMBERS)), np.float32)
    registered, leaving = np.zeros(count, bool), np.zeros(count, bool)
    for asked, values, there, leaves in names:
        moment[asked], registered[asked], leaving[asked] = values, there, leaves
    elsewhere = other_numbers(known, moments.enrolment, others, standing, mark_delay_days)
    columns: list[NDArray[Any]] = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return put_together(size, columns, moments, moment, elsewhere, registered, leaving)


def put_together(
    size: int,
    events: list[NDArray[Any]],
    moments: Moments,
    moment: Floats,
    elsewhere: Floats,
    registered: NDArray[np.bool_],
    leaving: NDArray[np.bool_],
) -> View:
    """Put events in order and add what they sum up to at each moment.

    Args:
        size: How many enrolments there are.
        events: Enrolment, kind, day, work and numbers of each.
        moments: When risks are asked for.
        moment: The numbers of each that its course tells; the others are filled in.
        elsewhere: What other courses tell; shape (moments, ``OTHER_NUMBERS``).
        registered: As ``View`` has it.
        leaving: The same.
    """
    enrolment, kind, day, about, numbers = events
    order = np.lexsort((about, kind, day, enrolment))
    enrolment, kind, day, about, numbers = (column[order] for column in events)
    offsets = np.searchsorted(enrolment, np.arange(size + 1))
    gap = np.diff(day, prepend=day[:1])
    gap[offsets[:-1][np.diff(offsets) > 0]] = 0
    numbers[:, EVENT_NUMBERS.index("gap")] = np.log1p(np.maximum(gap, 0))
    at = MOMENT_NUMBERS.index(OTHER_NUMBERS[0])
    moment[:, at : at + len(OTHER_NUMBERS)] = elsewhere
    # Rank of (enrolment, day) among the events, in one search.
    span = 4096.0
    place = np.searchsorted(enrolment * span + day, moments.enrolment * span + moments.day, "right")
    seen = np.maximum(place - offsets[moments.enrolment], 0)
    last = np.maximum(offsets[moments.enrolment] + seen - 1, 0)
    since = np.where(seen > 0, moments.day - (day[last] if len(day) else 0), 0)
    moment[:, MOMENT_NUMBERS.index("days_since")] = np.log1p(np.maximum(since, 0)) / 2
    begin = offsets[moments.enrolment]
    summed = event_sums(kind, numbers, begin, begin + seen)
    moment[:, MOMENT_NUMBERS.index("marks") :][:, : summed.shape[1]] = summed
    return View(offsets, numbers, kind, day, about, moment, seen, registered, leaving)


def module_of(store: EventStore) -> Ids:
    """Return the module of each enrolment, an id of the vocabulary."""
    modules = np.asarray(store.values("courses", MODULE), np.int64)
    return modules[store.column("course")]


class _StoredCourse(Course):
    """A course of a store, counted as a whole."""

    def __init__(self, store: EventStore, c: int, rows: Ids, events: Events, delay: float) -> None:
        length = float(store.courses.length[c])
        super().__init__(length, Pieces.of(store.work, c, length), delay)
        begin = store.column("begin")[rows].astype(np.float64)
        self.begin = np.nan_to_num(begin, nan=FIRST_DAY)
        self.end = store.column("end")[rows].astype(np.float64)
        self._order = np.argsort(np.array(store.student_names(rows)), kind="stable")
        local = np.full(len(store.work.course) + 1, -1)
        local[self.pieces.id] = np.arange(len(self.pieces.id))
        place = np.full(store.num_enrolments, -1)
        place[rows] = np.arange(len(rows))
        row, piece = place[events.enrolment], local[events.work]
        clicked = events.kind == CLICKED
        self._clicked = self._weeks(row[clicked], events.day[clicked], events.value[clicked])
        handed = ~clicked & (piece >= 0)
        credited = events.kind[handed] == TRANSFERRED
        day = events.day[handed]
        day = np.where(credited, np.minimum(day, 0), day)
        self._handed = self._entries(
            row[handed], piece[handed], credited, day, events.value[handed]
        )
        self._by_day()

    @property
    def order(self) -> Ids:
        """The students in the order of their names; see ``Course``."""
        return self._order

    def handed_in(self, rows: Ids) -> Handed:
        """Return what some students have handed in; see ``Course``."""
        mine = np.isin(self._handed.row, rows)
        some: list[Any] = [column[mine] for column in self._handed]
        return Handed(*some)

    def clicked(self, rows: Ids) -> Clicked:
        """Return the weeks in which some students clicked; see ``Course``."""
        mine = np.isin(self._clicked.row, rows)
        some: list[Any] = [column[mine] for column in self._clicked]
        return Clicked(*some)

    def _weeks(self, row: Ids, day: NDArray[np.float64], clicks: NDArray[np.float64]) -> Clicked:
        """Sum clicks by week; a week's are known on its last day."""
        week = np.floor(np.clip(day, FIRST_DAY, None) / WEEK).astype(np.int64)
        shift = week.min(initial=0)
        key, inverse = np.unique(row * 1000 + (week - shift), return_inverse=True)
        total = np.zeros(len(key), np.int64)
        np.add.at(total, inverse, steps(clicks))
        last = (key % 1000 + shift) * WEEK + WEEK - 1
        return Clicked(key // 1000, last.astype(np.float64), np.log1p(total / SCALE))

    def _entries(
        self,
        row: Ids,
        piece: Ids,
        credited: NDArray[np.bool_],
        day: NDArray[np.float64],
        mark: NDArray[np.float64],
    ) -> Handed:
        """Put entries in order; of those of one day the last one counts."""
        order = np.lexsort((credited, day, piece, row))
        key = np.stack([row, piece, credited, day], 1)[order]
        last = np.append((key[1:] != key[:-1]).any(1), True)[: len(key)]
        order = order[last]
        row, piece, credited, day, mark = (x[order] for x in (row, piece, credited, day, mark))
        share, expected = np.full((2, len(row)), np.nan)
        own, got = ~credited, ~credited & ~np.isnan(mark)
        _, among = running_sums(piece[own], day[own], np.zeros(int(own.sum()), np.int64))
        days, of_day = np.unique(self.at_day(day[own]), return_inverse=True)
        share[own] = among / np.maximum(self.count(days), 1)[of_day]
        total, number = running_sums(piece[got], day[got] + self.delay, steps(mark[got]))
        expected[got] = expected_mark(total / SCALE, number)
        return Handed(row, piece, credited, day, mark, share, expected)

    def _by_day(self) -> None:
        row, piece, credited, day, mark, *_ = self._handed
        shape, own, got = (len(self.begin), len(self.pieces.id)), ~credited, ~np.isnan(mark)
        known = day + np.where(credited, 0, self.delay)
        self.handed, self.known = np.full((2, *shape), np.inf)
        self.mark, self.own = np.zeros(shape), np.ones(shape, bool)
        first = np.lexsort((own, day))[::-1]  # the first comes last, and stays
        self.handed[row[first], piece[first]] = day[first]
        self.own[row[first], piece[first]] = own[first]
        first = np.lexsort((own, known))[::-1]
        first = first[got[first]]
        self.known[row[first], piece[first]] = known[first]
        self.mark[row[first], piece[first]] = mark[first]
        late, lost = np.nonzero(self.handed > self.pieces.due)
        after, weight = self.pieces.due[lost] + 1, self.pieces.weight
        click = self._clicked
        terms = {
            "score": (row[got], known[got], (weight[piece] * mark)[got]),
            "missing": (late, after, weight[lost]),
            "num_missed": (late, after, np.ones(len(late))),
            "num_handed": (row, day, np.ones(len(row))),
            "lateness": (row[own], day[own], self.late(piece[own], day[own])),
            "clicks": (click.row, click.day, click.clicks),
        }
        self.sums = {name: self._sum(*terms[name]) for name in SUMS}

    def _sum(self, row: Ids, day: NDArray[np.float64], value: NDArray[np.float64]) -> Ids:
        """Sum values by student up to each day; shape (days, students)."""
        sums = np.zeros((len(self.days), len(self.begin)), np.int64)
        np.add.at(sums, (self.at_day(day), row), steps(value))
        return sums.cumsum(0)
