"""Students followed answer by answer, for as many as there are."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torchedu.engine import TracingEngine
from torchedu.errors import ConfigError
from torchedu.schema import ITEM
from torchedu.serve.events import ANSWERED, Event
from torchedu.serve.follower import Answer, Follower, Foreseen
from torchedu.serve.log import EventLog, Snapshot
from torchedu.serve.students import MEMORY, Students, row_of

REPLAYED = 2000
"""Answers of a student that a history goes through at most."""


class TracingFollower(Follower):
    """Answers what students master, what they would get right, and what comes next.

    Args:
        name: What the run is called.
        engine: The network in use.
        log: The log.
        memory: Bytes of states in memory.
        requires: The skills that a skill requires, by name; see ``TracingEngine.next``.
    """

    kinds = frozenset({ANSWERED})

    def __init__(
        self,
        name: str,
        engine: TracingEngine,
        log: EventLog,
        memory: int = MEMORY,
        requires: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(
            name, engine.digest, mastery=self.mastery, chances=self.chances, next=self.next
        )
        self.engine = engine
        self.learned = engine.companions.answered
        self._requires = requires
        self.students = Students(engine, log, memory)

    def notes(self, event: Event) -> str | None:
        """Say where the network knows neither the item nor its skills."""
        if self.students.reads(event):
            return None
        return (
            f"{self.name} knows neither the item nor a skill of it: the answer is kept, and moves "
            "nothing before a network is served that knows them."
        )

    def rebuilt(self) -> Iterator[list[Snapshot]]:
        """Make the states of students again who have answered much; see ``Students.rebuilt``."""
        yield from self.students.rebuilt()

    def go_on(self, log: EventLog) -> None:
        """Follow a log from now on; states that events have come for since are made again."""
        self.students.go_on(log)

    def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Say how likely answers are right: of each student the first, where it is not late."""
        first: dict[str, Event] = {}
        for event in sorted(events, key=lambda event: event.order):
            first.setdefault(event.student, event)
        self.students.load(first)
        last = {student: self.students.held(student) for student in first}
        times = {student: held.time for student, held in last.items() if held}
        asked = [e for student, e in first.items() if e.time >= times.get(student, e.time)]
        known = [event for event in asked if self.students.reads(event)]
        chances = self.engine.predict_many([row_of(event) for event in known]) if known else []
        chance = {event.seq: chance for event, chance in zip(known, chances, strict=True)}
        items = self.engine.companions.vocabulary[ITEM]
        return [
            Foreseen(
                e.seq, e.student, chance.get(e.seq, math.nan), e.fields["correct"],
                known=e.fields["item"] in items, new=e.student not in times,
                id=items.id(e.fields["item"]),
            )
            for e in asked
        ]  # fmt: skip

    def take(self, events: Sequence[Event]) -> None:
        """Take in answers that are in the log."""
        try:
            self.students.take(events)
        except BaseException:  # the log has them: what is in memory is made again from there
            for event in events:
                self.students.drop(event.student)
            raise

    def forget(self, students: Sequence[str]) -> None:
        """Forget students of whom the log has nothing any more."""
        for student in students:
            self.students.drop(student)

    def due(self, everything: bool = False) -> list[Snapshot]:
        """Return states that are to be kept with the next events, or all that changed."""
        return self.students.all_due() if everything else self.students.due()

    def kept(self) -> None:
        """Say that what ``due`` returned is on the disk."""
        self.students.kept()

    def mastery(self, student: str, history: int = 0) -> Answer:
        """Say how well a student masters each skill; see ``engine.mastery.DEFINITION``.

        Args:
            student: The student; of one who is new, what is known of anybody.
            history: After how many of the last answers it is told too.

        Raises:
            ConfigError: There are too many answers to go through for a history.
        """
        about = self._about(student)
        about["skills"] = self.engine.mastery(student)
        if history and about["answers"] > REPLAYED:
            raise ConfigError(
                f"⟦history⟧ is {history}, and {student!r} has {about['answers']:,} answers.",
                f"It goes through all of them while others wait, up to {REPLAYED:,}; leave it out.",
                value=history,
            )
        if history:
            about["history"] = [
                {
                    "id": event.id, "time": event.time, "item": event.fields["item"],
                    "correct": event.fields["correct"], "skills": skills,
                }
                for event, skills in self.students.history(student, history)
            ]  # fmt: skip
        return about

    def chances(self, student: str, items: Sequence[str], time: int | None = None) -> Answer:
        """Say how likely a student is to answer items right, each as the next one."""
        about = self._about(student)
        chances = self.engine.predict(student, list(items), time=time)
        about["chances"] = dict(zip(items, chances, strict=True))
        return about

    def next(
        self, student: str, count: int = 1, target: float = 0.7, time: int | None = None
    ) -> Answer:
        """Suggest items for a student; see ``TracingEngine.next``."""
        about = self._about(student)
        wanted: dict[str, Any] = {"target": target, "count": count, "time": time}
        suggested = self.engine.next(student, requires=self._requires, **wanted)
        about["items"] = [item._asdict() for item in suggested]
        return about

    def reads(self, student: str) -> bytes:
        """Return the state of a student; see ``TracingEngine.state``."""
        self.students.load([student])
        return self.engine.state(student)

    def overview(self, students: Sequence[str], group: str) -> Answer:
        """Say how well each student masters each skill."""
        self.students.load(students)
        skills = self.engine.mastery_many(students)
        return {
            student: {"answers": self._about(student)["answers"], "skills": mastery}
            for student, mastery in zip(students, skills, strict=True)
        }

    def _about(self, student: str) -> dict[str, Any]:
        """Say of whom is spoken, and how much is known."""
        held = self.students.held(student)
        return {
            "run": self.name, "student": student, "known": held is not None,
            "answers": held.answers if held else 0, "last": held.time if held else None,
        }  # fmt: skip
