"""Courses recommended to students by what they have taken so far."""

import json
import math
from collections.abc import Sequence

import numpy as np

from torchedu.engine import RecommendationEngine
from torchedu.errors import ConfigError, DataError
from torchedu.schema import ITEM
from torchedu.serve.events import ENROLLED, Event
from torchedu.serve.follower import Answer, Follower, Foreseen
from torchedu.serve.log import EventLog


class RecommendationFollower(Follower):
    """Answers which courses a student is likeliest to take next.

    Args:
        name: What the run is called.
        engine: The network in use.
        log: The log.

    Raises:
        ConfigError: The network knows the students that it was trained on, and no others.
    """

    kinds = frozenset({ENROLLED})
    loss = "misses"

    def __init__(self, name: str, engine: RecommendationEngine, log: EventLog) -> None:
        super().__init__(name, engine.digest, courses=self.courses)
        net = engine.domain.net
        if net.knows_students:
            raise ConfigError(
                f"the run {name} is of {type(net).__name__}, which knows the students that it was "
                "trained on and no others.",
                "Serve a network that goes by courses, such as TwoTower.",
            )
        self._engine = engine
        self.learned = engine.domain.popularity.numpy().astype(np.float64)
        self._log = log
        self._known = engine.companions.vocabulary[ITEM]

    def notes(self, event: Event) -> str | None:
        """Say where the network does not know the course."""
        if event.fields["course"] in self._known:
            return None
        return f"{self.name} does not know the course: it is kept, and nothing leans on it."

    def go_on(self, log: EventLog) -> None:
        """Follow a log from now on."""
        self._log = log

    def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Say whether courses would have been among the first that were recommended."""
        foreseen = []
        for event in {event.student: event for event in reversed(events)}.values():
            course = event.fields["course"]
            taken, history = self._taken(event.student)
            chance, known = math.nan, course in self._known
            if known and history and course not in taken:
                said = self._engine.recommend(history)
                chance = float(any(course == other.course for other in said))
            foreseen.append(
                Foreseen(event.seq, event.student, chance, 1.0, known, not taken,
                         self._known.id(course))
            )  # fmt: skip
        return foreseen

    def courses(self, student: str, count: int = 10) -> Answer:
        """Recommend courses to a student; see ``RecommendationEngine.recommend``."""
        taken, history = self._taken(student)
        if not history:
            raise DataError(
                f"nothing that {self.name} knows has been taken by {student!r}.",
                "Post an event 'enrolled' for each course that the student has taken.",
                option="student",
                value=student,
            )
        said = self._engine.recommend(history, count=count)
        return {
            "run": self.name, "student": student, "taken": taken,
            "courses": [course._asdict() for course in said],
        }  # fmt: skip

    def reads(self, student: str) -> bytes:
        """Return the courses that a student has taken."""
        return json.dumps(self._taken(student)).encode()

    def _taken(self, student: str) -> tuple[list[str], list[str]]:
        """Return the courses that a student has taken, and those of them that are known."""
        taken = [event.fields["course"] for event in self._log.events_of([student], ENROLLED)]
        return taken, [course for course in dict.fromkeys(taken) if course in self._known]
