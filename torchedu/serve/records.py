"""Learning records as they are posted: what has to be in them, and what is kept of it."""

from json import JSONDecodeError
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from torchedu.serve.bodies import MOST, Name, refused
from torchedu.serve.json_bodies import parse
from torchedu.serve.problems import Problem
from torchedu.serve.statements import VOIDS, milliseconds

VERSION = "1.0.0"
"""The version that a record is of which says none."""


def told_time(value: str) -> str:
    """Refuse what is no time of ISO 8601."""
    milliseconds(value)
    return value


Timestamp = Annotated[str, AfterValidator(told_time)]


class _Form(BaseModel):
    """What has to be in a statement; whatever else it has is kept as it is."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Account(_Form):
    """An account at a home page."""

    homePage: Name
    name: Name


class Agent(_Form):
    """Who did it: known by one of an account, an address, its checksum, or an OpenID."""

    objectType: Literal["Agent", "Group"] = "Agent"
    account: Account | None = None
    mbox: Annotated[Name, Field(pattern="^mailto:[^@]+@[^@]+$")] | None = None
    mbox_sha1sum: Annotated[str, Field(pattern="^[0-9a-fA-F]{40}$")] | None = None
    openid: Name | None = None
    member: list["Agent"] | None = None

    @model_validator(mode="after")
    def known(self) -> "Agent":
        """Refuse who is not known by one of them, but for a group that has members."""
        number = sum(
            value is not None for value in (self.account, self.mbox, self.mbox_sha1sum, self.openid)
        )
        nameless = self.objectType == "Group" and self.member is not None
        if number > 1 or not (number or nameless):
            raise ValueError("it is known by one of account, mbox, mbox_sha1sum and openid")
        return self


class Verb(_Form):
    """What was done."""

    id: str = Field(min_length=1, pattern="^[A-Za-z][A-Za-z0-9+.-]*:")


class Definition(_Form):
    """What an activity is."""

    type: str | None = None
    extensions: dict[str, Any] | None = None


class Activity(_Form):
    """One of the activities around it."""

    id: str = Field(min_length=1)
    definition: Definition | None = None


class Object(_Form):
    """What it was done to."""

    objectType: Literal["Activity", "Agent", "Group", "SubStatement", "StatementRef"] = "Activity"
    id: str | None = Field(None, min_length=1)
    definition: Definition | None = None

    @model_validator(mode="after")
    def there(self) -> "Object":
        """Refuse an activity or a reference without a name."""
        if self.objectType in ("Activity", "StatementRef") and self.id is None:
            raise ValueError("an activity, or a reference to a statement, has an id")
        return self


class Score(_Form):
    """The points; what is above the highest is kept, and no mark."""

    scaled: float | None = None
    raw: float | None = None
    min: float | None = None
    max: float | None = None


class Result(_Form):
    """What came of it."""

    score: Score | None = None
    success: bool | None = None
    duration: str | None = None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Activities = Annotated[list[Activity], BeforeValidator(_listed)]


class ContextActivities(_Form):
    """The activities around it."""

    parent: Activities | None = None
    grouping: Activities | None = None
    category: Activities | None = None
    other: Activities | None = None


class Context(_Form):
    """Where it stands."""

    registration: str | None = None
    contextActivities: ContextActivities | None = None
    extensions: dict[str, Any] | None = None


class Record(_Form):
    """A statement."""

    id: Annotated[UUID, Field(strict=False)] | None = None
    actor: Agent
    verb: Verb
    object: Object
    result: Result | None = None
    context: Context | None = None
    timestamp: Timestamp | None = None
    version: Annotated[str, Field(pattern=r"^1\.0(\.\d+)?$")] | None = None

    @model_validator(mode="after")
    def voids(self) -> "Record":
        """Refuse to void what is no statement."""
        if self.verb.id == VOIDS:
            if self.object.objectType != "StatementRef":
                raise ValueError("what is voided is named by a StatementRef")
            UUID(str(self.object.id))
        return self


Records = Annotated[list[Record], Field(min_length=1, max_length=MOST)]
_RECORDS: TypeAdapter[Any] = TypeAdapter(Records)
EITHER: TypeAdapter[Any] = TypeAdapter(Record | Records)
"""For the documentation alone."""
SCHEMA: dict[str, Any] = EITHER.json_schema(ref_template="#/components/schemas/{model}")
DEFINITIONS = SCHEMA.pop("$defs")
"""The forms that the documentation of a body speaks of, by name."""


def read_statements(body: bytes, name: str | None = None) -> list[dict[str, Any]]:
    """Return the statements of a request as they are kept, one or a list of them.

    Each has an ``id`` and a ``version`` from now on. What a store alone may say, ``stored`` and
    ``authority``, is left out, and so are members that are null.

    Args:
        body: The body.
        name: What is called so where it has no ``id``; drawn at random where it is None.

    Raises:
        Problem: It is no JSON, or no statement.
    """
    try:
        given = parse(body)
    except JSONDecodeError as error:
        raise Problem(400, f"the body is no JSON: {error.msg}.", "Send JSON in UTF-8.") from None
    several = isinstance(given, list)
    listed = given if several else [given]
    if several and not listed:
        raise Problem(400, "the list holds no statements.", "Send one at least.")
    try:
        read = _RECORDS.validate_python(listed)
    except ValidationError as error:
        raise refused(error.errors(include_url=False)) from None
    statements = []
    for statement, record in zip(listed, read, strict=True):
        kept = {"id": str(record.id or name or uuid4()), "version": record.version or VERSION}
        for member, value in statement.items():
            if value is not None and member not in ("stored", "authority"):
                kept.setdefault(member, value)
        statements.append(kept)
    return statements
