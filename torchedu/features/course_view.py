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

from torchedu.datasets.events import (
    CLICKED,
    EXAM,
    TEST,
    TRANSFERRED,
    Events,
    EventStore,
    Work,
)
from torchedu.features.course_work import WorkTable, running_sums, work_numbers
from torchedu.features.event_sums import event_sums
from torchedu.features.other_courses import other_courses, other_numbers
from torchedu.schema import (
    EVENT_KINDS,
    EVENT_NUMBERS,
    MODULE,
    MOMENT_NUMBERS,
    OTHER_NUMBERS,
    WORK_NUMBERS,
)

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

FIRST_DAY = -30
"""Earlier days count as this one."""
WEEK = 7
_PRIOR, _PRIOR_MARK = 5.0, 0.75  # marks that an item is taken to have before it has any

REGISTERED, HANDED_IN, MARKED, MISSED, CREDITED, CLICKS = range(len(EVENT_KINDS))


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
    events, work, size = store.events, store.work, store.num_enrolments
    of_course = course[events.enrolment]
    others = other_courses(store, *moments)
    standing = np.zeros((len(others.moment), 2), np.float32)
    pieces, told = [], []
    for c in range(len(store.courses.name)):
        rows, asked = np.flatnonzero(course == c), np.flatnonzero(course[moments.enrolment] == c)
        if not len(rows):
            continue
        mine = Events(*(column[of_course == c] for column in events))
        one = _Course(store, c, rows, mine, work, mark_delay_days)
        pieces.append(one.events())
        told.append((asked, *one.at(moments.enrolment[asked], moments.day[asked])))
        beside = np.flatnonzero((course[others.enrolment] == c) & others.running)
        standing[beside] = one.standing(others.enrolment[beside], others.day[beside])
    enrolment, kind, day, about, numbers = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    order = np.lexsort((about, kind, day, enrolment))
    enrolment, kind, day, about = (column[order] for column in (enrolment, kind, day, about))
    numbers = numbers[order]
    offsets = np.searchsorted(enrolment, np.arange(size + 1))
    gap = np.diff(day, prepend=day[:1])
    gap[offsets[:-1][np.diff(offsets) > 0]] = 0
    numbers[:, EVENT_NUMBERS.index("gap")] = np.log1p(np.maximum(gap, 0))
    count = len(moments.day)
    moment = np.zeros((count, len(MOMENT_NUMBERS)), np.float32)
    registered, leaving = np.zeros(count, bool), np.zeros(count, bool)
    for asked, values, here, leaves in told:
        moment[asked], registered[asked], leaving[asked] = values, here, leaves
    at = MOMENT_NUMBERS.index(OTHER_NUMBERS[0])
    moment[:, at : at + len(OTHER_NUMBERS)] = other_numbers(
        store, moments.enrolment, others, standing, mark_delay_days
    )
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


