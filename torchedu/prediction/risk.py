"""Risks in the user's own names: every student every week, and whom to call with the reasons."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from torchedu.datamodules import CourseEvents
from torchedu.datamodules.stream import EpochLoader
from torchedu.features.course import (
    CLICKS,
    CREDITED,
    HANDED_IN,
    MARKED,
    MISSED,
    REGISTERED,
    WEEK,
)
from torchedu.features.course_view import Moments, View, view
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import blocks, row_names
from torchedu.schema import EVENT_NUMBERS
from torchedu.tasks import AtRisk

REASONS = 3
"""Events that are named for a student."""
LEAST_MOVE = 0.05
"""Log odds that an event must add to the risk to be named."""
LEAST_CHANGE = 0.05
"""Change of a risk within a week that is listed."""


@outputs.register
def _(task: AtRisk, data: CourseEvents, columns: Columns) -> list[Output]:
    """Tell each student's risk in every week, and the list of whom to call now."""
    now = _Now(task, data)
    called = f"the {data.capacity} students of each course to call now, with reasons"
    changed = "the students whose risk has changed since last week, with what happened"
    return [
        Output("risks", "each student's risk in every week of the course", _named(data, columns)),
        Output("calls", called, call_list(task, data, now)),
        Output("changes", changed, change_list(data, now)),
    ]


def listed(
    risk: NDArray[Any], course: NDArray[Any], asked: NDArray[np.bool_], capacity: int
) -> list[NDArray[np.int64]]:
    """Return whom to call, a list a course: the rows of the highest risks, the highest first.

    Args:
        risk: Risks; shape (rows,).
        course: The course of each.
        asked: Which rows may be called.
        capacity: How many of a course can be.
    """
    lists = [np.flatnonzero(asked & (course == c)) for c in np.unique(course)]
    return [rows[np.argsort(-risk[rows], kind="stable")][:capacity] for rows in lists]


class _Now:
    """The risks of today, ``data.day``, beside those of a week ago."""

    def __init__(self, task: AtRisk, data: CourseEvents) -> None:
        self.course = data.store.column("course").astype(np.int64)
        self.today = data.today[self.course]
        rows = np.repeat(np.arange(data.store.num_enrolments), 2)
        moments = Moments(rows, np.stack([self.today - WEEK, self.today], 1).ravel())
        self.seen = view(data.store, moments, data.mark_delay_days)
        both = _risks(task, data.at(moments, self.seen)).reshape(-1, 2)
        here = self.seen.registered.reshape(-1, 2)
        self.before, self.risk = both.T
        self.was_here, self.here = here.T


def call_list(task: AtRisk, data: CourseEvents, now: _Now) -> pa.Table:
    """List the students of each course whom it is most worth to call, with what moved their risk.

    An event's part is how far the log odds of the risk rose from the day of the event before it to
    its own day. It tells what the network went by, not what would help.

    Args:
        task: The trained task.
        data: The courses; ``data.day`` is today, ``data.capacity`` how many can be called.
        now: The risks of today and of a week ago.

    Returns:
        A table by course and falling risk: ``course``, ``rank``, ``student``, ``day``, ``risk``,
        ``week_before`` (the risk a week ago; missing where the student was not there),
        ``expected`` (how many of the list down to here would fail or leave, uncalled) and
        ``reasons``.
    """
    lists = listed(now.risk, now.course, now.here, data.capacity)
    students = np.concatenate(lists)
    return pa.table(
        {
            "course": [data.store.courses.name[c] for c in now.course[students]],
            "rank": np.concatenate([np.arange(1, len(rows) + 1) for rows in lists]),
            "student": data.store.student_names(students),
            "day": now.today[students],
            "risk": now.risk[students],
            "week_before": pa.array(now.before[students], mask=~now.was_here[students]),
            "expected": np.concatenate([np.cumsum(now.risk[rows]) for rows in lists]),
            "reasons": reasons(task, data, now.seen, students, now.today[students]),
        }
    )


def change_list(data: CourseEvents, now: _Now) -> pa.Table:
    """List the students of each course whose risk has changed by 5 points or more in a week.

    Args:
        data: The courses.
        now: The risks of today and of a week ago.

    Returns:
        A table by course and falling change: ``course``, ``student``, ``day``, ``risk``,
        ``week_before``, ``change`` (risk less that of a week ago) and ``events``, what happened in
        the week, in words.
    """
    change = np.where(now.here & now.was_here, now.risk - now.before, 0)
    rows = np.flatnonzero(np.abs(change) >= LEAST_CHANGE)
    rows = rows[np.lexsort((-change[rows], now.course[rows]))]
    return pa.table(
        {
            "course": [data.store.courses.name[c] for c in now.course[rows]],
            "student": pa.array(data.store.student_names(rows), pa.string()),
            "day": now.today[rows],
            "risk": now.risk[rows],
            "week_before": now.before[rows],
            "change": change[rows],
            "events": pa.array(
                [_happened(data, now.seen, i, now.today[i]) for i in rows.tolist()], pa.string()
            ),
        }
    )


