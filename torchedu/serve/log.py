"""The log of events, and states that were made of it: on the disk before it is acknowledged.

The log is the truth. A state is what a network makes of a student's events in the order of their
times; it may be dropped at any moment and made again.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import SQLAlchemyError

from torchedu.errors import TorcheduError
from torchedu.serve.events import Event
from torchedu.serve.records import TABLES, Record
from torchedu.serve.tables import (
    EVENTS,
    MEMBERS,
    OF_STUDENTS,
    STATES,
    Synchronous,
    open_tables,
)

AT_ONCE = 500
"""Names in one question to the database."""


class Unwritable(TorcheduError):
    """The log cannot be written; nothing of what was to be written is in it."""


class Snapshot(NamedTuple):
    """A state of a student.

    Attributes:
        student: Whose.
        network: The checksum of the network whose state it is.
        seq: The largest place in the log among the events that it holds.
        time: The latest time among them.
        answers: How many of them the network read.
        state: The state; see ``TracingEngine.state``.
    """

    student: str
    network: str
    seq: int
    time: int
    answers: int
    state: bytes


class EventLog:
    """The log of one service; nobody else writes to it, which ``tables.hold`` sees to.

    Args:
        file: Where it stands.
        synchronous: See ``tables.Synchronous``.

    Raises:
        ConfigError: The file cannot be used.
    """

    def __init__(self, file: str | Path, synchronous: Synchronous = "FULL") -> None:
        self.file = Path(file)
        self._engine = self.tables = open_tables(self.file, synchronous)
        self._writer = self._engine.connect()
        self._reader = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        last = self._rows(select(func.max(EVENTS.c.seq)))[0][0]
        self.next_seq: int = (last or 0) + 1

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()
        self._engine.dispose()

    def append(
        self,
        events: Sequence[Event],
        snapshots: Sequence[Snapshot] = (),
        records: Sequence[Record] = (),
    ) -> None:
        """Write events and states, all or none of them; they are on the disk when this returns.

        Args:
            events: New events, the first of which has the place ``next_seq``.
            snapshots: States that take the place of those of the same student and network.
            records: What was asked, decided and done.

        Raises:
            Unwritable: They cannot be written.
        """
        rows = [{**e._asdict(), "fields": json.dumps(e.fields, ensure_ascii=False)} for e in events]
        members = {(e.group, e.student) for e in events if e.group is not None and e.student}
        member = sqlite_insert(MEMBERS).on_conflict_do_nothing()
        try:
            with self._writer.begin():
                if rows:
                    self._writer.execute(insert(EVENTS), rows)
                if members:
                    named = [{"group": group, "student": name} for group, name in sorted(members)]
                    self._writer.execute(member, named)
                if snapshots:
                    anew = insert(STATES).prefix_with("OR REPLACE")
                    self._writer.execute(anew, [s._asdict() for s in snapshots])
                for kind, table in TABLES.items():
                    if kept := [r._asdict() for r in records if isinstance(r, kind)]:
                        self._writer.execute(insert(table), kept)
        except SQLAlchemyError as error:
            raise self._unwritable(error) from error
        if events:
            self.next_seq = events[-1].seq + 1

    def forget(self, students: Collection[str]) -> int:
        """Delete all that stands of students; no byte of it is left in the file when this returns.

        Args:
            students: Their names.

        Returns:
            How many events went.

        Raises:
            Unwritable: It cannot be written. What is said of them may still stand in part.
        """
        gone = 0
        try:
            with self._writer.begin():
                for some in _parts(students):
                    for table in OF_STUDENTS:
                        self._writer.execute(delete(table).where(table.c.student.in_(some)))
                    mine = delete(EVENTS).where(EVENTS.c.student.in_(some))
                    gone += self._writer.execute(mine).rowcount
            # Pages that were divided or joined keep old bytes until all is written anew.
            self._reader.exec_driver_sql("VACUUM")
            busy, *_ = self._reader.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        except SQLAlchemyError as error:
            raise self._unwritable(error) from error
        if busy:
            raise Unwritable(
                f"another program reads {self.file}, so that its log keeps old bytes.",
                "End that program, and forget them again.",
            )
        return gone

    def _unwritable(self, error: SQLAlchemyError) -> Unwritable:
        return Unwritable(
            f"{self.file} cannot be written ({type(error).__name__}).",
            "Look at the space left on its disk and at the rights to it.",
        )

    def latest(self, students: Collection[str]) -> dict[str, int]:
        """Return the time of the latest event of students, of those who have any."""
        name, time = EVENTS.c.student, func.max(EVENTS.c.time)
        return {
            row[0]: row[1]
            for some in _parts(students)
            for row in self._rows(select(name, time).where(name.in_(some)).group_by(name))
        }

    def digests(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the checksums of those events that are known already, by name."""
        asked = select(EVENTS.c.id, EVENTS.c.digest)
        return {
            row.id: row.digest
            for some in _parts(ids)
            for row in self._rows(asked.where(EVENTS.c.id.in_(some)))
        }

    def events_of(
        self, students: Collection[str], kind: str, after: str | None = None
    ) -> list[Event]:
        """Return events of students, of each in the order of their times.

        Args:
            students: The students.
            kind: What kind of events.
            after: A network; of a student who has a snapshot of it, only events that came later.
        """
        asked = select(EVENTS).where(EVENTS.c.kind == kind)
        if after is not None:
            mine = (STATES.c.student == EVENTS.c.student) & (STATES.c.network == after)
            later = or_(STATES.c.seq.is_(None), EVENTS.c.seq > STATES.c.seq)
            asked = asked.outerjoin_from(EVENTS, STATES, mine).where(later)
        events = [
            _event(row)
            for some in _parts(students)
            for row in self._rows(asked.where(EVENTS.c.student.in_(some)))
        ]
        return sorted(events, key=lambda e: e.order)

    def events_of_kinds(self, kinds: Collection[str]) -> Iterator[Event]:
        """Yield all events of some kinds, as they came."""
        asked = select(EVENTS).where(EVENTS.c.kind.in_(kinds)).order_by(EVENTS.c.seq)
        yield from map(_event, self._reader.execute(asked).yield_per(1000))

    def snapshots(self, students: Collection[str], network: str) -> dict[str, Snapshot]:
        """Return the states that are kept of students, by name."""
        asked = select(*(STATES.c[name] for name in Snapshot._fields))
        asked = asked.where(STATES.c.network == network)
        return {
            row.student: Snapshot(*row)
            for some in _parts(students)
            for row in self._rows(asked.where(STATES.c.student.in_(some)))
        }

    def students_of(self, group: str) -> list[str]:
        """Return the students of a class, in the order of their names."""
        asked = select(MEMBERS.c.student).where(MEMBERS.c.group == group)
        return sorted(row.student for row in self._rows(asked))

    def knows(self, student: str) -> bool:
        """Say whether there is an event of a student."""
        return bool(self._rows(select(EVENTS.c.seq).where(EVENTS.c.student == student).limit(1)))

    def groups_of(self, student: str) -> set[str]:
        """Return the classes of a student."""
        asked = select(MEMBERS.c.group).where(MEMBERS.c.student == student)
        return {row.group for row in self._rows(asked)}

    def pragma(self, name: str) -> Any:
        """Return a setting of SQLite for what writes here."""
        with self._writer.begin():
            return self._writer.exec_driver_sql(f"PRAGMA {name}").scalar()

    def _rows(self, asked: Select[Any]) -> Sequence[Any]:
        return self._reader.execute(asked).all()


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    listed = list(names)
    for first in range(0, len(listed), AT_ONCE):
        yield listed[first : first + AT_ONCE]


def _event(row: Any) -> Event:
    return Event._make([*row[:-1], json.loads(row.fields)])
