"""Students at risk in courses that are going on."""

from collections.abc import Sequence
from typing import get_args

from torchedu.engine import RiskEngine
from torchedu.engine.risk import Kind
from torchedu.errors import TorcheduError
from torchedu.serve.events import ABOUT, COURSE, Event
from torchedu.serve.follower import Answer, Follower
from torchedu.serve.log import EventLog


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
        self.engine = RiskEngine(self._domain)
        for event in self._log.events_of_kinds(self.kinds):
            self.check([event])

    def check(self, events: Sequence[Event]) -> None:
        """Take in events at once: all are found right before any of them counts."""
        rows = []
        for event in events:
            if event.kind == COURSE:
                self.engine.course(event.fields["course"], **event.fields["about"])
            elif event.kind == ABOUT:
                self.engine.about(event.student, event.fields["attributes"])
            else:
                rows.append({**event.fields, "student": event.student, "event": event.kind})
        self.engine.event_many(rows)

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