def _happened(data: CourseEvents, seen: View, row: int, today: float) -> str:
    """Tell in words what happened to a student in the week up to a day."""
    begin, end = seen.event_offsets[row], seen.event_offsets[row + 1]
    day = seen.event_day[begin:end]
    week = np.flatnonzero((day > today - WEEK) & (day <= today))
    return "; ".join(event_words(data, seen, begin + i) for i in week) or "no event"


def reasons(
    task: AtRisk,
    data: CourseEvents,
    seen: View,
    students: NDArray[np.int64],
    today: NDArray[np.float64],
) -> list[str]:
    """Tell in words which events raised the risks of some students most.

    Args:
        task: The trained task.
        data: The courses.
        seen: A view of their events.
        students: Their enrolments.
        today: The day for each; later events are not looked at.

    Returns:
        A text for each student, such as ``missed 1754 (TMA, due on day 117): +21 points``.
    """
    begin, end = seen.event_offsets[students], seen.event_offsets[students + 1]
    events = [
        np.arange(b, e)[seen.event_day[b:e] <= day]
        for b, e, day in zip(begin, end, today, strict=True)
    ]
    days = [np.unique(seen.event_day[rows]) for rows in events]
    order = np.argsort(students, kind="stable")
    moments = Moments(
        np.repeat(students[order], [len(days[i]) for i in order]),
        np.concatenate([days[i] for i in order] or [np.empty(0)]),
    )
    if not len(moments.day):
        return ["no event yet"] * len(students)
    path = _risks(task, data.at(moments, view(data.store, moments, data.mark_delay_days)))
    ends = np.cumsum([len(days[i]) for i in order])
    paths: dict[int, NDArray[np.float64]] = {
        int(i): path[stop - len(days[i]) : stop] for i, stop in zip(order, ends, strict=True)
    }
    return [_raised(data, seen, events[i], days[i], paths[i]) for i in range(len(students))]


def _raised(
    data: CourseEvents,
    seen: View,
    events: NDArray[np.int64],
    days: NDArray[np.float64],
    risk: NDArray[np.float64],
) -> str:
    clipped = np.clip(risk, 1e-6, 1 - 1e-6)
    moved = np.diff(np.log(clipped / (1 - clipped)))
    raised = []
    for at in np.argsort(-moved, kind="stable")[:REASONS] + 1:
        if moved[at - 1] < LEAST_MOVE:
            break
        same = events[seen.event_day[events] == days[at]]
        points = 100 * (risk[at] - risk[at - 1])
        words = ", ".join(event_words(data, seen, i) for i in same[:3])
        raised.append(f"{words}: {points:+.0f} points")
    return "; ".join(raised) or "nothing raised it"


def event_words(data: CourseEvents, seen: View, i: int) -> str:
    """Tell an event of a view in words."""
    work, store = int(seen.event_work[i]), data.store
    about = "" if work < 0 else f"{store.work.name[work]} ({store.work.type[work]})"
    kind, numbers = int(seen.event_kind[i]), seen.event[i]
    late = numbers[EVENT_NUMBERS.index("days_late")] * WEEK
    mark = 100 * numbers[EVENT_NUMBERS.index("mark")]
    due = "" if work < 0 else f", due on day {store.work.due[work]:.0f}"
    return {
        REGISTERED: f"registered on day {seen.event_day[i]:.0f}",
        HANDED_IN: f"handed in {about}" + (f" {late:.0f} days late" if late >= 1 else ""),
        MARKED: f"mark {mark:.0f} % for {about}",
        MISSED: f"missed {about}{due}",
        CREDITED: f"mark {mark:.0f} % for {about} from an earlier course",
        CLICKS: f"a week of clicks until day {seen.event_day[i]:.0f}",
    }[kind]


@torch.no_grad()
def _risks(task: AtRisk, loader: EpochLoader) -> NDArray[np.float64]:
    """Return the risk at each moment of a loader that has them in the order of enrolments."""
    task = task.cpu().eval()
    batches = [task.predict_step(batch, 0) for batch in loader]
    enrolment, day, risk, _ = (torch.cat(column) for column in zip(*batches, strict=True))
    ordered: NDArray[np.float64] = risk.double().numpy()[np.lexsort((day, enrolment))]
    return ordered


def _named(data: CourseEvents, columns: Columns) -> Iterator[pa.Table]:
    """Yield the risks with the names of students and courses, some at a time."""
    courses = pa.array(list(data.store.courses.name))
    for some in blocks(columns):
        row = some["enrolment"]
        yield pa.table(
            {
                "student": row_names(data.store, "enrolments", row, "student"),
                "course": courses.take(pa.array(data.store.column("course")[row])),
                "day": some["day"],
                "risk": some["probability"],
                "leaving_within_a_week": some["leaving"],
            }
        )
