"""Students at risk in courses that are going on."""

from collections.abc import Sequence
from typing import get_args

from torchedu.engine import RiskEngine
from torchedu.engine.risk import Kind
from torchedu.errors import DataError, TorcheduError
from torchedu.serve.events import ABOUT, COURSE, Event
from torchedu.serve.follower import Answer, Follower, Foreseen
from torchedu.serve.log import EventLog

MILLISECONDS = 86_400_000
"""Of a day."""
OUTCOME = "outcome"
"""The kind of event that says how a course ended for a student."""


class RiskFollower(Follower):
    """Answers how likely students are to fail or to leave.

    Courses are in memory, and are made again from the log when the service starts.

    Args:
        name: What the run is called.
        engine: The network in use.
        log: The log.
    """

    kinds = frozenset({ABOUT, COURSE, *get_args(Kind)})

    def __init__(self, name: str, engine: RiskEngine, log: EventLog) -> None:
        super().__init__(name, engine.digest, risk=self.risk)
        self._domain = engine.domain
        self._log = log
        self.undo()

    def undo(self) -> None:
        """Be as the log is."""
        self.engine, self._seq = RiskEngine(self._domain), 0
        self._begins: dict[str, float] = {}
        self.go_on(self._log)

    def go_on(self, log: EventLog) -> None:
        """Follow a log from now on; what came since is taken in."""
        self._log = log
        for event in log.events_of_kinds(self.kinds, after=self._seq):
            self.check([event])
            self._seq = event.seq

    def take(self, events: Sequence[Event]) -> None:
        """Note what is in the log; it counts since it was checked."""
        self._seq = events[-1].seq

    def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Say how likely outcomes were to be bad."""
        foreseen = []
        for event in events:
            if event.kind == OUTCOME and not event.fields.get("taken_back"):
                course, day = event.fields["course"], event.fields.get("day")
                try:
                    day = self._day(event) if day is None else day
                    (risk,) = self.engine.risk(event.student, course, day)
                except TorcheduError:  # nothing was known of the student there
                    continue
                came = float(bool(event.fields.get("value")))
                foreseen.append(Foreseen(event.seq, event.student, risk.risk, came))
        return foreseen

    def check(self, events: Sequence[Event]) -> None:
        """Take in events at once: all are found right before any of them counts."""
        rows = []
        for event in events:
            if event.kind == COURSE:
                self.engine.course(event.fields["course"], **event.fields["about"])
                self._begins[event.fields["course"]] = event.fields["about"].get("begins", 0)
            elif event.kind == ABOUT:
                self.engine.about(event.student, event.fields["attributes"])
            else:
                row = {"day": self._day(event), "student": event.student, "event": event.kind}
                rows.append({**row, **event.fields})
        self.engine.event_many(rows)

    def _day(self, event: Event) -> float | None:
        """Return the day of its course on which an event was; None where the event says it.

        Raises:
            DataError: Nobody said when the course begins.
        """
        if "day" in event.fields:
            return None
        course = event.fields["course"]
        if not self._begins.get(course):
            raise DataError(
                f"the event says no day, and nobody said when the course {course!r} begins.",
                "Say the day, or say first when the course begins: its field 'begins'.",
                option="day",
            )
        return event.time / MILLISECONDS - self._begins[course]

    def forget(self, students: Sequence[str]) -> None:
        """Forget students; those of their courses are compared with the others from now on."""
        self.undo()

    def risk(self, student: str, course: str | None = None, day: float | None = None) -> Answer:
        """Say how likely a student is to fail courses, or to leave; see ``RiskEngine.risk``."""
        risks = [risk._asdict() for risk in self.engine.risk(student, course, day)]
        return {"run": self.name, "student": student, "risks": risks}

    def reads(self, student: str) -> bytes:
        """Return what is known of a student in each course on its last day."""
        try:
            risks = self.engine.risk(student)
        except TorcheduError:  # in a class, but in no course
            return b""
        batches = [self.engine.batch(student, risk.course, [risk.day]) for risk in risks]
        return b"".join(x.numpy().tobytes() for batch in batches for x in batch)

    def overview(self, students: Sequence[str], group: str) -> Answer:
        """Say how likely each student of a course is to fail it."""
        risks = {}
        for student in students:
            try:
                (risk,) = self.engine.risk(student, group)
            except TorcheduError:  # in the class, but not in a course of this name
                continue
            risks[student] = {"day": risk.day, "risk": risk.risk, "leaving": risk.leaving}
        return risks
