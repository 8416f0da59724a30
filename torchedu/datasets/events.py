"""Courses, their work, and what students did day by day: the store that at-risk models read.

Days count from the course's first day, which is 0; work and students of earlier courses lie in the
same store, each in the calendar of its own course.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.memory import Memory
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.errors import DataError
from torchedu.schema import GROUP, MODULE, Names, Vocabulary

COURSE, PRESENTATION = "course", "presentation"
WORK, WORK_TYPE, OUTCOME = "work", "work_type", "outcome"
EXAM = "Exam"
"""The type of work whose marks nobody sees before the course ends."""
TEST = "CMA"
"""The type of work that a computer marks, in the Open University's words."""

SUBMITTED, TRANSFERRED, CLICKED = 0, 1, 2
"""Kinds of events: work handed in, a mark from an earlier course, a day's clicks."""


class Courses(NamedTuple):
    """Courses; one is a module in one presentation, such as mathematics in autumn 2014.

    Attributes:
        name: Their names.
        module: The module of each.
        presentation: The presentation of each; later ones sort after earlier ones.
        length: Days.
        begins: The date of day 0, in days since 1970; NaN where it is not known.
    """

    name: Sequence[str]
    module: Sequence[str]
    presentation: Sequence[str]
    length: NDArray[np.float64]
    begins: NDArray[np.float64]


class Work(NamedTuple):
    """What students of a course have to hand in.

    Attributes:
        name: Its name, once in all courses.
        course: Its course, an index into ``Courses``.
        type: Its type, such as ``TMA``; ``EXAM`` for exams, ``TEST`` for what a computer marks.
        due: The last day; NaN where there is none.
        weight: Its part in the course's mark, on any scale.
    """

    name: Sequence[str]
    course: NDArray[np.int64]
    type: Sequence[str]
    due: NDArray[np.float64]
    weight: NDArray[np.float64]


class Enrolments(NamedTuple):
    """Students in courses: a student in two courses is two rows.

    Attributes:
        student: The student's name.
        course: An index into ``Courses``.
        outcome: How it ended; None while it runs.
        begin: Day of registration; NaN where it is not known.
        end: Day of leaving; infinite for those who stayed.
        groups: The student's attributes, None where one is not known.
    """

    student: Sequence[str]
    course: NDArray[np.int64]
    outcome: Sequence[str | None]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    groups: Mapping[str, Sequence[str | None]]


class Events(NamedTuple):
    """What students did.

    Attributes:
        enrolment: An index into ``Enrolments``.
        kind: ``SUBMITTED``, ``TRANSFERRED`` or ``CLICKED``.
        day: When.
        work: An index into ``Work``; -1 for clicks.
        value: The mark, 0..1, NaN where none was given; the number of clicks.
    """

    enrolment: NDArray[np.int64]
    kind: NDArray[np.int64]
    day: NDArray[np.float64]
    work: NDArray[np.int64]
    value: NDArray[np.float64]


