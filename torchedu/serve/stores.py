"""Where a service keeps what it knows: files of SQLite, or a database of PostgreSQL.

Students stand in shards by their names. Each shard is a log of its own, which one process writes.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, insert, inspect, select
from sqlalchemy.exc import DatabaseError

from torchedu.errors import ConfigError
from torchedu.serve.postgresql import (
    connected,
    has_tables,
    is_server,
    make,
    names_held,
    own,
    schema_of,
    shown,
    url_of,
)
from torchedu.serve.tables import ABOUT, EVENTS, METADATA, SHARDS, UNFINISHED, VERSION

if os.name == "posix":
    import fcntl

Synchronous = Literal["FULL", "NORMAL"]
"""When a commit is over: once the disk has it, or once the system has it. With ``NORMAL`` a machine
that loses its power loses what it acknowledged last; a process that is killed loses nothing."""

MOST = 1024
"""Shards of a store."""


@dataclass(frozen=True)
class Store:
    """A shard of what a service keeps.

    Attributes:
        address: The file, of a store of several shards that of the first; or the address of a
            database, ``postgresql://USER@HOST/NAME``.
        shard: Which of its shards it is, from 0.
        shards: How many there are.
    """

    address: str
    shard: int = 0
    shards: int = 1

    @classmethod
    def of(cls, place: "str | Path | Store") -> "Store":
        """Return a store that is named by its address."""
        return place if isinstance(place, Store) else cls(str(place))

    def __str__(self) -> str:
        """Return how it is named where a person reads it, without its password."""
        if not self.on_server:
            return str(self.file)
        schema = f" ({schema_of(self.shard)})" if self.shard else ""
        return shown(self.address) + schema

    @property
    def on_server(self) -> bool:
        """Whether it is in a database."""
        return is_server(self.address)

    @property
    def file(self) -> Path:
        """Its file; of one in a database what is beside it is called so, in the folder here."""
        first = Path(url_of(self.address).database or "" if self.on_server else self.address)
        return first.with_name(f"{first.name}.{self.shard}") if self.shard else first

    @property
    def exists(self) -> bool:
        """Whether it has been made."""
        if not self.on_server:
            return self.file.is_file()
        engine = connected(self.address, self.shard)
        try:
            with engine.connect() as connection:
                return has_tables(connection, self.shard)
        finally:
            engine.dispose()

    @property
    def all(self) -> "list[Store]":
        """All shards."""
        return [replace(self, shard=shard) for shard in range(self.shards)]

    def beside(self, what: str) -> Path:
        """Return where something stands that is kept beside it."""
        return self.file.with_name(f"{self.file.name}.{what}")


def shard_of(student: str, shards: int) -> int:
    """Return the shard of a student, today and always: by the name alone.

    Args:
        student: The name; empty for what is of no student.
        shards: How many there are.
    """
    return _number(student) % shards


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 2  # what a file may have as a place


def open_tables(place: str | Path | Store, synchronous: Synchronous = "FULL") -> Engine:
    """Open the store of a service, or a shard of it, and make it where there is none.

    Args:
        place: The store.
        synchronous: See ``Synchronous``.

    Raises:
        ConfigError: It is of another kind or version, or cannot be made or reached.
    """
    store = Store.of(place)
    engine = _database(store, synchronous) if store.on_server else _file(store.file, synchronous)
    try:
        with engine.begin() as connection:
            if not store.on_server:
                names = inspect(connection).get_table_names()
                if names and ABOUT.name not in names:
                    raise ConfigError(
                        f"⟦store⟧ {store} is the file of another program: it holds {names[0]!r}.",
                        "Name a file that torchedu serve has made, or one that does not exist yet.",
                    )
                METADATA.create_all(connection)
            version = connection.execute(select(ABOUT.c.version)).scalar()
            if version is None:
                connection.execute(insert(ABOUT).values(version=VERSION))
    except DatabaseError as error:
        engine.dispose()
        raise ConfigError(
            f"⟦store⟧ {store} cannot be opened as a service's file ({error.orig}).",
            "Name a file that torchedu serve has made, or one that does not exist yet.",
        ) from None
    if version == UNFINISHED:
        engine.dispose()
        raise ConfigError(
            f"⟦store⟧ {store} is a copy that was not finished.",
            "Divide the old store anew, to another one, and remove this.",
        )
    if version not in (None, VERSION):
        engine.dispose()
        raise ConfigError(
            f"⟦store⟧ {store} is of version {version}, and this torchedu reads {VERSION}.",
            "Use the torchedu that made it, or name a file that does not exist yet.",
        )
    return engine


def _database(store: Store, synchronous: Synchronous) -> Engine:
    engine = connected(store.address, store.shard, synchronous == "FULL")
    make(engine, store.shard)
    return engine


def _file(file: Path, synchronous: Synchronous) -> Engine:
    _check_folder(file)
    with suppress(FileExistsError):  # closing a handle on it would free the locks of SQLite on it
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # its owner's alone
    engine = create_engine(URL.create("sqlite", database=str(file)))  # whatever signs it has

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "secure_delete=ON",  # what is deleted is overwritten
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def shards_of(place: str | Path | Store, wanted: int | None = None) -> list[Store]:
    """Return the shards of a store, which are made where it is new.

    Args:
        place: The store.
        wanted: How many there are to be; as many as there are, and one of a new store, where it is
            None.

    Raises:
        ConfigError: There are others, or one is missing.
    """
    if wanted is not None and not 1 <= wanted <= MOST:
        raise ConfigError(f"⟦shards⟧ is {wanted:,}.", f"It is from 1 to {MOST:,}.", value=wanted)
    first = Store.of(place)
    known = _known(first)
    if known is not None and known.shard:
        raise ConfigError(
            f"⟦store⟧ {first} is the shard {known.shard} of {known.shards} of a store.",
            f"Name the first: {str(first).removesuffix(f'.{known.shard}')}.",
        )
    there = known.shards if known else None
    if there is not None and wanted not in (None, there):
        raise ConfigError(
            f"⟦shards⟧ is {wanted}, and {first} has {there}.",
            f"Start it with {there}, or divide it anew: torchedu service divide {first} NEW.",
        )
    stores = replace(first, shards=there or wanted or 1).all
    for store in reversed(stores):  # the first one last, by which the others are known
        if there is not None and not store.exists:
            raise ConfigError(
                f"⟦store⟧ {first} has {there} shards, and {store} is not there.",
                "Put it where it was, or name a file that does not exist yet.",
            )
        mine = _known(store)
        if (mine is not None or there is not None) and mine != store and store.shards > 1:
            raise ConfigError(
                f"{store} is no shard {store.shard} of {store.shards} of ⟦store⟧ {first}.",
                "Move it away, or name another file.",
            )
        if mine is None:
            tables = open_tables(store)
            with tables.begin() as connection:
                row = {"shard": store.shard, "shards": store.shards}
                connection.execute(insert(SHARDS).values(row))
            tables.dispose()
    return stores


def there(place: str | Path | Store) -> list[Store]:
    """Return the shards of a store that a service has made.

    Raises:
        ConfigError: There is none.
    """
    if not Store.of(place).exists:
        raise ConfigError(
            f"⟦store⟧ {Store.of(place)} does not exist.", "Name the file of a service."
        )
    return shards_of(place)


def _known(store: Store) -> Store | None:
    """Return which shard a store is by what it says; None where nothing was ever kept there."""
    if not store.exists:
        return None
    tables = open_tables(store)
    try:
        with tables.connect() as connection:
            row = connection.execute(select(SHARDS)).one_or_none()
            if row is not None:
                return Store(store.address, row.shard, row.shards)
            kept = connection.execute(select(func.max(EVENTS.c.seq))).scalar()
            return None if kept is None else Store(store.address)  # from before there were shards
    finally:
        tables.dispose()


@contextmanager
def hold(place: str | Path | Store) -> Iterator[None]:
    """Keep services from a store while a block runs, and children that it forked.

    Args:
        place: The store.

    Raises:
        ConfigError: Another service has it.
    """
    store = Store.of(place)
    if store.on_server:
        with _held(store):
            yield
        return
    _check_folder(store.file)
    # Beside it: closing a handle on the file itself would free the locks that SQLite has there.
    handle = os.open(store.beside("lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "posix":
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ConfigError(
            f"⟦store⟧ {store} is in use by another service.",
            "End that one, or name another file.",
        ) from None
    finally:
        os.close(handle)


@contextmanager
def _held(store: Store) -> Iterator[None]:
    """Own all shards of a database while a block runs."""
    engine = open_tables(store)
    try:
        with engine.connect() as session:
            for shard in shards_of(store):
                if not own(session, shard.shard):
                    raise ConfigError(
                        f"⟦store⟧ {store} is in use by a service.", "End that one first."
                    )
            yield
    finally:
        engine.dispose()


class Neighbours:
    """The other shards of a store: what stands there is read, and nothing is written.

    A name of an event is one's alone whatever its shard. So a shard that writes events holds their
    names meanwhile, and looks for them in the others' logs.

    Args:
        store: The shard whose neighbours they are.
    """

    def __init__(self, store: Store) -> None:
        self._engines = [open_tables(other) for other in store.all if other != store]
        self.readers: list[Connection] = [
            engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            for engine in self._engines
        ]
        self._store = store
        self._names: int | None = None
        self._session: Connection | None = None

    @contextmanager
    def holding(self, names: set[str]) -> Iterator[None]:
        """Keep the others from writing events of some names while a block runs."""
        places = set(map(_number, names)) if self._engines else set()
        if not places:
            yield
        elif self._store.on_server:
            if self._session is None:
                self._session = open_tables(self._store).connect()
            with names_held(self._session, places):
                yield
        else:
            if self._names is None:  # first here: to close it frees what this process holds there
                file = replace(self._store, shard=0).beside("names")
                self._names = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                for place in sorted(places):  # all in one order: nobody waits in vain
                    fcntl.lockf(self._names, fcntl.LOCK_EX, 1, place)
                yield
            finally:
                fcntl.lockf(self._names, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the other shards."""
        for reader in self.readers:
            reader.close()
        for engine in self._engines:
            engine.dispose()
        if self._names is not None:
            os.close(self._names)
        if self._session is not None:
            self._session.close()
            self._session.engine.dispose()


def _check_folder(file: Path) -> None:
    if not file.parent.is_dir():
        raise ConfigError(
            f"⟦store⟧ is {str(file)!r}, and there is no folder {file.parent}.",
            "Name a file in a folder that exists.",
        )
