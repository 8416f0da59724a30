"""Learning records among the events of a service: kept as they came, beside what they mean.

Each statement is an event of its own, which nobody takes. What it means to runs are further events,
whose names are made of its own: they count until it is voided.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple, get_args
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from torchedu.datasets.statements import answer, course_of, in_course, name_of, named
from torchedu.engine.risk import Kind
from torchedu.errors import TorcheduError
from torchedu.serve.bodies import SINGLE, Name
from torchedu.serve.events import AHEAD, ANSWERED, ENROLLED, STATEMENT, VOIDED, Event, event_of
from torchedu.serve.log import EventLog
from torchedu.serve.problems import Problem

Statement = Mapping[str, Any]
Fields = dict[str, Any]
"""An event as it is posted."""
VOIDS = "http://adlnet.gov/expapi/verbs/voided"
ACTIVITY, AGENT = "Activity", "Agent"
NAMES = "xapi: "
"""What the name of a statement's event has before the statement's own."""
MEANINGS = (ANSWERED, ENROLLED, *get_args(Kind))
"""Kinds of events that a statement may mean."""
AT_ONCE = 1000
"""Statements that are looked through at once."""
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def event_fields(statement: Statement) -> tuple[Fields, list[Fields]]:
    """Return the event that a statement is, and those that it means.

    Args:
        statement: A whole statement, with its ``id``.
    """
    name, actor, about = NAMES + statement["id"], statement["actor"], statement["object"]
    own: Fields = {"id": name, "event": STATEMENT, "statement": statement}
    person = actor.get("objectType", AGENT) == AGENT
    if person:
        own["student"] = name_of(actor)
    if statement["verb"]["id"] == VOIDS:
        return own, [{"id": _mark(NAMES + str(UUID(about["id"]))), "event": VOIDED}]
    course = course_of(statement) if about.get("objectType", ACTIVITY) == ACTIVITY else ""
    try:
        own["class"] = _NAME.validate_python(course)
    except ValidationError:
        return own, []
    return own, list(_meant(own)) if person else []


def _meant(own: Fields) -> Iterator[Fields]:
    """Yield the events that a statement means; what could not be posted is none."""
    statement, said = own["statement"], list[Mapping[str, Any]]()
    if (answered := answer(statement)) is not None:
        said.append({
            "event": ANSWERED, "item": answered.item, "correct": answered.mark,
            "response_time": answered.seconds, "attempt": answered.attempt, "class": own["class"],
        })  # fmt: skip
    if (step := in_course(statement)) is not None:
        if step.event == "registered":
            said.append({"event": ENROLLED, "course": step.course})
        said.append(step._asdict())
    for fields in said:
        given = {name: value for name, value in fields.items() if value is not None}
        given |= {"id": f"{own['id']} {fields['event']}", "student": own["student"]}
        if "timestamp" in statement:
            given["time"] = milliseconds(statement["timestamp"])
        try:
            event = SINGLE.validate_python(given)
        except ValidationError:
            continue
        yield event.model_dump(by_alias=True, exclude_none=True)


def milliseconds(timestamp: str) -> int:
    """Return a time of ISO 8601 in milliseconds since 1970; without a zone it is UTC.

    Raises:
        ValueError: It is none.
    """
    moment = datetime.fromisoformat(timestamp)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)


def timestamp(milliseconds: int) -> str:
    """Return a time as ISO 8601."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def names_in(message: Mapping[str, Any]) -> set[str]:
    """Return the names of events that a message may bring, and of marks that void them."""
    own = {fields["id"] for fields in message["events"]}
    if "meanings" not in message:
        return own
    meant = {fields["id"] for some in message["meanings"] for fields in some}
    return own | meant | set(map(_mark, own))


class Meant(NamedTuple):
    """What new statements mean.

    Attributes:
        events: Events that count from now on, and marks that statements are void.
        voided: Names that events which count no more may have.
        became: What each statement came to: ``counted``; ``refused``, where a run takes such events
            but not this one; else ``kept``.
    """

    events: list[Event]
    voided: list[str]
    became: list[str]


def mean(
    new: Sequence[Event],
    message: Mapping[str, Any],
    known: Mapping[str, bytes],
    now: int,
    check: Callable[[Sequence[Event]], None],
    kinds: frozenset[str],
) -> Meant:
    """Return what new statements mean to runs. A statement is kept whatever they refuse of it.

    Args:
        new: Those of the message's statements that are new, as they come into the log.
        message: With ``meanings``, for each of its ``events`` those that it means.
        known: Events that are known already, by name.
        now: The time, in milliseconds since 1970.
        check: Asks runs whether events can be.
        kinds: Kinds of events that some run takes.
    """
    meant = Meant([], [], [])
    meanings = dict(zip((e["id"] for e in message["events"]), message["meanings"], strict=True))
    said = {event.id: meanings[event.id] for event in new}
    marks = {fields["id"] for some in said.values() for fields in some} | known.keys()
    for statement in new:
        became = set[str]()
        for fields in said[statement.id]:
            event = event_of(fields, new[-1].seq + 1 + len(meant.events), now)
            if event.kind == VOIDED:
                if event.id in known or event.id in {e.id for e in meant.events}:
                    continue
                meant.voided.extend(voided_by(event.id))
            elif event.kind not in kinds or _mark(statement.id) in marks:
                continue
            elif _can_be(event, known, now, check):
                became.add("counted")
            else:
                became.add("refused")
                continue
            meant.events.append(event)
        meant.became.append(min(became, default="kept"))
    return meant


