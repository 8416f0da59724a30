"""What statements of the Experience API (xAPI) say of learning, whoever published them.

https://github.com/adlnet/xAPI-Spec. Verbs are known by the last part of their address, as the
vocabularies of ADL, Tin Can and activity streams have them; so are the types of activities. A
statement's course is what its type calls one, of its object and the activities of its context's
``grouping`` and ``parent``. Where nothing has such a type it is the first of the ``grouping``, else
of the ``parent``, that is not the whole platform, else the object. These are the forms of Open edX
(event-routing-backends), Moodle (logstore_xapi, Trax Logs) and H5P.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Statement = Mapping[str, Any]

_ANSWERED = frozenset(["answered", "evaluated"])
_CLICKS = frozenset([
    "experienced", "launched", "initialized", "interacted", "accessed", "access", "viewed",
    "resumed", "suspended", "progressed", "opened", "open", "played", "play", "paused", "read",
    "watch", "watched", "navigated-in",
])  # fmt: skip
_DONE = _ANSWERED | {
    "completed", "complete", "submitted", "submit", "scored", "passed", "failed", "turned-in",
    "attempted",
}  # fmt: skip
_LEFT = frozenset(["unregistered", "abandoned", "withdrew", "terminated-registration", "left"])
_ENDED_BADLY = {"passed": False, "completed": False, "failed": True}
_PLATFORMS = frozenset(["lms", "system", "site", "platform"])
_ATTEMPT = "attempt-id"
_DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = (7 * 86_400, 86_400, 3600, 60, 1)


class InCourse(NamedTuple):
    """What a statement says of a student in a course.

    Attributes:
        event: The kind of event; see ``datasets.events``.
        course: The course.
        work: What was handed in.
        value: The mark, from 0; how often it was clicked; whether the course ended badly.
    """

    event: str
    course: str
    work: str | None = None
    value: float | None = None


class Answer(NamedTuple):
    """What a statement says of an answer.

    Attributes:
        item: What was answered.
        mark: From 0.
        seconds: How long it took, where it says so.
        attempt: Which attempt it was, from 1, where it says so.
    """

    item: str
    mark: float
    seconds: float | None
    attempt: int | None


def verb_of(statement: Statement) -> str:
    """Return the last part of the verb's address."""
    return _last(statement["verb"]["id"])


def name_of(agent: Mapping[str, Any]) -> str:
    """Return what an agent is called, without blanks around it; of an account its name."""
    account = agent.get("account")
    name = account.get("name") if isinstance(account, Mapping) else None
    others = (agent.get(key) for key in ("mbox", "mbox_sha1sum", "openid", "name"))
    return str(name or next(filter(None, others), "")).strip()


def named(statement: Any) -> Iterator[str]:
    """Yield what is called by name anywhere in a statement: its actor, a teacher, a team."""
    if isinstance(statement, Mapping):
        if not statement.keys().isdisjoint(("account", "mbox", "mbox_sha1sum", "openid")):
            yield name_of(statement)
        for value in statement.values():
            yield from named(value)
    elif isinstance(statement, list):
        for value in statement:
            yield from named(value)


def course_of(statement: Statement) -> str:
    """Return the course in which a statement stands; its object where nothing else is one."""
    activities = (statement.get("context") or {}).get("contextActivities") or {}
    groups = [_listed(activities.get(name)) for name in ("grouping", "parent")]
    around = [activity for group in groups for activity in group]
    for activity in (statement["object"], *around):
        if _type(activity) == "course":
            return str(activity["id"])
    inside = [str(activity["id"]) for activity in around if _type(activity) not in _PLATFORMS]
    return inside[0] if inside else str(statement["object"]["id"])


def in_course(statement: Statement) -> InCourse | None:
    """Return what a statement says of a student in a course; None where it is nothing.

    ``passed``, ``completed`` and ``failed`` on a course itself are how it ended; on anything in it,
    they and what else is handed in or marked hand it in.
    """
    about, verb, course = str(statement["object"]["id"]), verb_of(statement), course_of(statement)
    if verb == "registered":
        return InCourse("registered", course)
    if verb in _LEFT:
        return InCourse("left", course)
    if verb in _CLICKS:
        return InCourse("clicked", course, value=1.0)
    if about == course:
        bad = _ENDED_BADLY.get(verb)
        return None if bad is None else InCourse("outcome", course, value=float(bad))
    if verb in _DONE:
        return InCourse("submitted", course, about, _mark(statement))
    return None


def answer(statement: Statement) -> Answer | None:
    """Return what a statement says of an answer; None where it is of none, or of one unmarked."""
    mark = _mark(statement) if verb_of(statement) in _ANSWERED else None
    if mark is None:
        return None
    spent = (statement.get("result") or {}).get("duration")
    return Answer(str(statement["object"]["id"]), mark, _seconds(spent), _attempt(statement))


def _mark(statement: Statement) -> float | None:
    """Return the mark, from 0: points of those there were, else whether an answer was right."""
    result = statement.get("result") or {}
    score = result.get("score") or {}
    if score.get("scaled") is not None:
        return max(0.0, float(score["scaled"]))
    if score.get("raw") is not None and score.get("max"):
        least = float(score.get("min") or 0)
        if float(score["max"]) > least:
            return max(0.0, (float(score["raw"]) - least) / (float(score["max"]) - least))
    success = result.get("success")
    return float(success) if verb_of(statement) in _ANSWERED and success is not None else None


def _seconds(duration: Any) -> float | None:
    """Return a duration of ISO 8601 in seconds; None where it is none, or of months."""
    match = _DURATION.fullmatch(str(duration or ""))
    if match is None or not any(match.groups()):
        return None
    parts = zip(match.groups(), _SECONDS, strict=True)
    seconds = math.fsum(float(part) * size for part, size in parts if part)
    return seconds if math.isfinite(seconds) else None


def _attempt(statement: Statement) -> int | None:
    for holder in (statement["object"].get("definition"), statement.get("context")):
        for name, value in ((holder or {}).get("extensions") or {}).items():
            if _last(name) == _ATTEMPT and isinstance(value, int) and value >= 1:
                return value
    return None


def _type(activity: Mapping[str, Any]) -> str:
    return _last((activity.get("definition") or {}).get("type") or "")


def _last(address: Any) -> str:
    return str(address).rstrip("/").rpartition("/")[2]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
