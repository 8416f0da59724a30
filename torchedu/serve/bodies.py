"""What may be posted: the forms of events, read and checked at once."""

from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Literal, get_args
from uuid import uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)

from torchedu.engine.risk import Kind
from torchedu.serve.problems import Problem

MOST = 1000
"""Events of one request."""
_IN_COURSE = get_args(Kind)
_OWN = ("answered", "enrolled", "about", "training")
COURSES = "course: "
"""What the name of the event by which a course begins has before the course's."""


def _milliseconds(value: object) -> object:
    """Return a time told as ISO 8601 in milliseconds since 1970, and others as they are."""
    if not isinstance(value, str) or value.isdigit():
        return value
    moment = datetime.fromisoformat(value)  # a ValueError is told as what is wrong
    if moment.tzinfo is None:
        raise ValueError("it lacks its time zone, such as Z or +01:00")
    return round(moment.timestamp() * 1000)


def _no_seconds(value: int) -> int:
    """Refuse seconds of today, or a date in digits: who is taken to be of 1970 is forgotten."""
    if 10**7 <= value < 10**11:
        raise ValueError("that many milliseconds end by 1973, as seconds do not: give milliseconds")
    return value


Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
"""A name of a student, item, skill, class or course: one line, as people and systems give it.

Blanks around it are no part of it, as where data is imported: who is forgotten here is called so
in the stores that were made of the service's file.
"""
Time = Annotated[
    int, BeforeValidator(_milliseconds), AfterValidator(_no_seconds), Field(ge=0, le=2**53)
]
"""Milliseconds since 1970, or ISO 8601 with a zone."""
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Day = Annotated[float, Field(ge=-1e5, le=1e5)]


class Body(BaseModel):
    """What a body holds; a field that it does not know is refused."""

    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False, populate_by_name=True
    )


class _Event(Body):
    id: Name = Field(
        default_factory=lambda: uuid4().hex,
        description="The event's name: posted again it changes nothing. One is drawn if left out.",
    )


class Answered(_Event):
    """An answer of a student to an item."""

    event: Literal["answered"] = "answered"
    student: Name
    item: Name
    correct: float = Field(ge=0, le=1, description="The mark.")
    skill: Name | list[Name] | None = Field(
        None, description="The item's skills, where the network does not know the item."
    )
    item_text: Annotated[str, StringConstraints(max_length=20_000)] | None = Field(
        None, description="What the item asks, in words, where the network does not know the item."
    )
    time: Time | None = Field(None, description="Milliseconds since 1970, or ISO 8601 with a zone.")
    response_time: Seconds | None = Field(None, description="Seconds taken.")
    attempt: int | None = Field(None, ge=1, le=10**6, description="Which attempt it is, from 1.")
    class_: Name | None = Field(None, alias="class", description="The student's class.")


class Enrolled(_Event):
    """A student takes a course."""

    event: Literal["enrolled"]
    student: Name
    course: Name
    time: Time | None = None


class InCourse(_Event):
    """What a student does in a course that is going on; see ``POST /courses``."""

    event: Kind
    student: Name
    course: Name
    day: Day | None = Field(
        None, description="The day; the course's first is 0. If left out, that of its time."
    )
    work: Name | None = Field(None, description="What was handed in.")
    value: float | None = Field(
        None, description="The mark, how often it was clicked on that day, or whether it ended bad."
    )
    taken_back: bool | None = Field(None, description="Whether it never was, after all.")
    time: Time | None = None


class About(_Event):
    """What the network may know of a student."""

    event: Literal["about"]
    student: Name
    attributes: dict[Name, Name] = Field(max_length=100)
    class_: Name | None = Field(None, alias="class", description="The student's class.")


class Training(_Event):
    """Whether networks may be trained on what a student does; the latest counts."""

    event: Literal["training"] = "training"
    student: Name
    allowed: bool
    time: Time | None = None
    class_: Name | None = Field(None, alias="class", description="The student's class.")


class Overruled(Body):
    """A decision that a person overrules."""

    student: Name
    decision: int = Field(ge=1, le=2**53, description="Which; see GET /decisions.")
    reason: str = Field(min_length=1, max_length=10_000, description="Why.")
    instead: JsonValue = Field(None, description="What holds in its place.")


class Work(Body):
    """A piece of work of a course."""

    work: Name
    due: Day | None = None
    weight: float | None = Field(None, ge=0, le=1e6)
    type: Name | None = None


class Course(Body):
    """A course that begins; days count from its first, which is 0."""

    course: Name
    length: float = Field(ge=1, le=1e5, description="Its days.")
    work: list[Work] = Field(default=[], max_length=MOST)
    module: Name | None = Field(None, description="What is taught; the course's name if left out.")
    begins: float = Field(0, ge=0, le=1e6, description="The date of day 0, in days since 1970.")

    def event(self) -> dict[str, Any]:
        """Return it as an event of the log."""
        about = self.model_dump(exclude_none=True, exclude={"course"})
        return {"id": COURSES + self.course, "event": "course", "course": self.course,
                "about": about}  # fmt: skip


def _each_once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


class Students(Body):
    """Students who are to be forgotten."""

    students: Annotated[list[Name], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=MOST
    )


def _kind(value: Any) -> str | None:
    kind = value.get("event", "answered") if isinstance(value, dict) else None
    return "in_course" if kind in _IN_COURSE else kind


Event = Annotated[
    Annotated[Answered, Tag("answered")]
    | Annotated[Enrolled, Tag("enrolled")]
    | Annotated[InCourse, Tag("in_course")]
    | Annotated[About, Tag("about")]
    | Annotated[Training, Tag("training")],
    Discriminator(
        _kind, custom_error_type="kind",
        custom_error_message=f"it is none of {', '.join([*_OWN, *_IN_COURSE])}",
    ),
]  # fmt: skip
Events = Annotated[list[Event], Field(min_length=1, max_length=MOST)]
SINGLE: TypeAdapter[Any] = TypeAdapter(Event)
SEVERAL: TypeAdapter[Any] = TypeAdapter(Events)
EITHER: TypeAdapter[Any] = TypeAdapter(Event | Events)
"""For the documentation alone: what is wrong is told better by the other two."""


def read_events(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a request, one or a list of them.

    Raises:
        Problem: It is no JSON, or a field cannot be.
    """
    several = body.lstrip()[:1] == b"["
    try:
        read = (SEVERAL if several else SINGLE).validate_json(body)
    except ValidationError as error:
        raise refused(error.errors(include_url=False)) from None
    events = read if several else [read]
    return [event.model_dump(by_alias=True, exclude_none=True) for event in events]


def refused(errors: Any) -> Problem:
    """Return what a check has found as a problem: the first field, and how many more are wrong.

    Args:
        errors: As pydantic lists them.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return Problem(400, f"the body is no JSON: {first['ctx']['error']}.", "Send JSON in UTF-8.")
    path = [part for part in first["loc"] if part not in ("body", "query", "path", *_TAGS)]
    row = next((part for part in path if isinstance(part, int)), None)
    field = ".".join(str(part) for part in path if part is not row) or "event"
    value = first["input"] if isinstance(first["input"], str | int | float | bool) else None
    value = None if isinstance(value, float) and not isfinite(value) else value
    more = f" ({len(errors) - 1} more are wrong)" if len(errors) > 1 else ""
    where = "" if row is None else f"row {row}: "
    text = first["msg"].removeprefix("Value error, ")
    return Problem(
        422, f"{where}the field {field!r}: {text}.{more}", "See /docs for what is allowed.",
        field=field, row=row, value=value,
    )  # fmt: skip


_TAGS = (*_OWN, "in_course")
