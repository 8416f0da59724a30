"""What was asked, decided and done, until it is written with the next events or after a second."""

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from torchedu.engine.mastery import DEFINITION
from torchedu.engine.next_items import RULE
from torchedu.serve.access import ADMIN, NEEDS
from torchedu.serve.follower import Follower
from torchedu.serve.ledger import Act, Asked, Decision, Override, Record
from torchedu.serve.log import EventLog, Unwritable

ASIDE = ("do", "key", "who", "copy", "dry", "paid")
"""What a message has beside the arguments. ``copy`` marks what another shard takes down in its
book, ``dry`` what is only checked, ``paid`` what another shard has counted for its key's rate."""
QUIET = ("health", "metrics", "spend")
"""What stands in no book."""
LOOKS = ("acts", "forgetting", "versions", "drift")
"""What those who rule only ask for."""
SECONDS, MOST = 1, 500
"""How long, and up to how many, records wait to be written."""
RULES = {
    "mastery": DEFINITION,
    "chances": "The chance of answering each item correctly, as the next one.",
    "next": RULE,
    "risk": "The chance of a bad outcome of a course, and of leaving it within a week.",
    "courses": "The courses likeliest to be taken next, of those not yet taken.",
    "overview": "What each run says of a student beside the others of a class.",
}
"""What decides about students, and by which rule."""
_WHO = (*ASIDE, "student", "before", "named")
_NOT_ASKED = (*_WHO, "run", "history")


class Book:
    """Takes down requests, and what was said of students.

    Args:
        log: Where it is written.
        clock: Returns the time in milliseconds since 1970.
        decisions: Whether what is said of students is kept.
    """

    def __init__(self, log: EventLog, clock: Callable[[], int], decisions: bool = True) -> None:
        self._log = log
        self._clock = clock
        self._decisions = decisions
        self._written = clock()
        self.records: list[Record] = []

    def enter(
        self, message: Mapping[str, Any], key: str | None, status: int, body: Any,
        followers: Sequence[Follower],
    ) -> None:  # fmt: skip
        """Take a request down.

        Args:
            message: The request.
            key: The name of its key.
            status: What it came to.
            body: What was answered.
            followers: Those who may have answered.
        """
        verb, time = message["do"], self._clock()
        if verb in QUIET:
            return
        first = "copy" not in message
        if first:
            about = message.get("student"), message.get("group")
            self.records.append(Asked(time, key, verb, *about, status))
        done = first and status == HTTPStatus.OK and NEEDS.get(verb) == ADMIN and verb not in LOOKS
        if done:
            self.records.append(Act(time, key, verb, json.dumps(_about(message))))
        if self._decisions and status == HTTPStatus.OK and verb in RULES:
            seq = self._log.next_seq - 1
            try:
                self.records += _decided(message, key, body, followers, time, seq)
            except Exception:  # noqa: BLE001 - nobody's answer is lost by what is kept of it
                traceback.print_exc()
        if done or time - self._written >= SECONDS * 1000 or len(self.records) >= MOST:
            try:
                self.write()
            except Unwritable:  # it is tried again; what was asked is answered all the same
                traceback.print_exc()
                del self.records[:-MOST]

    def write(self, *more: Override) -> None:
        """Write what waits, and more.

        Raises:
            Unwritable: It cannot be written.
        """
        self._log.append([], (), [*self.records, *more])
        self.written()

    def written(self) -> None:
        """Say that what waited is in the log."""
        self.records, self._written = [], self._clock()


def _about(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an act is about: of students how many they are, since acts stay."""
    about = {k: v for k, v in message.items() if k not in _WHO}
    students = about.pop("students", ())
    return {**about, **({"students": len(students)} if students else {})}


def _decided(
    message: Mapping[str, Any], key: str | None, body: Any, followers: Sequence[Follower],
    time: int, seq: int,
) -> Iterator[Decision]:  # fmt: skip
    verb = message["do"]
    asked = {name: value for name, value in message.items() if name not in _NOT_ASKED}
    said: dict[str, dict[str, Any]] = {}
    if verb == "overview":
        said = body["runs"]
    else:
        answer = {name: body[name] for name in body if name not in ("run", "student", "history")}
        said[body["run"]] = {message["student"]: answer}
    for follower in followers:
        for student, answer in said.get(follower.name, {}).items():
            yield Decision(
                time, key, student, verb, follower.name, follower.network, seq,
                input_of(follower, student), json.dumps(asked, ensure_ascii=False),
                json.dumps(answer, ensure_ascii=False), RULES[verb],
            )  # fmt: skip


def input_of(follower: Follower, student: str) -> str:
    """Return the checksum of what a run's network reads of a student now."""
    return hashlib.sha256(follower.reads(student)).hexdigest()
