"""Leaks in what students did in courses."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchedu.datasets.events import EXAM, SUBMITTED, WORK, EventStore
from torchedu.leaks.copies import Rows, copies, mixed
from torchedu.leaks.finding import Finding
from torchedu.leaks.people import told_by_people
from torchedu.leaks.sides import copied, crossing, grouped, sides
from torchedu.leaks.tells import SURE, auc, tells, touched
from torchedu.schema import RESERVED

SEEN = 0.75
"""Share of a course's length up to which its events are looked at: the last moment of a score."""


def event_leaks(store: EventStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what events in courses give away; see ``check``."""
    split = sides(parts, store.num_enrolments)
    course = store.column("course").astype(np.int64)

    def read(begin: int, stop: int) -> Rows:
        offsets = store.event_offsets[begin : stop + 1]
        some = slice(int(offsets[0]), int(offsets[-1]))
        columns = (
            store.values("enrolments", f"event.{name}")[some]
            for name in ("kind", "day", "work", "value")
        )
        token = np.zeros(some.stop - some.start, np.uint64)
        for column in columns:
            bits = np.ascontiguousarray(column, np.float64).view(np.uint64)
            token = mixed(token ^ mixed(bits))
        return Rows(np.asarray(offsets) - offsets[0], token)

    names = store.student_names

    yield from copied(copies(store.event_offsets, read), split, "enrolments", names)
    at_risk = store.at_risk
    target = np.where(np.isnan(at_risk), -1, at_risk).astype(np.int64)
    groups = {name: store.group(name).astype(np.int64) for name in store.vocabulary.groups}
    everyone = names(np.arange(store.num_enrolments))
    yield from told_by_people(everyone, store.vocabulary, groups, None, target, "enrolments")
    yield from _told_by_events(store, course, target)
    yield from _late(store)
    for name, group in groups.items():
        yield from grouped(group, at_risk, split, name, "enrolments")
    student = np.unique(np.array(everyone), return_inverse=True)[1].astype(np.int64) + 1
    again = np.bincount(student)[student] > 1
    yield from crossing(np.where(again, student, 0), split, "student", "enrolments", 0)


def _told_by_events(store: EventStore, course: Any, target: Any) -> Iterator[Finding]:
    """Look for events, and marks, that alone tell the outcome."""
    events, work = store.events, store.work
    of = events.enrolment
    exam = np.append(np.array([kind == EXAM for kind in work.type], bool), False)[events.work]
    seen = (events.day <= SEEN * store.courses.length[course[of]]) & (target[of] >= 0) & ~exam
    kind, piece, row = events.kind[seen], events.work[seen], of[seen]
    value = events.value[seen]
    size = len(work.name) + 1
    code = kind * size + piece + 1
    cell = np.unique(code * np.int64(store.num_enrolments) + row)
    code, row_of = cell // store.num_enrolments, cell % store.num_enrolments
    giving = tells(code, target[row_of])
    names = store.vocabulary[WORK]
    if giving:
        count = touched(code, row_of, giving)
        sentence = f"single events tell how {count:,} of {store.num_enrolments:,} enrolments end"
        remedy = "Leave out what is entered once the outcome is known."
        shown = [
            names.name(tell.value % size - 1 + RESERVED) for tell in giving[:3] if tell.value % size
        ]
        yield Finding(
            "tell", "events", count, count / store.num_enrolments, sentence, remedy, shown
        )
    marked = (kind == SUBMITTED) & ~np.isnan(value)
    order = np.argsort(piece[marked], kind="stable")
    row, value, piece = row[marked][order], value[marked][order], piece[marked][order]
    for part in np.split(np.arange(len(piece)), np.flatnonzero(np.diff(piece)) + 1):
        if len(part) and (area := auc(value[part], target[row[part]] == 1)) >= SURE:
            name = names.name(int(piece[part[0]]) + RESERVED)
            sentence = f"the mark of one piece of work alone tells the outcome (AUC {area:.4f})"
            remedy = "Leave it out if it is the outcome, or name its type Exam."
            count = len(part)
            share = count / store.num_enrolments
            yield Finding("tell", "marks", count, share, sentence, remedy, [name])


def _late(store: EventStore) -> Iterator[Finding]:
    """Look for events after a student has left."""
    events = store.events
    late = events.day > store.column("end")[events.enrolment]
    if late.any():
        count = int(late.sum())
        sentence = f"{count:,} of {len(late):,} events are of students who have left before"
        remedy = "They are seen on their day: make sure that they were known on it."
        names = store.student_names(np.unique(events.enrolment[late])[:2])
        yield Finding("cutoff", "events", count, count / len(late), sentence, remedy, names)