class EventStore(Store):
    """A store of enrolments and their events, a row an enrolment, each in the order of its days.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "events in courses", "events", ("enrolments", "event.kind")

    num_enrolments = kept(Store.num_rows, "enrolments")
    """Number of enrolments."""
    event_offsets = kept(Store.offsets, "enrolments", "event")
    """Where each enrolment's events begin; shape (enrolments + 1,)."""

    @property
    def counts(self) -> dict[str, int]:
        """How many enrolments, courses, pieces of work and events it holds."""
        return {
            "enrolments": self.num_enrolments, "courses": self.num_rows("courses"),
            "pieces of work": self.num_rows("work"), "events": int(self.event_offsets[-1]),
        }  # fmt: skip

    @cached_property
    def courses(self) -> Courses:
        """The courses."""
        names = self.vocabulary
        module, presentation = (
            [names[kind].name(i) for i in self.values("courses", kind).tolist()]
            for kind in (MODULE, PRESENTATION)
        )
        length, begins = (
            np.asarray(self.values("courses", name), np.float64) for name in ("length", "begins")
        )
        return Courses(list(names[COURSE]), module, presentation, length, begins)

    @cached_property
    def work(self) -> Work:
        """The work of all courses."""
        course, type_, due, weight = (
            np.asarray(self.values("work", name)) for name in ("course", "type", "due", "weight")
        )
        types = [self.vocabulary[WORK_TYPE].name(i) for i in type_.tolist()]
        return Work(
            list(self.vocabulary[WORK]), course.astype(np.int64), types,
            due.astype(np.float64), weight.astype(np.float64),
        )  # fmt: skip

    @cached_property
    def events(self) -> Events:
        """The events of all enrolments."""
        kind, day, work, value = (
            np.asarray(self.values("enrolments", f"event.{name}"))
            for name in ("kind", "day", "work", "value")
        )
        enrolment = np.repeat(np.arange(self.num_enrolments), np.diff(self.event_offsets))
        return Events(
            enrolment, kind.astype(np.int64), day.astype(np.float64),
            work.astype(np.int64), value.astype(np.float64),
        )  # fmt: skip

    def column(self, name: str) -> NDArray[Any]:
        """Return ``course``, ``outcome``, ``begin`` or ``end`` of all enrolments."""
        return np.asarray(self.values("enrolments", name))

    @cached_property
    def at_risk(self) -> NDArray[np.float32]:
        """1 for those whose outcome is one of the bad ones, 0 for others, NaN for no outcome."""
        names = self.vocabulary[OUTCOME]
        bad = [names.id(name) for name in self.about["at_risk"]]
        outcome = self.column("outcome")
        return np.where(outcome == 0, np.nan, np.isin(outcome, bad)).astype(np.float32)

    def student_names(self, rows: Any) -> list[str]:
        """Return the students of some enrolments."""
        return self.texts("enrolments", "student", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the students of some enrolments, each with the course."""
        courses, course = list(self.vocabulary[COURSE]), self.column("course")[rows]
        return [
            f"{student}\n{courses[place]}"
            for student, place in zip(self.student_names(rows), course, strict=True)
        ]


def write_events(
    path: str | Path | Memory,
    courses: Courses,
    work: Work,
    enrolments: Enrolments,
    events: Events,
    at_risk: Sequence[str],
    about: Mapping[str, Any],
    raw: str | None = None,
) -> EventStore:
    """Write a store of events.

    Args:
        path: The store to make; one that stands there is replaced.
        courses: The courses.
        work: Their work.
        enrolments: The students in them.
        events: What these did, in any order.
        at_risk: The outcomes that a teacher wants to prevent.
        about: Where the data came from, and what was dropped.
        raw: The file or folder that errors about the whole name.

    Returns:
        The store.

    Raises:
        DataError: There are no enrolments, or none has an outcome.
    """
    if not len(enrolments.student) or all(outcome is None for outcome in enrolments.outcome):
        raise DataError(
            "the data holds no enrolment with an outcome.",
            "Add how past courses ended; that is what a model learns from.",
            file=raw,
        )
    kinds = {
        COURSE: Names(courses.name),
        MODULE: Names(sorted(set(courses.module))),
        PRESENTATION: Names(sorted(set(courses.presentation))),
        WORK: Names(work.name),
        WORK_TYPE: Names(sorted(set(work.type))),
        OUTCOME: Names(sorted({name for name in enrolments.outcome if name is not None})),
    } | {
        GROUP + name: Names(sorted({group for group in column if group is not None}))
        for name, column in enrolments.groups.items()
    }
    order = np.lexsort((events.work, events.kind, events.day, events.enrolment))
    lengths = np.bincount(events.enrolment, minlength=len(enrolments.student))
    with StoreWriter(path) as writer:
        writer.vocabulary = Vocabulary(kinds)
        writer.about = {**about, "at_risk": list(at_risk)}
        flat = {"course": "int32", "outcome": "int32", "begin": "float32", "end": "float32"}
        groups = {GROUP + name: "int32" for name in enrolments.groups}
        named = {OUTCOME: enrolments.outcome}
        named |= {GROUP + name: column for name, column in enrolments.groups.items()}
        columns = {"kind": "int8", "day": "float32", "work": "int32", "value": "float32"}
        table = writer.table(
            "enrolments", flat | groups, {"student": {"utf8": "uint8"}, "event": columns}
        )
        table.append(
            len(enrolments.student),
            {
                "course": enrolments.course,
                "begin": enrolments.begin,
                "end": enrolments.end,
                **{name: _ids(kinds[name], column) for name, column in named.items()},
            },
            {
                "student": encode_texts(enrolments.student),
                "event": (lengths, {name: events._asdict()[name][order] for name in columns}),
            },
        )
        writer.flat("courses", {
            "module": ("int32", kinds[MODULE].ids(courses.module)),
            "presentation": ("int32", kinds[PRESENTATION].ids(courses.presentation)),
            "length": ("float32", courses.length), "begins": ("float64", courses.begins),
        })  # fmt: skip
        writer.flat("work", {
            "course": ("int32", work.course), "type": ("int32", kinds[WORK_TYPE].ids(work.type)),
            "due": ("float32", work.due), "weight": ("float32", work.weight),
        })  # fmt: skip
    return EventStore(path)


def _ids(names: Names, values: Sequence[str | None]) -> list[int]:
    """Return the ids of names; 0 where there is none."""
    return [0 if value is None else names.id(value) for value in values]
