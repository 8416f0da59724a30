"""One course by day: what each student handed in, missed and clicked, and how all stand beside it.

Sums over days are kept as whole numbers, in steps of ``1 / SCALE``: they come out the same to the
last bit in whatever order the events came. Students are compared in the order of their names, so
that the comparison does too.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.events import EXAM, TEST, Work
from torchedu.features.course_work import WorkTable, work_numbers
from torchedu.schema import EVENT_KINDS, EVENT_NUMBERS, MOMENT_NUMBERS, WORK_NUMBERS

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Numbers = NDArray[Any]

FIRST_DAY = -30
"""Earlier days count as this one."""
WEEK = 7
SCALE = 2.0**32
SUMS = ("score", "missing", "num_missed", "num_handed", "lateness", "clicks")
"""What is summed up for each student from day to day."""
_PRIOR, _PRIOR_MARK = 5.0, 0.75  # marks that an item is taken to have before it has any

REGISTERED, HANDED_IN, MARKED, MISSED, CREDITED, CLICKS = range(len(EVENT_KINDS))


class Pieces(NamedTuple):
    """The work of a course that students see marks of: its exam is none of it.

    Attributes:
        id: A number of each, by which events tell of it; shape (pieces,).
        is_test: Whether a computer marks it.
        due: Its last day; the course's where it has none.
        weight: Its share of the course's mark; where no work carries weight, all carries the same.
    """

    id: Ids
    is_test: NDArray[np.bool_]
    due: Floats
    weight: Floats

    @classmethod
    def of(cls, work: Work, course: int, length: float) -> "Pieces":
        """Return those of one course.

        Args:
            work: The work of all courses.
            course: Its index.
            length: Its days.
        """
        id = np.flatnonzero((work.course == course) & (np.array(work.type) != EXAM))
        due, weight = work.due[id], work.weight[id]
        total = weight.sum()
        return cls(
            id,
            np.array([kind == TEST for kind in work.type], bool)[id],
            np.where(np.isnan(due), length, due),
            weight / total if total > 0 else np.full(len(weight), 1 / max(len(weight), 1)),
        )


class Handed(NamedTuple):
    """Work handed in, or taken over from an earlier course.

    Attributes:
        row: Whose; shape (entries,).
        piece: Which of the course's pieces.
        credited: Whether it is taken over.
        day: When; never after the first day where it is taken over.
        mark: The mark, 0..1; NaN for none.
        share: Of work of one's own, the share of the students there who had handed it in by then.
        expected: The mean mark of the piece by the day on which this one is known.
    """

    row: Ids
    piece: Ids
    credited: NDArray[np.bool_]
    day: Floats
    mark: Floats
    share: Floats
    expected: Floats


class Clicked(NamedTuple):
    """Weeks of clicks: row, last day, and the log of one more than there were."""

    row: Ids
    day: Floats
    clicks: Floats


class Course(ABC):
    """A course's students from day to day.

    Attributes:
        begin: The day on which each student came; shape (students,).
        end: The day on which each left, infinite for those who stayed.
        sums: For each of ``SUMS`` what each student has by each day; shape (days, students), int64.
        handed: The day each piece was handed in first, infinite for never; (students, pieces).
        known: The day on which a mark of it is known first, infinite for never.
        mark: That mark; 0 for none.
        own: Whether it was done in this course, not taken over.

    Args:
        length: Its days.
        pieces: Its work.
        delay: How many days after work is handed in its mark is known.
    """

    begin: Floats
    end: Floats
    sums: dict[str, Ids]
    handed: Floats
    known: Floats
    mark: Floats
    own: NDArray[np.bool_]

    def __init__(self, length: float, pieces: Pieces, delay: float) -> None:
        self.length, self.pieces, self.delay = length, pieces, delay
        self.days = np.arange(FIRST_DAY, int(length) + 2)
        due = np.bincount(self.at_day(pieces.due), pieces.weight, len(self.days))
        self.weight_due: Floats = np.cumsum(due)

    @property
    @abstractmethod
    def order(self) -> Ids:
        """The students in the order of their names; shape (students,)."""

    @abstractmethod
    def handed_in(self, rows: Ids) -> Handed:
        """Return what some students have handed in, by student, piece and day."""

    @abstractmethod
    def clicked(self, rows: Ids) -> Clicked:
        """Return the weeks in which some students clicked, by student and week."""

    def at_day(self, day: Numbers | float) -> Ids:
        """Return the places of days among ``days``, rounded up."""
        index: Ids = np.clip(np.ceil(day), FIRST_DAY, self.days[-1]).astype(np.int64) - FIRST_DAY
        return index

    def late(self, piece: Numbers | int, day: Numbers | float) -> Floats:
        """Return how late work is, weighed, in weeks."""
        weeks = np.clip(day - self.pieces.due[piece], -14, 30) / WEEK
        late: Floats = weeks * self.pieces.weight[piece]
        return late

    def count(self, t: Ids) -> Ids:
        """Return how many students are there on some days."""
        count: Ids = self._here(t).sum(1)
        return count

    def _here(self, t: Ids) -> NDArray[np.bool_]:
        day = self.days[t][:, None]
        here: NDArray[np.bool_] = (self.begin <= day) & (self.end > day)
        return here

    def values(self, name: str, row: Ids, t: Ids) -> Floats:
        """Return what students have by some days, one of each."""
        values: Floats = self.sums[name][t, row] / SCALE
        return values

    def beside(self, name: str, row: Ids, t: Ids) -> tuple[Floats, Floats]:
        """Return how students stand beside those there on a day.

        Args:
            name: What is compared, of ``SUMS``.
            row: Which students; shape (moments,).
            t: The place of the day of each.

        Returns:
            The distance from the mean in spreads, and the rank in -1..1.
        """
        day, of_day = np.unique(t, return_inverse=True)
        x, here = self._by_name(name, day)
        count = np.maximum(here.sum(1), 1)
        mean = (x * here).sum(1) / count
        spread = np.sqrt(((x - mean[:, None]) ** 2 * here).sum(1) / count) + 0.02
        own, rank = self.values(name, row, t), np.zeros(len(row))
        all_alike, alike = np.round(x, 6), np.round(own, 6)  # .1 and .2 are no less than .3
        for i in range(len(day)):
            others = np.sort(all_alike[i, here[i]])
            if len(others):
                mine = of_day == i
                below = np.searchsorted(others, alike[mine], "left")
                below = below + np.searchsorted(others, alike[mine], "right")
                rank[mine] = below / len(others) - 1
        return np.clip((own - mean[of_day]) / spread[of_day], -4, 4), rank

    def clicks_beside(self, row: Ids, t: Ids) -> Floats:
        """Return how far students' clicks are from those of the others on some days."""
        day, of_day = np.unique(t, return_inverse=True)
        x, here = self._by_name("clicks", day)
        mean = (x * here).sum(1) / np.maximum(here.sum(1), 1)
        spread = np.abs(x - mean[:, None]).mean(1) + 1
        beside: Floats = (self.values("clicks", row, t) - mean[of_day]) / spread[of_day]
        return beside

    def _by_name(self, name: str, t: Ids) -> tuple[Floats, NDArray[np.bool_]]:
        """Return what all have on some days, and who is there, in the order of their names."""
        x = self.sums[name][t].take(self.order, axis=1) / SCALE
        return x, self._here(t).take(self.order, axis=1)

    def events(self, rows: Ids) -> tuple[Ids, Ids, Floats, Ids, NDArray[np.float32]]:
        """Return row, kind, day, work and numbers of all events of some students."""
        work = self.handed_in(rows)
        own, got = ~work.credited, ~work.credited & ~np.isnan(work.mark)
        place, missed = np.nonzero(self.handed[rows] > self.pieces.due)
        clicked = self.clicked(rows)
        parts = (
            self._table(REGISTERED, rows, self.begin[rows], registration=self.begin[rows] / 100),
            self._table(
                HANDED_IN, work.row[own], work.day[own], work.piece[own],
                days_late=np.clip((work.day - self.pieces.due[work.piece])[own] / WEEK, -4, 6),
                share_handed_in=work.share[own],
            ),
            self._table(
                MARKED, work.row[got], work.day[got] + self.delay, work.piece[got],
                mark=work.mark[got], failed=work.mark[got] < 0.4,
                mark_beside_others=4 * (work.mark[got] - work.expected[got]),
            ),
            self._table(MISSED, rows[place], self.pieces.due[missed] + 1, missed),
            self._table(
                CREDITED, work.row[~own], work.day[~own], work.piece[~own],
                mark=np.nan_to_num(work.mark[~own]),
            ),
            self._table(
                CLICKS, clicked.row, clicked.day, clicks=clicked.clicks / 5,
                clicks_beside_others=self.clicks_beside(clicked.row, self.at_day(clicked.day)),
            ),
        )  # fmt: skip
        row, kind, day, piece, numbers = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        kept = (day < self.end[row]) & (day <= self.length)
        id = np.append(self.pieces.id, -1)[piece]
        return row[kept], kind[kept], day[kept], id[kept], numbers[kept]

    def _table(
        self, kind: int, row: Ids, day: Floats, piece: Ids | None = None, **numbers: Numbers
    ) -> tuple[Ids, Ids, Floats, Ids, NDArray[np.float32]]:
        t = self.at_day(day)
        (standing, rank), (missing, missing_rank) = (
            self.beside(name, row, t) for name in ("score", "missing")
        )
        numbers |= {
            EVENT_KINDS[kind]: np.ones(len(row)), "day": day / 100, "standing": standing,
            "rank": rank, "missing": missing, "missing_rank": missing_rank,
        }  # fmt: skip
        if piece is not None:
            numbers |= {
                "tests": self.pieces.is_test[piece], "weight": 4 * self.pieces.weight[piece],
                "due": self.pieces.due[piece] / self.length,
            }  # fmt: skip
        table = np.zeros((len(row), len(EVENT_NUMBERS)), np.float32)
        for name, values in numbers.items():
            table[:, EVENT_NUMBERS.index(name)] = values
        about = np.full(len(row), -1) if piece is None else piece
        return row, np.full(len(row), kind), day, about, table

    def standing(self, row: Ids, day: Floats) -> NDArray[np.float32]:
        """Return how students stand by score and by missed work; shape (moments, 2)."""
        t = self.at_day(day)
        ranks = [self.beside(name, row, t)[1] for name in ("score", "missing")]
        return np.stack(ranks, 1).astype(np.float32)

    def at(
        self, row: Ids, day: Floats
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the numbers of moments, and whether their students are here, and leaving.

        Args:
            row: Whose; shape (moments,).
            day: The days.
        """
        # Rounded down: what happens later on a day is not known within it.
        t = self.at_day(np.floor(day))
        due = self.weight_due[t]
        score, missing, missed, done, late = (self.values(name, row, t) for name in SUMS[:5])
        (standing, rank), (lack, lack_rank), (lag, lag_rank) = (
            self.beside(name, row, t) for name in ("score", "missing", "lateness")
        )
        numbers = {
            "elapsed": day / self.length, "score": score,
            "score_of_due": np.where(due > 0, np.clip(score / np.maximum(due, 0.02), 0, 2), 0),
            "missing": missing, "num_missed": missed / 5, "num_handed_in": done / 5,
            "lateness": late, "standing": standing, "rank": rank, "missing_beside_others": lack,
            "missing_rank": lack_rank, "lateness_beside_others": lag, "lateness_rank": lag_rank,
            "registration": self.begin[row] / 100,
            "clicks_beside_others": self.clicks_beside(row, t),
        }  # fmt: skip
        table = np.zeros((len(row), len(MOMENT_NUMBERS)), np.float32)
        for name, values in numbers.items():
            table[:, MOMENT_NUMBERS.index(name)] = values
        # Moments of a course most often share their days: its students are compared once a day.
        first, tables = len(MOMENT_NUMBERS) - 2 * len(WORK_NUMBERS), self._tables(np.unique(row))
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        days, of_day = np.unique(np.floor(day), return_inverse=True)
        for i, today in enumerate(days):
            asked = of_day == i
            now = ((self.begin <= today) & (self.end > today))[self.order]
            both = np.concatenate([work_numbers(kind, now, today) for kind in tables], 1)
            table[asked, first:] = both[place[row[asked]]]
        here = (self.begin[row] <= day) & (self.end[row] > day)
        return table, here, here & (self.end[row] <= day + WEEK)

    def _tables(self, rows: Ids) -> list[WorkTable]:
        """Return the work that tutors mark, and the tests, of all students by their names.

        Args:
            rows: Those who are asked about: of others the share that was ahead is not looked up.
        """
        ahead, work = np.zeros(self.handed.shape), self.handed_in(rows)
        own = np.flatnonzero(~work.credited)[::-1]  # of what was handed in again, the first time
        ahead[work.row[own], work.piece[own]] = work.share[own]
        order = np.argsort(self.pieces.due, kind="stable")
        parts = [order[~self.pieces.is_test[order]], order[self.pieces.is_test[order]]]
        columns: list[Any] = [
            table.take(self.order, axis=0)
            for table in (self.handed, self.known, self.mark, ahead, self.own)
        ]
        return [
            WorkTable(
                self.pieces.due[i], self.pieces.weight[i],
                *(table.take(i, axis=1) for table in columns),
            )
            for i in parts
        ]  # fmt: skip


def expected_mark(total: Numbers | float, number: Numbers | int) -> Any:
    """Return the mean mark of a piece, of few marks moved towards the usual one."""
    return (total + _PRIOR * _PRIOR_MARK) / (number + _PRIOR)


def steps(values: Numbers | float) -> Ids:
    """Return numbers in steps of ``1 / SCALE``."""
    return np.rint(np.asarray(values) * SCALE).astype(np.int64)