def _can_be(
    event: Event,
    known: Mapping[str, bytes],
    now: int,
    check: Callable[[Sequence[Event]], None],
) -> bool:
    if event.id in known or event.time > now + AHEAD:
        return False
    try:
        check([event])
    except TorcheduError:
        return False
    return True


def find(
    log: EventLog,
    *,
    id: str | None = None,
    void: bool = False,
    student: str | None = None,
    agent: Mapping[str, Any] | None = None,
    since: int = 0,
    until: int = 2**62,
    verb: str | None = None,
    activity: str | None = None,
    registration: str | None = None,
    limit: int = 100,
    ascending: bool = False,
    place: Sequence[int] = (),
    placed: bool = False,
) -> dict[str, Any]:
    """Return statements as a record store has them.

    Args:
        log: The log.
        id: The only one that is asked for.
        void: Whether that one is void; else only what is not void is returned.
        student: Whose.
        agent: Who that is; its account's home page counts too.
        since: After when it was stored, in milliseconds since 1970.
        until: Up to when.
        verb: The address of its verb.
        activity: The name of its object.
        registration: Of its context.
        limit: How many at most; fewer may be returned though ``more`` follow.
        ascending: Whether the first that was stored comes first.
        place: The place in the log after which it goes on, where it does.
        placed: Whether it is said in which place each stands, and ``through`` when was looked.

    Returns:
        ``statements``, and ``more``: the place after which to go on; None at the end.

    Raises:
        Problem: There is more than one place.
    """
    if len(place) > 1:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "the place is of a service with more shards.",
            "Begin with the first page.", field="place",
        )  # fmt: skip
    begin = place[0] if place else 0
    seqs = (begin, 2**62) if ascending else (0, begin or 2**62)
    most = limit if {agent is None, verb, activity, registration} == {True, None} else AT_ONCE
    page = log.page(
        STATEMENT, most, id=id and NAMES + id, seqs=seqs, times=(since, until), student=student,
        newest_first=not ascending,
    )  # fmt: skip
    marks = log.digests([_mark(event.id) for event in page])
    statements, places, last, looked = list[dict[str, Any]](), list[int](), None, 0
    for event in page:
        if len(statements) == limit:
            break
        last, looked, statement = event.seq, event.time, event.fields["statement"]
        voiding = statement["verb"]["id"] == VOIDS  # which cannot be voided itself
        wanted = (not voiding and _mark(event.id) in marks) == void and all(
            (
                agent is None or _who(agent) == _who(statement["actor"]),
                verb in (None, statement["verb"]["id"]),
                activity in (None, statement["object"].get("id")),
                registration in (None, (statement.get("context") or {}).get("registration")),
            )
        )
        if wanted:
            stored = timestamp(event.time)
            statements.append({"timestamp": stored, **statement, "stored": stored})
            places.append(event.seq)
    through = not page or (last == page[-1].seq and len(page) < most)
    said = {"statements": statements, "more": None if through else last}
    return said | ({"places": places, "through": timestamp(looked)} if placed else {})


def speaking_of(log: EventLog, students: Sequence[str]) -> list[str]:
    """Return the names of events of statements that name students, as those of a teacher do."""
    ids = []
    for student in students:
        written, last = json.dumps(student, ensure_ascii=False)[1:-1], 0  # blanks may be around it
        while page := log.page(STATEMENT, AT_ONCE, seqs=(last, 2**62), within=written):
            last = page[-1].seq
            ids += [e.id for e in page if student in named(e.fields["statement"])]
    return ids


def _who(agent: Mapping[str, Any]) -> tuple[Any, ...]:
    account = agent.get("account") or {}
    known = (agent.get(name) for name in ("mbox", "mbox_sha1sum", "openid"))
    return account.get("homePage"), account.get("name"), *known


def is_mark(name: str) -> bool:
    """Say whether it is the name of a mark, which stands in every shard."""
    return name.startswith(NAMES) and name.endswith(f" {VOIDED}")


def voided_by(mark: str) -> list[str]:
    """Return the names that events may have which count no more because of a mark."""
    target = mark.removesuffix(f" {VOIDED}")
    return [f"{target} {kind}" for kind in MEANINGS]


def _mark(name: str) -> str:
    """Return the name of the mark that an event of a statement is void."""
    return f"{name} {VOIDED}"
