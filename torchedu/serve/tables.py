"""The tables of a service, and what every post asks of them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    event,
    insert,
    or_,
    select,
)

VERSION, UNFINISHED = 1, 0
"""Of the tables, and of those of a store that is still being copied."""

METADATA = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # there whole numbers have one size

ABOUT = Table("about", METADATA, Column("version", Integer, nullable=False))
SHARDS = Table(
    "shards",
    METADATA,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("shards", Integer, nullable=False),
)
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("student", Text, nullable=False),
    Column("group", Text),
    Column("kind", Text, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("fields", Text, nullable=False),
    Index("events_of_students", "student", "seq"),
)
MEMBERS = Table(
    "members",
    METADATA,
    Column("group", Text, primary_key=True),
    Column("student", Text, primary_key=True),
    Index("groups_of_students", "student"),
)
STATES = Table(
    "states",
    METADATA,
    Column("student", Text, primary_key=True),
    Column("network", Text, primary_key=True),
    Column("seq", _NUMBER, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
VERSIONS = Table(
    "versions",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("given", Text, nullable=False),
    Column("since", _NUMBER, nullable=False),
)
KEYS = Table(
    "keys",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("group", Text),
    Column("made", _NUMBER, nullable=False),
    Column("revoked", _NUMBER),
)
AUDIT = Table(
    "audit",
    METADATA,
    Column("place", _NUMBER, primary_key=True),
    Column("time", _NUMBER, nullable=False),
    Column("key", Text),
    Column("asked", Text, nullable=False),
    Column("student", Text),
    Column("group", Text),
    Column("status", Integer, nullable=False),
    Index("audits_of_students", "student"),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("place", _NUMBER, primary_key=True),
    Column("time", _NUMBER, nullable=False),
    Column("key", Text),
    Column("student", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("seq", _NUMBER, nullable=False),
    Column("input", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Index("decisions_of_students", "student"),
)
OVERRIDES = Table(
    "overrides",
    METADATA,
    Column("place", _NUMBER, primary_key=True),
    Column("decision", _NUMBER, nullable=False),
    Column("student", Text, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("key", Text),
    Column("reason", Text, nullable=False),
    Column("instead", Text),
    Index("overrides_of_students", "student"),
)
ACTS = Table(
    "acts",
    METADATA,
    Column("place", _NUMBER, primary_key=True),
    Column("time", _NUMBER, nullable=False),
    Column("key", Text),
    Column("act", Text, nullable=False),
    Column("about", Text, nullable=False),
)
for _change in ("UPDATE", "DELETE"):
    _refused = f"BEFORE {_change} ON acts BEGIN SELECT RAISE(ABORT, 'acts are kept'); END"
    _trigger = DDL(f"CREATE TRIGGER acts_{_change} {_refused}")  # type: ignore[no-untyped-call]
    event.listen(ACTS, "after_create", _trigger.execute_if(dialect="sqlite"))
DERIVED = Table(
    "derived",
    METADATA,
    Column("path", Text, primary_key=True),
    Column("student", Text),
    Column("time", _NUMBER, nullable=False),
)
OF_STUDENTS = (STATES, MEMBERS, AUDIT, DECISIONS, OVERRIDES, DERIVED)
"""Tables beside the events whose rows are about students."""

# Statements of every post, built once: to build one takes longer than to ask it.
_ANY_STUDENTS: BindParameter[Any] = bindparam("students", expanding=True)
ADD_EVENTS = insert(EVENTS)
DIGESTS = select(EVENTS.c.id, EVENTS.c.digest).where(
    EVENTS.c.id.in_(bindparam("ids", expanding=True))
)
# In the order of the fields of ``log.Snapshot``.
SNAPSHOTS = select(STATES).where(
    STATES.c.network == bindparam("network"), STATES.c.student.in_(_ANY_STUDENTS)
)
EVENTS_OF = select(EVENTS).where(
    EVENTS.c.kind == bindparam("kind"), EVENTS.c.student.in_(_ANY_STUDENTS)
)
LATER_EVENTS_OF = EVENTS_OF.outerjoin_from(
    EVENTS,
    STATES,
    (STATES.c.student == EVENTS.c.student) & (STATES.c.network == bindparam("network")),
).where(or_(STATES.c.seq.is_(None), EVENTS.c.seq > STATES.c.seq))


def anew(added_to: Callable[[Table], Any]) -> Any:
    """Return the statement by which states take the place of others.

    Args:
        added_to: What inserts, as the database has it.
    """
    added = added_to(STATES)
    others = {c.name: added.excluded[c.name] for c in STATES.columns if not c.primary_key}
    return added.on_conflict_do_update(index_elements=[*STATES.primary_key], set_=others)
