"""Courses recommended to students by what they have taken so far."""

import json

from torchedu.engine import RecommendationEngine
from torchedu.errors import ConfigError, DataError
from torchedu.schema import ITEM
from torchedu.serve.events import ENROLLED, Event
from torchedu.serve.follower import Answer, Follower
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
        self._log = log
        self._known = engine.companions.vocabulary[ITEM]

    def notes(self, event: Event) -> str | None:
        """Say where the network does not know the course."""
        if event.fields["course"] in self._known:
            return None
        return f"{self.name} does not know the course: it is kept, and nothing leans on it."

    def courses(self, student: str, count: int = 10) -> Answer:
        """Recommend courses to a student; see ``RecommendationEngine.recommend``."""
        taken = self._taken(student)
        history = [course for course in dict.fromkeys(taken) if course in self._known]
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

    def _taken(self, student: str) -> list[str]:
        return [event.fields["course"] for event in self._log.events_of([student], ENROLLED)]
