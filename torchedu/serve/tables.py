"""The tables of a service, and the file that they stand in."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError

from torchedu.errors import ConfigError

if os.name == "posix":
    import fcntl

Synchronous = Literal["FULL", "NORMAL"]
"""When a commit is over: once the disk has it, or once the system has it. With ``NORMAL`` a machine
that loses its power loses what it acknowledged last; a process that is killed loses nothing."""
VERSION = 1
"""Of the tables."""

_METADATA = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # there whole numbers have one size

ABOUT = Table("about", _METADATA, Column("version", Integer, nullable=False))
EVENTS = Table(
    "events",
    _METADATA,
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
    _METADATA,
    Column("group", Text, primary_key=True),
    Column("student", Text, primary_key=True),
    Index("groups_of_students", "student"),
)
STATES = Table(
    "states",
    _METADATA,
    Column("student", Text, primary_key=True),
    Column("network", Text, primary_key=True),
    Column("seq", _NUMBER, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
VERSIONS = Table(
    "versions",
    _METADATA,
    Column("run", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("given", Text, nullable=False),
    Column("since", _NUMBER, nullable=False),
)
KEYS = Table(
    "keys",
    _METADATA,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("group", Text),
    Column("made", _NUMBER, nullable=False),
    Column("revoked", _NUMBER),
)
AUDIT = Table(
    "audit",
    _METADATA,
    Column("place", Integer, primary_key=True),
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
    _METADATA,
    Column("place", Integer, primary_key=True),
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
    _METADATA,
    Column("place", Integer, primary_key=True),
    Column("decision", Integer, nullable=False),
    Column("student", Text, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("key", Text),
    Column("reason", Text, nullable=False),
    Column("instead", Text),
    Index("overrides_of_students", "student"),
)
ACTS = Table(
    "acts",
    _METADATA,
    Column("place", Integer, primary_key=True),
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
    _METADATA,
    Column("path", Text, primary_key=True),
    Column("student", Text),
    Column("time", _NUMBER, nullable=False),
)
OF_STUDENTS = (STATES, MEMBERS, AUDIT, DECISIONS, OVERRIDES, DERIVED)
"""Tables beside the events whose rows are about students."""


def open_tables(file: Path, synchronous: Synchronous = "FULL") -> Engine:
    """Open the file of a service, and make it where there is none.

    Args:
        file: The file, of SQLite.
        synchronous: See ``Synchronous``.

    Raises:
        ConfigError: It is a file of another kind or version, or cannot be made.
    """
    _check_folder(file)
    with suppress(FileExistsError):  # closing a handle on it would free the locks of SQLite on it
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # its owner's alone
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "secure_delete=ON",  # what is deleted is overwritten
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    try:
        with engine.begin() as connection:
            _METADATA.create_all(connection)
            version = connection.execute(select(ABOUT.c.version)).scalar()
            if version is None:
                connection.execute(insert(ABOUT).values(version=VERSION))
    except DatabaseError as error:
        engine.dispose()
        raise ConfigError(
            f"⟦store⟧ {file} cannot be opened as a service's file ({error.orig}).",
            "Name a file that torchedu serve has made, or one that does not exist yet.",
        ) from None
    if version not in (None, VERSION):
        engine.dispose()
        raise ConfigError(
            f"⟦store⟧ {file} is of version {version}, and this torchedu reads {VERSION}.",
            "Use the torchedu that made it, or name a file that does not exist yet.",
        )
    return engine


@contextmanager
def hold(file: Path) -> Iterator[None]:
    """Keep other services from a file while a block runs, and children that it forked.

    Args:
        file: The file.

    Raises:
        ConfigError: Another service has it.
    """
    _check_folder(file)
    # Beside it: closing a handle on the file itself would free the locks that SQLite has there.
    handle = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "posix":
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ConfigError(
            f"⟦store⟧ {file} is in use by another service.", "End that one, or name another file."
        ) from None
    finally:
        os.close(handle)


def _check_folder(file: Path) -> None:
    if not file.parent.is_dir():
        raise ConfigError(
            f"⟦store⟧ is {str(file)!r}, and there is no folder {file.parent}.",
            "Name a file in a folder that exists.",
        )
