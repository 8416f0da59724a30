"""Risks in the user's own names: every student every week, and whom to call with the reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from lightning import Trainer
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
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import CHUNK, row_names, write_table
from torchedu.run_folder import RunFolder
from torchedu.schema import EVENT_NUMBERS
from torchedu.tasks import AtRisk

REASONS = 3
"""Events that are named for a student."""
LEAST_MOVE = 0.05
"""Log odds that an event must add to the risk to be named."""
LEAST_CHANGE = 0.05
"""Change of a risk within a week that is listed."""


class PredictedRisks(NamedTuple):
    """Risks of students, enrolment by enrolment, each in the order of days.

    Attributes:
        enrolment: Row in the store; shape (moments,).
        day: The day in the course.
        risk: The chance of a bad outcome.
        leaving: The chance of leaving within a week.
    """

    enrolment: NDArray[np.int64]
    day: NDArray[np.float32]
    risk: NDArray[np.float32]
    leaving: NDArray[np.float32]


@predict.register
def _(
    task: AtRisk, data: CourseEvents, trainer: Trainer, folder: Path, form: str = "parquet"
) -> dict[Path, str]:
    """Write each student's risk in every week, and the list of whom to call now."""
    check_format(form)
    known = predict_risks(task, data, trainer, None)
    if not trainer.is_global_zero:
        return {}
    risks, calls, changes = (
        RunFolder(folder).table(name, form) for name in ("risks", "calls", "changes")
    )
    now = _Now(task, data)
    write_table(risks, _named(data, known))
    write_table(calls, iter([call_list(task, data, now)]))
    write_table(changes, iter([change_list(data, now)]))
    return {
        risks: "each student's risk in every week of the course",
        calls: f"the {data.capacity} students of each course to call now, with reasons",
        changes: "the students whose risk has changed since last week, with what happened",
    }


def predict_risks(
    task: AtRisk, data: CourseEvents, trainer: Trainer, part: str | None, by_week: bool = False
) -> PredictedRisks:
    """Predict the risks of a part.

    Args:
        task: The trained task.
        data: The courses.
        trainer: Runs the network.
        part: ``train``, ``val`` or ``test``, at the cutoffs; every week of everyone where it is
            None.
        by_week: Whether to take a part's moments every other week instead of at the cutoffs.

    Returns:
        The risks of all ranks.
    """
    return PredictedRisks(*predicted(task, data, part, trainer, by_week=by_week).values())


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
    listed = []
    for c in np.unique(now.course):
        mine = np.flatnonzero((now.course == c) & now.here)
        listed.append(mine[np.argsort(-now.risk[mine], kind="stable")][: data.capacity])
    students = np.concatenate(listed)
    return pa.table(
        {
            "course": [data.store.courses.name[c] for c in now.course[students]],
            "rank": np.concatenate([np.arange(1, len(one) + 1) for one in listed]),
            "student": data.store.student_names(students),
            "day": now.today[students],
            "risk": now.risk[students],
            "week_before": pa.array(now.before[students], mask=~now.was_here[students]),
            "expected": np.concatenate([np.cumsum(now.risk[one]) for one in listed]),
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
    listed = np.flatnonzero(np.abs(change) >= LEAST_CHANGE)
    listed = listed[np.lexsort((-change[listed], now.course[listed]))]
    return pa.table(
        {
            "course": [data.store.courses.name[c] for c in now.course[listed]],
            "student": pa.array(data.store.student_names(listed), pa.string()),
            "day": now.today[listed],
            "risk": now.risk[listed],
            "week_before": now.before[listed],
            "change": change[listed],
            "events": pa.array(
                [_happened(data, now.seen, i, now.today[i]) for i in listed.tolist()], pa.string()
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
    days = [np.unique(seen.event_day[one]) for one in events]
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
    return [_told(data, seen, events[i], days[i], paths[i]) for i in range(len(students))]


def _told(
    data: CourseEvents,
    seen: View,
    events: NDArray[np.int64],
    days: NDArray[np.float64],
    risk: NDArray[np.float64],
) -> str:
    clipped = np.clip(risk, 1e-6, 1 - 1e-6)
    moved = np.diff(np.log(clipped / (1 - clipped)))
    told = []
    for at in np.argsort(-moved, kind="stable")[:REASONS] + 1:
        if moved[at - 1] < LEAST_MOVE:
            break
        same = events[seen.event_day[events] == days[at]]
        points = 100 * (risk[at] - risk[at - 1])
        told.append(
            f"{', '.join(event_words(data, seen, i) for i in same[:3])}: {points:+.0f} points"
        )
    return "; ".join(told) or "nothing raised it"


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
    rows, days, risks = [], [], []
    for batch in loader:
        one = task.predict_step(batch, 0)
        rows.append(one.enrolment)
        days.append(one.day)
        risks.append(one.probability)
    enrolment, day = torch.cat(rows).numpy(), torch.cat(days).numpy()
    risk: NDArray[np.float64] = torch.cat(risks).double().numpy()
    return risk[np.lexsort((day, enrolment))]


def _named(data: CourseEvents, known: PredictedRisks) -> Iterator[pa.Table]:
    """Yield the risks with the names of students and courses, some at a time."""
    courses = pa.array(list(data.store.courses.name))
    for first in range(0, max(1, len(known.day)), CHUNK):
        enrolment, day, risk, leaving = (column[first : first + CHUNK] for column in known)
        course = data.store.column("course")[enrolment]
        yield pa.table(
            {
                "student": row_names(data.store, "enrolments", enrolment, "student"),
                "course": courses.take(pa.array(course)),
                "day": day,
                "risk": risk,
                "leaving_within_a_week": leaving,
            }
        )
