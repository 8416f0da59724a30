"""A database of PostgreSQL as the store of a service of several hosts: a schema a shard.

Who writes a shard owns it: the session that writes holds a lock of the server, which goes with the
session. So exactly one process owns a shard, and another takes it over when that one is gone.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from torchedu.errors import ConfigError, MissingExtraError
from torchedu.serve.tables import METADATA

SCHEMES = ("postgresql", "postgresql+psycopg")
"""What the address of such a store begins with."""
OWNED, MAKING = 0x746564, 2**31 - 1
"""Of the server's locks: what those of shards are called, and of whoever makes tables."""
PATIENCE = 10
"""Seconds that the server has to answer who connects."""
_ACTS = """
CREATE OR REPLACE FUNCTION kept() RETURNS trigger AS
$$ BEGIN RAISE EXCEPTION 'acts are kept'; END $$ LANGUAGE plpgsql;
CREATE OR REPLACE TRIGGER acts_kept BEFORE UPDATE OR DELETE ON acts
FOR EACH ROW EXECUTE FUNCTION kept()
"""


def is_server(address: str) -> bool:
    """Say whether an address is that of a database.

    Raises:
        ConfigError: It is one of another kind.
    """
    scheme, mark, _ = address.partition("://")
    if mark and scheme not in SCHEMES:
        raise ConfigError(
            f"⟦store⟧ is an address that begins with {scheme!r}.",
            "Name a file, or a database of PostgreSQL: postgresql://USER@HOST/NAME.",
        )
    return bool(mark)


def url_of(address: str) -> URL:
    """Return the address of a database as SQLAlchemy has it.

    Raises:
        ConfigError: It is none.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = URL.create("postgresql")
    if not url.database:
        raise ConfigError(
            "⟦store⟧ is an address of no database.", "It is postgresql://USER@HOST/NAME."
        )
    return url.set(drivername=SCHEMES[-1])


def shown(address: str) -> str:
    """Return an address as a person may read it, without its password."""
    return url_of(address).set(drivername=SCHEMES[0]).render_as_string()


def schema_of(shard: int) -> str:
    """Return the schema of a shard."""
    return f"torchedu_{shard}"


def connected(address: str, shard: int, durable: bool = True) -> Engine:
    """Return the database, of which a shard's schema is meant.

    Args:
        address: Its address.
        shard: The shard.
        durable: Whether a commit is over once the server's disk has it.

    Raises:
        ConfigError: It cannot be reached, or may not be used.
    """
    url = url_of(address)
    options = {
        "search_path": schema_of(shard),
        "synchronous_commit": "on" if durable else "off",
        # A host that is gone without a word is noticed, so that its shards are free again.
        "tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3,
    }  # fmt: skip
    given = " ".join(f"-c {name}={value}" for name, value in options.items())
    arguments = {"options": given, "connect_timeout": PATIENCE, "application_name": "torchedu"}
    try:
        engine = create_engine(url, connect_args=arguments)
        engine.connect().close()
    except ModuleNotFoundError:
        raise MissingExtraError("a store in PostgreSQL", "psycopg", "postgresql") from None
    except DBAPIError as error:
        said = " ".join(str(error.orig).strip().splitlines()[0].split())
        raise ConfigError(
            f"⟦store⟧ {shown(address)} cannot be opened ({said}).",
            "Look at its host, user and database; its password may stand in PGPASSWORD.",
        ) from None
    return engine


def make(engine: Engine, shard: int) -> None:
    """Make the tables of a shard where there are none."""
    with engine.begin() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({OWNED}, {MAKING})"))
        if not has_tables(connection, shard):
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema_of(shard)}"))
            METADATA.create_all(connection)
            connection.exec_driver_sql(_ACTS)


def has_tables(connection: Connection, shard: int) -> bool:
    """Say whether there are the tables of a shard."""
    asked = text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.execute(asked, {"name": f"{schema_of(shard)}.about"}).scalar())


def own(writer: Connection, shard: int) -> bool:
    """Own a shard from now on, as long as a session lasts; False where another does."""
    with writer.begin():
        lock = text(f"SELECT pg_try_advisory_lock({OWNED}, :shard)")
        return bool(writer.execute(lock, {"shard": shard}).scalar())


@contextmanager
def names_held(connection: Connection, numbers: Iterable[int]) -> Iterator[None]:
    """Keep others from writing events while a block runs whose names have some numbers."""
    with connection.begin():
        lock = text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:names AS bigint[])) AS n")
        connection.execute(lock, {"names": sorted(numbers)}).all()
        yield


def write_anew(reader: Connection) -> None:
    """Write all tables anew, so that what was deleted stands in them no more."""
    for table in METADATA.sorted_tables:
        reader.exec_driver_sql(f'VACUUM FULL "{table.name}"')
