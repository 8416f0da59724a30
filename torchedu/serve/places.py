"""Where the versions of runs stand, kept in a service's file: what is served outlives a restart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from torchedu.serve.log import Unwritable
from torchedu.serve.stores import Store, open_tables
from torchedu.serve.tables import VERSIONS

SERVES, NEXT, SHADOW = "serves", "next", "shadow"
"""What a version does: it answers in place of the run that was named, it is to do so once it is
ready, or it follows beside what answers."""


class Place(NamedTuple):
    """A version of a run.

    Attributes:
        run: What the run is called.
        role: What the version does; see ``SERVES``.
        path: Where it stands.
        given: Where the run stands that the service was started with. A service that is started
            with another knows nothing of this version.
        since: Since when, in milliseconds since 1970.
    """

    run: str
    role: str
    path: str
    given: str
    since: int


class Places:
    """The versions of the runs that a service was started with.

    Args:
        tables: The service's file.
        given: Where each run stands, by what it is called.
    """

    def __init__(self, tables: Engine, given: Mapping[str, str]) -> None:
        self._tables = tables
        self.given = given

    def all(self) -> list[Place]:
        """Return all that are known."""
        with self._tables.connect() as connection:
            places = [Place(*row) for row in connection.execute(select(*VERSIONS.c))]
        return [place for place in places if self.given.get(place.run) == place.given]

    def serving(self) -> dict[str, str]:
        """Return where those stand that answer, by what their runs are called."""
        return {**self.given, **{p.run: p.path for p in self.all() if p.role == SERVES}}

    def put(self, place: Place) -> None:
        """Note a version of a run; it takes the place of those that do not answer.

        One that answers takes the place of the one that did, too.

        Raises:
            Unwritable: It cannot be written.
        """
        roles = {NEXT, SHADOW, place.role}
        self._write(place.run, roles, [place])

    def drop(self, run: str) -> None:
        """Forget the version of a run that does not answer.

        Raises:
            Unwritable: It cannot be written.
        """
        self._write(run, {NEXT, SHADOW}, [])

    def _write(self, run: str, roles: set[str], places: Sequence[Place]) -> None:
        old = delete(VERSIONS).where(VERSIONS.c.run == run, VERSIONS.c.role.in_(roles))
        try:
            with self._tables.begin() as connection:
                connection.execute(old)
                for place in places:
                    connection.execute(insert(VERSIONS), place._asdict())
        except SQLAlchemyError as error:
            raise Unwritable(
                f"the service's file cannot be written ({type(error).__name__}).",
                "Look at the space left on its disk and at the rights to it.",
            ) from error


def serving(place: str | Path | Store, given: Mapping[str, str]) -> dict[str, str]:
    """Return where those versions stand that a service with this store answers by.

    Args:
        place: The service's store, which need not be there.
        given: Where each run stands that it is started with, by what it is called.

    Raises:
        ConfigError: It is a file of another kind.
    """
    if not Store.of(place).exists:
        return dict(given)
    tables = open_tables(place)
    try:
        return Places(tables, given).serving()
    finally:
        tables.dispose()
