"""Courses of random students, told event by event in a random order and written as a whole."""

from typing import NamedTuple

import numpy as np

from torchedu.datasets.events import (
    CLICKED,
    SUBMITTED,
    TRANSFERRED,
    Courses,
    Enrolments,
    Events,
    EventStore,
    Work,
    write_events,
)
from torchedu.datasets.memory import Memory
from torchedu.features.live_courses import LiveCourses

LENGTH = 90.0
BEGINS = (0.0, 100.0, 130.0)
"""Three courses: the second gives the module of the first again, the third runs beside it."""
MODULES = ("algebra", "algebra", "history")


class Told(NamedTuple):
    """An event: enrolment, kind, day, piece of work (-1 for none), and value; None to take back."""

    enrolment: int
    kind: int
    day: float
    work: int
    value: float | None


class Drawn(NamedTuple):
    """Courses at random.

    Attributes:
        work: Their work.
        enrolments: Student and course of each.
        events: What is told, in the order in which it arrives.
        store: The same as a whole, as it is in the end.
    """

    work: Work
    enrolments: list[tuple[str, int, float, float, str | None]]
    events: list[Told]
    store: EventStore


def courses_at_random(seed: int, students: int = 12, events: int = 60) -> Drawn:
    """Draw courses and what is told of them: late, repeated, corrected and taken back."""
    drawn = np.random.default_rng(seed)
    types = drawn.choice(["TMA", "CMA", "Exam"], 12, p=[0.5, 0.4, 0.1]).tolist()
    due = np.where(drawn.random(12) < 0.1, np.nan, drawn.integers(5, 85, 12)).astype(float)
    work = Work(
        [f"w{i}" for i in range(12)], np.arange(12) % 3, types, due,
        drawn.choice([0.0, 10.0, 12.5, 20.0, 33.3], 12),
    )  # fmt: skip
    enrolments = [
        (
            f"s{student}", course, float(drawn.choice([np.nan, -40, -3, 2])),
            float(drawn.choice([np.inf, np.inf, 20, 60])),
            (None, "Pass", "Fail")[drawn.integers(3)],
        )
        for student in drawn.permutation(students).tolist()
        for course in drawn.permutation(3)[: drawn.integers(1, 4)].tolist()
    ]  # fmt: skip
    enrolments[0] = (*enrolments[0][:4], "Pass")
    told: list[Told] = []
    for _ in range(events):
        who, again = int(drawn.integers(len(enrolments))), drawn.random()
        if told and again < 0.3:  # once more: the same, with another value, or taken back
            known = told[drawn.integers(len(told))]
            told.append(known._replace(value=_again(known, again, drawn)))
            continue
        kind = int(drawn.choice([SUBMITTED, TRANSFERRED, CLICKED], p=[0.6, 0.1, 0.3]))
        mine = np.flatnonzero(work.course == enrolments[who][1])
        piece = -1 if kind == CLICKED else int(drawn.choice(mine))
        day = float(drawn.integers(-35, 95)) + float(drawn.choice([0, 0, 0.25]))
        told.append(Told(who, kind, day, piece, _value(kind, drawn)))
    return Drawn(work, enrolments, told, _written(work, enrolments, told))


def _value(kind: int, drawn: np.random.Generator) -> float:
    if kind == CLICKED:
        return float(drawn.integers(1, 200))
    return float("nan") if drawn.random() < 0.15 else float(drawn.integers(0, 101)) / 100


def _again(known: Told, how: float, drawn: np.random.Generator) -> float | None:
    if how < 0.1:
        return known.value
    return None if how < 0.15 and known.kind != CLICKED else _value(known.kind, drawn)


def _written(
    work: Work, enrolments: list[tuple[str, int, float, float, str | None]], told: list[Told]
) -> EventStore:
    """Write what was told last of each event, as a store."""
    last = {}
    for enrolment, kind, day, about, value in told:
        day = min(day, 0.0) if kind == TRANSFERRED else day
        last[enrolment, kind, day, about] = value
    kept = [(*key, value) for key, value in last.items() if value is not None]
    enrolment, kind, day, about, value = np.array(kept, float).reshape(-1, 5).T
    student, course, begin, end, outcome = zip(*enrolments, strict=True)
    return write_events(
        Memory(),
        Courses(["a", "b", "c"], MODULES, ["1", "2", "2"], np.full(3, LENGTH), np.array(BEGINS)),
        work,
        Enrolments(student, np.array(course), outcome, np.array(begin), np.array(end), {}),
        Events(enrolment.astype(int), kind.astype(int), day, about.astype(int), value),
        ["Fail"],
        {},
    )


def live(drawn: Drawn, delay: float, order: np.ndarray | None = None) -> LiveCourses:
    """Tell all of it to live courses, event by event.

    Args:
        drawn: The courses.
        delay: Days until a mark is known.
        order: The order of the enrolments, which come between the events; as they are by default.
    """
    found = LiveCourses(delay)
    for c, name in enumerate("abc"):
        mine = np.flatnonzero(drawn.work.course == c)
        of_course = Work(
            [drawn.work.name[i] for i in mine], np.zeros(len(mine), np.int64),
            [drawn.work.type[i] for i in mine], drawn.work.due[mine], drawn.work.weight[mine],
        )  # fmt: skip
        found.course(name, MODULES[c], LENGTH, BEGINS[c], of_course)
    size = len(drawn.enrolments)
    for row in range(size) if order is None else order:
        student, course, begin, end, outcome = drawn.enrolments[row]
        found.enrol(student, "abc"[course], begin, end)
        bad = np.nan if outcome is None else float(outcome == "Fail")
        found.end_with(student, "abc"[course], bad)
    for event in drawn.events:
        tell(found, drawn, event)
    return found


def tell(courses: LiveCourses, drawn: Drawn, event: Told) -> None:
    """Tell one event."""
    student, of, *_ = drawn.enrolments[event.enrolment]
    running = courses.running["abc"[of]]
    row = courses.row(student, "abc"[of])
    assert row is not None
    if event.kind == CLICKED:
        assert event.value is not None
        running.course.click(row, event.day, event.value)
    elif drawn.work.name[event.work] in running.work:  # an exam is not seen
        running.course.hand_in(
            row, running.work[drawn.work.name[event.work]], event.day, event.value,
            event.kind == TRANSFERRED,
        )  # fmt: skip