class _Course:
    """One course: its students by day."""

    def __init__(
        self, store: EventStore, c: int, rows: Ids, events: Events, work: Work, delay: float
    ) -> None:
        self.rows = rows
        self.length = float(store.courses.length[c])
        self.begin = np.nan_to_num(store.column("begin")[rows].astype(np.float64), nan=FIRST_DAY)
        self.end = store.column("end")[rows].astype(np.float64)
        self.work = np.flatnonzero((work.course == c) & (np.array(work.type) != EXAM))
        self.is_test = np.array([one == TEST for one in work.type])[self.work]
        due, weight = work.due[self.work], work.weight[self.work]
        self.due = np.where(np.isnan(due), self.length, due)
        total = weight.sum()  # where no work carries weight, all work carries the same
        self.weight = weight / total if total > 0 else np.full(len(weight), 1 / max(len(weight), 1))
        self.days = np.arange(FIRST_DAY, int(self.length) + 2)
        local = np.full(len(work.course), -1)
        local[self.work] = np.arange(len(self.work))
        place = np.full(store.num_enrolments, -1)
        place[rows] = np.arange(len(rows))
        w = np.where(events.work >= 0, local[events.work], -1)
        handed = (w >= 0) & (events.kind != CLICKED)
        self.row, self.item = place[events.enrolment[handed]], w[handed]
        self.credited = events.kind[handed] == TRANSFERRED
        day = events.day[handed]
        self.day = np.where(self.credited, np.minimum(day, 0), day)
        self.mark = events.value[handed]
        self.known = self.day + np.where(self.credited, 0, delay)
        self.marked = ~np.isnan(self.mark)
        clicked = events.kind == CLICKED
        self._clicks(place[events.enrolment[clicked]], events.day[clicked], events.value[clicked])
        self._by_day()

    def _clicks(self, row: Ids, day: NDArray[np.float64], clicks: NDArray[np.float64]) -> None:
        """Sum clicks by week; a week's are known on its last day."""
        week = np.floor(np.clip(day, FIRST_DAY, None) / WEEK).astype(np.int64)
        shift = week.min(initial=0)
        key, inverse = np.unique(row * 1000 + (week - shift), return_inverse=True)
        self.click_row = key // 1000
        self.click_day = ((key % 1000 + shift) * WEEK + WEEK - 1).astype(np.float64)
        self.click_sum = np.log1p(np.bincount(inverse, clicks, len(key)))

    def _at(self, day: NDArray[np.float64]) -> Ids:
        index: Ids = (np.clip(np.ceil(day), FIRST_DAY, self.days[-1]) - FIRST_DAY).astype(np.int64)
        return index

    def _sum(self, row: Ids, day: NDArray[np.float64], value: NDArray[np.float64]) -> Floats:
        """Sum values by student up to each day; shape (students, days)."""
        sums = np.zeros((len(self.rows), len(self.days)), np.float32)
        np.add.at(sums, (row, self._at(day)), value)
        summed: Floats = sums.cumsum(1)
        return summed

    def _by_day(self) -> None:
        own = ~self.credited
        late = np.clip(self.day - self.due[self.item], -14, 30) / WEEK * self.weight[self.item]
        first = np.full((len(self.rows), len(self.work)), np.inf)
        np.minimum.at(first, (self.row, self.item), self.day)
        self.missed_row, self.missed = np.nonzero(first > self.due)
        after, lost = self.due[self.missed] + 1, self.weight[self.missed]
        got = self.marked
        self.score = self._sum(
            self.row[got], self.known[got], (self.weight[self.item] * self.mark)[got]
        )
        self.missing = self._sum(self.missed_row, after, lost)
        self.num_missed = self._sum(self.missed_row, after, np.ones_like(lost))
        self.num_handed = self._sum(self.row, self.day, np.ones(len(self.row)))
        self.lateness = self._sum(self.row[own], self.day[own], late[own])
        self.clicks = self._sum(self.click_row, self.click_day, self.click_sum)
        begun = self.begin[:, None] <= self.days
        self.here = begun & (self.end[:, None] > self.days)
        self.count = self.here.sum(0)
        self.weight_due = self._due(self.weight)
        self.beside = {
            name: self._beside(getattr(self, name)) for name in ("score", "missing", "lateness")
        }
        spread = self.clicks - self._mean(self.clicks)
        self.clicks_beside = spread / (np.abs(spread).mean(0) + 1)

    def _ahead(self) -> NDArray[np.float64]:
        """Return the share that had handed in the same by then, for all work of one's own."""
        own = ~self.credited
        among = running_sums(self.item[own], self.day[own], np.ones(int(own.sum())))[0]
        share: NDArray[np.float64] = among / np.maximum(self.count[self._at(self.day[own])], 1)
        return share

    def _tables(self) -> list[WorkTable]:
        """Return the work that tutors mark, and the tests."""
        shape = (len(self.rows), len(self.work))
        handed, known = np.full((2, *shape), np.inf)
        mark, ahead = np.zeros((2, *shape))
        own = np.ones(shape, bool)
        place, marked = (self.row, self.item), self.marked
        np.minimum.at(handed, place, self.day)
        np.minimum.at(known, (self.row[marked], self.item[marked]), self.known[marked])
        mark[self.row[marked], self.item[marked]] = self.mark[marked]
        ahead[place[0][~self.credited], place[1][~self.credited]] = self._ahead()
        own[place] = ~self.credited
        order = np.argsort(self.due, kind="stable")
        parts = [order[~self.is_test[order]], order[self.is_test[order]]]
        return [
            WorkTable(
                self.due[i], self.weight[i], handed[:, i], known[:, i], mark[:, i], ahead[:, i],
                own[:, i],
            )
            for i in parts
        ]  # fmt: skip

    def _due(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.cumsum(
            np.bincount(self._at(self.due), value, len(self.days))
        )
        return sums

    def _mean(self, table: Floats) -> Floats:
        mean: Floats = (table * self.here).sum(0) / np.maximum(self.count, 1)
        return mean

    def _beside(self, table: Floats) -> tuple[Floats, Floats]:
        """Return the distance from those in the course on each day, in spreads, and the rank."""
        mean = self._mean(table)
        spread = np.sqrt(self._mean((table - mean) ** 2)) + 0.02
        rank = np.zeros_like(table)
        for t in range(len(self.days)):
            others = np.sort(table[self.here[:, t], t])
            if len(others):
                below = np.searchsorted(others, table[:, t], "left")
                below = below + np.searchsorted(others, table[:, t], "right")
                rank[:, t] = below / (2 * len(others)) - 0.5
        return np.clip((table - mean) / spread, -4, 4).astype(np.float32), 2 * rank

    def events(self) -> tuple[Ids, Ids, NDArray[np.float64], Ids, Floats]:
        """Return enrolment, kind, day, work and numbers of all events."""
        own, got = ~self.credited, ~self.credited & self.marked
        ahead = self._ahead()
        total, number = running_sums(self.item[got], self.known[got], self.mark[got])
        expected = (total + _PRIOR * _PRIOR_MARK) / (number + _PRIOR)
        parts = (
            self._table(
                REGISTERED, np.arange(len(self.rows)), self.begin, registration=self.begin / 100
            ),
            self._table(
                HANDED_IN, self.row[own], self.day[own], self.item[own],
                days_late=np.clip((self.day - self.due[self.item])[own] / WEEK, -4, 6),
                share_handed_in=ahead,
            ),
            self._table(
                MARKED, self.row[got], self.known[got], self.item[got],
                mark=self.mark[got], failed=self.mark[got] < 0.4,
                mark_beside_others=4 * (self.mark[got] - expected),
            ),
            self._table(MISSED, self.missed_row, self.due[self.missed] + 1, self.missed),
            self._table(
                CREDITED, self.row[~own], self.day[~own], self.item[~own],
                mark=np.nan_to_num(self.mark[~own]),
            ),
            self._table(
                CLICKS, self.click_row, self.click_day, clicks=self.click_sum / 5,
                clicks_beside_others=self.clicks_beside[
                    self.click_row, self._at(self.click_day)
                ],
            ),
        )  # fmt: skip
        row, kind, day, item, numbers = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        kept = (day < self.end[row]) & (day <= self.length)
        about = np.where(item >= 0, self.work[item] if len(self.work) else -1, -1)
        return self.rows[row][kept], kind[kept], day[kept], about[kept], numbers[kept]

    def _table(
        self,
        kind: int,
        row: Ids,
        day: NDArray[np.float64],
        item: Ids | None = None,
        **numbers: NDArray[Any],
    ) -> tuple[Ids, Ids, NDArray[np.float64], Ids, Floats]:
        t = self._at(day)
        (standing, rank), (missing, missing_rank) = self.beside["score"], self.beside["missing"]
        numbers |= {
            EVENT_KINDS[kind]: np.ones(len(row)),
            "day": day / 100,
            "standing": standing[row, t],
            "rank": rank[row, t],
            "missing": missing[row, t],
            "missing_rank": missing_rank[row, t],
        }
        if item is not None:
            numbers |= {
                "tests": self.is_test[item],
                "weight": 4 * self.weight[item],
                "due": self.due[item] / self.length,
            }
        table = np.zeros((len(row), len(EVENT_NUMBERS)), np.float32)
        for name, values in numbers.items():
            table[:, EVENT_NUMBERS.index(name)] = values
        where = np.full(len(row), -1) if item is None else item
        return row, np.full(len(row), kind), day, where, table

    def standing(self, enrolment: Ids, day: NDArray[np.float64]) -> Floats:
        """Return how students stand by score and by missed work; shape (moments, 2)."""
        row, t = np.searchsorted(self.rows, enrolment), self._at(day)
        return np.stack([self.beside[name][1][row, t] for name in ("score", "missing")], 1)

    def at(
        self, enrolment: Ids, day: NDArray[np.float64]
    ) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the numbers of moments, and whether their students are here, and leaving."""
        row = np.searchsorted(self.rows, enrolment)
        # Rounded down: what happens later on a day is not known within it.
        t = self._at(np.floor(day))
        due, score, missing = self.weight_due[t], self.score[row, t], self.missing[row, t]
        numbers = {
            "elapsed": day / self.length,
            "score": score,
            "score_of_due": np.where(due > 0, np.clip(score / np.maximum(due, 0.02), 0, 2), 0),
            "missing": missing,
            "num_missed": self.num_missed[row, t] / 5,
            "num_handed_in": self.num_handed[row, t] / 5,
            "lateness": self.lateness[row, t],
            "standing": self.beside["score"][0][row, t],
            "rank": self.beside["score"][1][row, t],
            "missing_beside_others": self.beside["missing"][0][row, t],
            "missing_rank": self.beside["missing"][1][row, t],
            "lateness_beside_others": self.beside["lateness"][0][row, t],
            "lateness_rank": self.beside["lateness"][1][row, t],
            "registration": self.begin[row] / 100,
            "clicks_beside_others": self.clicks_beside[row, t],
        }
        table = np.zeros((len(row), len(MOMENT_NUMBERS)), np.float32)
        for name, values in numbers.items():
            table[:, MOMENT_NUMBERS.index(name)] = values
        # Moments of a course most often share their days: its students are compared once a day.
        first, tables = len(MOMENT_NUMBERS) - 2 * len(WORK_NUMBERS), self._tables()
        days, of_day = np.unique(np.floor(day), return_inverse=True)
        for i, one in enumerate(days):
            asked = of_day == i
            now = (self.begin <= one) & (self.end > one)
            both = np.concatenate([work_numbers(kind, now, one) for kind in tables], 1)
            table[asked, first:] = both[row[asked]]
        here = (self.begin[row] <= day) & (self.end[row] > day)
        return table, here, here & (self.end[row] <= day + WEEK)
