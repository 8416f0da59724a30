"""Events in courses: what a format tells of courses and their students to a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.datasets.contents import describe_events
from torchedu.datasets.events import Courses, Enrolments, Events, EventStore, Work, write_events
from torchedu.datasets.importers.events import outcomes
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading.rows import BadRows, Reading


class History(NamedTuple):
    """All that happened in some courses.

    Attributes:
        courses: The courses.
        work: Their work.
        enrolments: The students in them.
        events: What these did, in any order.
        at_risk: The outcomes that a teacher wants to prevent; none where their words tell.
        dropped: For each reason, how many rows were left out.
        notes: What a user should know of how it was read.
    """

    courses: Courses
    work: Work
    enrolments: Enrolments
    events: Events
    at_risk: Sequence[str]
    dropped: Mapping[str, int]
    notes: Sequence[str] = ()


@dataclass(kw_only=True)
class EventImporter(Importer):
    """Events in courses; ``read`` gives rows, where it is told of such, and then a ``History``.

    Args:
        at_risk: The outcomes that a teacher wants to prevent, where their words do not tell.
    """

    store = EventStore
    describe = staticmethod(describe_events)

    at_risk: Sequence[str] = ()

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Write the history; see ``Importer.write``."""
        for history in reading.pieces:
            if not isinstance(history, History):
                continue
            _, _, enrolments, events, at_risk, dropped, notes = history
            if self.at_risk or not at_risk:
                at_risk = outcomes.at_risk(enrolments.outcome, self.at_risk, reading.raw)
            before = int((events.day < enrolments.begin[events.enrolment]).sum())
            late = f"{before} events lie before their student's registration; kept."
            about |= {
                "dropped": {**dropped, **bad.dropped},
                "notes": [
                    *reading.notes,
                    *notes,
                    *[late] * (before > 0),
                    outcomes.note(enrolments.outcome, at_risk),
                ],
            }
            courses, work = history[:2]
            write_events(out, courses, work, enrolments, events, at_risk, about, reading.raw)
