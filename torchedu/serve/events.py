"""What a service is told: events, each with a name of its own, so that none counts twice."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

ANSWERED, ENROLLED, COURSE, ABOUT = "answered", "enrolled", "course", "about"
"""Kinds of events beside those of ``engine.risk.Kind``: an answer to an item, a course taken, a
course that begins, and what may be known of a student."""
TRAINING = "training"
"""The kind of event that says whether networks may be trained on a student's answers."""
STATEMENT, VOIDED = "statement", "voided"
"""Kinds that no run takes: a learning record as it came, and the mark that it is void. Events that
count no more because their record is void are of their kind with ``VOIDED`` before it."""
AHEAD = 300_000
"""Milliseconds by which a clock that tells an event's time may be ahead of the service's."""


class Event(NamedTuple):
    """Something that happened, as it stands in the log.

    Attributes:
        seq: Its place in the log, from 1, in the order in which events came.
        id: Its name, given by who told it.
        digest: The checksum of all that was told, by which a changed event of one name is found.
        student: Whose it is; empty for what is of no student.
        group: The class (or course) in which it happened, where that is known.
        kind: What happened.
        time: When, in milliseconds since 1970; when it came, where nobody said.
        fields: What was told beside.
    """

    seq: int
    id: str
    digest: bytes
    student: str
    group: str | None
    kind: str
    time: int
    fields: Mapping[str, Any]

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among a student's: by time, and of one time as they came."""
        return self.time, self.seq


def event_of(given: Mapping[str, Any], seq: int, now: int) -> Event:
    """Return an event as it was posted.

    Args:
        given: Its fields, ``id`` and ``event`` (its kind) among them; values of JSON.
        seq: Its place in the log.
        now: The time, in milliseconds since 1970.
    """
    fields = dict(given)
    id, kind = fields.pop("id"), fields.pop("event")
    came = fields.get("statement", fields)  # a record is what came, not what was read of it
    content = json.dumps([kind, came], sort_keys=True, ensure_ascii=False).encode()
    return Event(
        seq,
        id,
        hashlib.sha256(content).digest(),
        fields.pop("student", ""),
        fields.pop("class", None) or fields.get("course"),
        kind,
        fields.pop("time", now),
        fields,
    )
