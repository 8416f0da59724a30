"""Students at risk, from what they do as it happens."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch

from torchedu.batch import RiskBatch
from torchedu.companions import Companions
from torchedu.datasets.events import Work
from torchedu.domains import Risk
from torchedu.engine.engine import Engine
from torchedu.errors import ConfigError
from torchedu.features.course_view import Moments
from torchedu.features.live_courses import LiveCourses
from torchedu.readers.events import RiskBatches
from torchedu.readers.rows import Rows, columns_of, is_missing, numbers, refuse, refuse_name
from torchedu.schema import (
    ATTRIBUTE,
    EVENT_NUMBERS,
    MODULE,
    MOMENT_NUMBERS,
    PADDING,
    TOLD,
)

Kind = Literal["registered", "left", "submitted", "transferred", "clicked", "outcome"]
EVENT = ("student", "course", "event", "day")


class StudentRisk(NamedTuple):
    """A student's risk in a course on a day: of a bad outcome, and of leaving within a week."""

    course: str
    day: float
    risk: float
    leaving: float


class RiskEngine(Engine[Risk], serves=Risk):
    """Follows courses that are going on; days count from each one's first, which is 0.

    Students of a course are compared with each other, so one lock guards all: calls of several
    threads come one after the other, an event in microseconds.
    """

    def __init__(self, domain: Risk) -> None:
        super().__init__(domain)
        self._courses = LiveCourses(float(self.companions.reading.get("mark_delay_days", 0)))
        self._attributes: dict[str, Mapping[str, str]] = {}
        self._today: dict[str, float] = {}
        self._exams: dict[str, frozenset[str]] = {}
        self._lock = RLock()
        own = Companions(columns={"event": EVENT_NUMBERS, "moment": MOMENT_NUMBERS})
        self._event, self._moment = (
            self.companions.places(vocabulary, own) for vocabulary in own.columns
        )

    def course(
        self,
        name: str,
        *,
        length: float,
        work: Rows = (),
        module: str | None = None,
        begins: float = math.nan,
    ) -> None:
        """Begin a course.

        Args:
            name: Its name.
            length: Its days.
            work: What has to be handed in: rows with ``work`` (its name), and where they are known
                ``due`` (the last day), ``weight`` (its part in the course's mark, on any scale) and
                ``type`` (such as ``TMA``; ``CMA`` for what a computer marks, ``Exam`` for what
                nobody sees the mark of before the end).
            module: What is taught, as the network knows it; its name where it is None.
            begins: The date of day 0, in days since 1970.

        Raises:
            DataError: A row of work is wrong; it is named, from 0.
            ConfigError: The course is there already, or its length is below 1.
        """
        columns = columns_of(work, ("work",), ("due", "weight", "type"))
        names = [str(value) for value in columns["work"]]
        size = len(names)
        if name in self._courses.running or not length >= 1:
            raise ConfigError(
                f"⟦name⟧ is {name!r} and ⟦length⟧ {length}.",
                "Each course has a name of its own, and a day at least.",
            )
        none = [None] * size
        due = numbers(columns.get("due", none), "due", np.isfinite, "It is a day.", math.nan)
        heavy = columns.get("weight", none)
        weight = numbers(heavy, "weight", lambda x: x >= 0, "It is a number from 0.", 1.0)
        types = [str(value or "work") for value in columns.get("type", none)]
        days, shares = due.astype(np.float64), weight.astype(np.float64)
        pieces = Work(names, np.zeros(size, np.int64), types, days, shares)
        with self._lock:
            self._courses.course(name, module or name, length, begins, pieces)
            seen = self._courses.running[name].work
            self._exams[name] = frozenset(names) - set(seen)

    def about(self, student: str, attributes: Mapping[str, str]) -> None:
        """Say what the network may know of a student, such as ``{"education": "A level"}``."""
        with self._lock:
            self._attributes[str(student)] = {
                name: value for name, value in attributes.items() if not is_missing(value)
            }

    def event(
        self,
        student: str,
        course: str,
        event: Kind,
        day: float,
        *,
        work: str | None = None,
        value: Any = None,
        taken_back: bool = False,
    ) -> None:
        """Take in what a student did; see ``event_many``.

        Args:
            student: Whose; one who was never registered is from the first event on.
            course: The course.
            event: ``registered``, ``left``, ``submitted`` or ``transferred`` (with ``work``, and
                the mark as ``value``, 0..1, where there is one), ``clicked`` (with ``value``, how
                often on that day in all) or ``outcome`` (``value`` says whether it is a bad one).
            day: The day.
            work: What it is about.
            value: See above.
            taken_back: Whether it never was, after all.

        Raises:
            DataError: Nobody knows the course or the work, or a value cannot be. All is then as
                before.
        """
        row = {
            "student": student, "course": course, "event": event, "day": day, "work": work,
            "value": value, "taken_back": taken_back or None,
        }  # fmt: skip
        self.event_many([row])

    def event_many(self, rows: Rows) -> None:
        """Take in events, all or none of them, in any order.

        An event is known by student, course, kind, work and day: told again it changes nothing,
        and with another value it corrects the first.

        Args:
            rows: Dicts or a table with ``student``, ``course``, ``event`` and ``day``, and where
                they have them ``work``, ``value`` and ``taken_back``; see ``event``.

        Raises:
            DataError: See ``event``; it names the row, from 0.
        """
        columns = columns_of(rows, EVENT, ("work", "value", "taken_back"))
        size = len(columns["student"])
        day = numbers(columns["day"], "day", np.isfinite, "It is a number of days.")
        none = [None] * size
        with self._lock:
            steps = [
                self._step(row, str(student), str(course), event, float(when), work, value, back)
                for row, (student, course, event, when, work, value, back) in enumerate(
                    zip(
                        *(columns[name] for name in EVENT[:3]), day.tolist(),
                        *(columns.get(name, none) for name in ("work", "value", "taken_back")),
                        strict=True,
                    )
                )
            ]  # fmt: skip
            for step in steps:
                step()

    def _step(
        self, row: int, student: str, course: str, event: str, day: float, work: Any, value: Any,
        back: Any,
    ) -> Any:  # fmt: skip
        """Return what an event changes, once it is found right."""
        if course not in self._courses.running:
            refuse_name(row, "course", course, tuple(self._courses.running))
        if event not in get_args(Kind):
            refuse(row, "event", event, f"Allowed: {', '.join(get_args(Kind))}.")
        piece = None
        if event in ("submitted", "transferred"):
            seen = self._courses.running[course].work
            if work is None:
                refuse(row, "work", None, "It says what was handed in.")
            if str(work) not in seen and str(work) not in self._exams[course]:
                refuse_name(row, "work", work, (*seen, *self._exams[course]))
            piece = seen.get(str(work), -1)
            value = math.nan if value is None else float(_mark(row, value))
        elif event == "clicked":
            fine = "It is how often, from 0."
            value = 0.0 if back else float(_one(row, value, lambda x: x >= 0, fine))
        return partial(self._put, student, course, event, day, piece, value, bool(back))

    def _put(
        self, student: str, course: str, event: str, day: float, piece: int | None, value: Any,
        back: bool,
    ) -> None:  # fmt: skip
        courses = self._courses
        self._today[course] = max(day, self._today.get(course, 0.0))
        if courses.row(student, course) is None:
            courses.enrol(student, course, math.nan, math.inf)
        if event == "registered":
            courses.come(student, course, begin=math.nan if back else day)
        elif event == "left":
            courses.come(student, course, end=math.inf if back else day)
        elif event == "outcome":
            courses.end_with(student, course, math.nan if back else float(bool(value)))
        elif event == "clicked":
            courses.click(student, course, day, value)
        elif piece is not None and piece >= 0:  # an exam is not seen
            mark = None if back else value
            courses.hand_in(student, course, piece, day, mark, event == "transferred")

    @torch.inference_mode()
    def risk(
        self, student: str, course: str | None = None, day: float | None = None
    ) -> list[StudentRisk]:
        """Say how likely a student is to fail a course, or to leave.

        Args:
            student: The student.
            course: The course; all that the student is in where it is None.
            day: The day, from whose and earlier events it is told; the last one of which anything
                is known of the course where it is None.

        Returns:
            One a course.

        Raises:
            DataError: Nobody knows the student, or not in this course.
        """
        name = str(student)
        with self._lock:
            mine = self._courses.courses_of(name)
            if not mine:
                refuse_name(0, "student", student, ())
            if course is not None and course not in mine:
                refuse_name(0, "course", course, mine)
            asked = mine if course is None else (course,)
            when = [self._today.get(of, 0.0) if day is None else float(day) for of in asked]
            batches = [self._batch(name, of, [at]) for of, at in zip(asked, when, strict=True)]
        risks = []
        for of, at, batch in zip(asked, when, batches, strict=True):
            risk, leaving = self.domain.probabilities(batch)
            risks.append(StudentRisk(of, at, float(risk[0, 0]), float(leaving[0, 0])))
        return risks

    def batch(self, student: str, course: str, days: Sequence[float]) -> RiskBatch:
        """Return the batch that the network reads of a student on some days, ascending."""
        with self._lock:
            return self._batch(student, course, days)

    def _batch(self, student: str, course: str, days: Sequence[float]) -> RiskBatch:
        seen = self._courses.view(student, course, days)
        seen = seen._replace(event=seen.event[:, self._event], moment=seen.moment[:, self._moment])
        names = self.companions.vocabulary
        attributes = self._attributes.get(student, {})
        ids = [
            names[ATTRIBUTE].id(f"{name}: {attributes[name]}") if name in attributes else PADDING
            for name in names[TOLD]
        ]
        moments = Moments(np.zeros(len(days), np.int64), np.array(days, np.float64))
        module = names[MODULE].id(self._courses.running[course].module)
        batches = RiskBatches(
            moments, seen, np.array([module]), np.zeros(1, np.float32),
            np.array(ids, np.int64).reshape(1, -1), np.ones(1, np.float32), np.full(1, -1),
        )  # fmt: skip
        return batches(np.zeros(1, np.int64))


def _mark(row: int, value: Any) -> float:
    return _one(row, value, lambda x: (x >= 0) & (x <= 1), "A mark is a number of 0 to 1.")


def _one(row: int, value: Any, fine: Any, remedy: str) -> float:
    """Return a number; errors name its row."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        refuse(row, "value", value, remedy)
    if not fine(number):
        refuse(row, "value", value, remedy)
    return number
