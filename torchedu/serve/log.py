"""The log of events, and states that were made of it: on the disk before it is acknowledged.

The log is the truth. A state is what a network makes of a student's events in the order of their
times; it may be dropped at any moment and made again.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from torchedu.errors import TorcheduError
from torchedu.serve.events import VOIDED, Event
from torchedu.serve.ledger import TABLES, Record
from torchedu.serve.postgresql import own, write_anew
from torchedu.serve.stores import Neighbours, Store, Synchronous, open_tables
from torchedu.serve.tables import (
    ADD_EVENTS,
    DIGESTS,
    EVENTS,
    EVENTS_OF,
    LATER_EVENTS_OF,
    MEMBERS,
    OF_STUDENTS,
    SNAPSHOTS,
    STATES,
    anew,
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
    """The log of a shard of a service; nobody else writes to it, which ``stores.hold`` sees to.

    Args:
        place: Where it stands.
        synchronous: See ``stores.Synchronous``.

    Attributes:
        num_events: How many events there are.
        lost: Whether a session with the database has ended; then nothing is written any more, as
            another process may own the shard.

    Raises:
        ConfigError: The store cannot be used.
    """

    def __init__(self, place: str | Path | Store, synchronous: Synchronous = "FULL") -> None:
        self.lost = False
        self.store = Store.of(place)
        self._engine = self.tables = open_tables(self.store, synchronous)
        event.listen(self._engine, "handle_error", self._look)
        self._insert: Any = (sqlite if self._engine.dialect.name == "sqlite" else postgresql).insert
        self._writer = self._engine.connect()
        self._reader = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._neighbours = Neighbours(self.store)
        self._look_back()

    def close(self) -> None:
        """Close the file."""
        self._neighbours.close()
        self._reader.close()
        self._writer.close()
        self._engine.dispose()

    def own(self) -> bool:
        """Own the shard from now on; False where another process does."""
        mine = not self.store.on_server or own(self._writer, self.store.shard)
        self._look_back()
        return mine

    def _look_back(self) -> None:
        """See how many events there are, and the place of the next one."""
        self.num_events: int = self._rows(select(func.count()).select_from(EVENTS))[0][0]
        self.next_seq: int = self.last_seq() + 1

    def _look(self, context: ExceptionContext) -> None:
        self.lost |= context.is_disconnect

    def _writing(self) -> AbstractContextManager[Any]:
        if self.lost:
            raise Unwritable(f"the session with {self.store} has ended.", "Ask again in a moment.")
        return self._writer.begin()

    def append(
        self,
        events: Sequence[Event],
        snapshots: Sequence[Snapshot] = (),
        records: Sequence[Record] = (),
        voided: Collection[str] = (),
    ) -> set[str]:
        """Write events and states, all or none of them; they are on the disk when this returns.

        Args:
            events: New events, the first of which has the place ``next_seq``.
            snapshots: States that take the place of those of the same student and network.
            records: What was asked, decided and done.
            voided: Names of events, the new ones among them, that count no more.

        Returns:
            The students of whom events count no more; their states are to be made again.

        Raises:
            Unwritable: They cannot be written.
        """
        rows = [{**e._asdict(), "fields": json.dumps(e.fields, ensure_ascii=False)} for e in events]
        members = {(e.group, e.student) for e in events if e.group is not None and e.student}
        member = self._insert(MEMBERS).on_conflict_do_nothing()
        try:
            with self._writing():
                if rows:
                    self._writer.execute(ADD_EVENTS, rows)
                if members:
                    named = [{"group": group, "student": name} for group, name in sorted(members)]
                    self._writer.execute(member, named)
                if snapshots:
                    self._writer.execute(anew(self._insert), [s._asdict() for s in snapshots])
                for kind, table in TABLES.items():
                    if kept := [r._asdict() for r in records if isinstance(r, kind)]:
                        self._writer.execute(insert(table), kept)
                changed = set[str]().union(*map(self._void, _parts(voided)))
        except SQLAlchemyError as error:
            raise self._unwritable(error) from error
        self.next_seq += len(events)
        self.num_events += len(events)
        return changed

    def _void(self, ids: list[str]) -> set[str]:
        """Let events count no more, and drop the states of their students, whom it returns."""
        still = EVENTS.c.id.in_(ids) & ~EVENTS.c.kind.startswith(VOIDED)
        students = select(EVENTS.c.student).where(still).distinct()
        changed = {row.student for row in self._writer.execute(students)}
        self._writer.execute(delete(STATES).where(STATES.c.student.in_(changed)))
        kind = f"{VOIDED} " + EVENTS.c.kind
        self._writer.execute(update(EVENTS).where(still).values(kind=kind))
        return changed

    def forget(self, students: Collection[str], named: Collection[str] = ()) -> int:
        """Delete all that stands of students; no byte of it is left in the file when this returns.

        Args:
            students: Their names.
            named: The names of events that speak of them beside their own.

        Returns:
            How many events went.

        Raises:
            Unwritable: It cannot be written. What is said of them may still stand in part.
        """
        gone = 0
        try:
            with self._writing():
                for some in _parts(students):
                    for table in OF_STUDENTS:
                        self._writer.execute(delete(table).where(table.c.student.in_(some)))
                    mine = delete(EVENTS).where(EVENTS.c.student.in_(some))
                    gone += self._writer.execute(mine).rowcount
                for some in _parts(named):
                    others = delete(EVENTS).where(EVENTS.c.id.in_(some))
                    gone += self._writer.execute(others).rowcount
            self.num_events -= gone
            # Pages that were divided or joined keep old bytes until all is written anew.
            if self.store.on_server:
                write_anew(self._reader)
                return gone
            self._reader.exec_driver_sql("VACUUM")
            busy, *_ = self._reader.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        except SQLAlchemyError as error:
            raise self._unwritable(error) from error
        if busy:
            raise Unwritable(
                f"another program reads {self.store}, so that its log keeps old bytes.",
                "End that program, and forget them again.",
            )
        return gone

    def _unwritable(self, error: SQLAlchemyError) -> Unwritable:
        return Unwritable(
            f"{self.store} cannot be written ({type(error).__name__}).",
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

    def last_seq(self) -> int:
        """Return the place of the last event in the file; 0 where there is none."""
        return self._rows(select(func.max(EVENTS.c.seq)))[0][0] or 0

    def digests(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the checksums of those events that are known already, by name."""
        return {
            row.id: row.digest
            for some in _parts(ids)
            for row in self._reader.execute(DIGESTS, {"ids": some})
        }

    def naming(self, ids: Collection[str]) -> AbstractContextManager[None]:
        """Keep the other shards from writing events of these names while a block runs."""
        return self._neighbours.holding(set(ids))

    def elsewhere(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the checksums of those events that other shards have, by name."""
        return {
            row.id: row.digest
            for reader in self._neighbours.readers
            for some in _parts(ids)
            for row in reader.execute(DIGESTS, {"ids": some})
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
        about = {"kind": kind} if after is None else {"kind": kind, "network": after}
        asked = EVENTS_OF if after is None else LATER_EVENTS_OF
        events = [
            _event(row)
            for some in _parts(students)
            for row in self._reader.execute(asked, {**about, "students": some})
        ]
        return sorted(events, key=lambda e: e.order)

    def events_of_kinds(self, kinds: Collection[str], after: int = 0) -> Iterator[Event]:
        """Yield all events of some kinds, as they came, from a place in the log on."""
        asked = select(EVENTS).where(EVENTS.c.kind.in_(kinds), EVENTS.c.seq > after)
        yield from map(_event, self._reader.execute(asked.order_by(EVENTS.c.seq)).yield_per(1000))

    def busy_students(self, events: int, size: int) -> Iterator[list[str]]:
        """Yield students of so many events or more, in the order of their names.

        Args:
            events: Of how many at least.
            size: How many students at a time; nothing is held open in between.
        """
        name, last = EVENTS.c.student, ""
        asked = select(name, func.count()).group_by(name).order_by(name).limit(AT_ONCE)
        while rows := self._rows(asked.where(name > last)):
            last = rows[-1][0]
            many = [student for student, number in rows if number >= events]
            for first in range(0, len(many), size):
                yield many[first : first + size]

    def students_since(self, seq: int) -> list[str]:
        """Return the students of whom there are events from a place in the log on."""
        asked = select(EVENTS.c.student).where(EVENTS.c.seq >= seq).distinct()
        return [row.student for row in self._rows(asked)]

    def drop_states(self, networks: Collection[str], most: int) -> int:
        """Delete states of other networks than these, up to so many; return how many they were.

        Raises:
            Unwritable: They cannot be deleted.
        """
        others = select(STATES.c.student, STATES.c.network)
        others = others.where(STATES.c.network.not_in(networks)).limit(most)
        try:
            with self._writing():
                rows = self._writer.execute(others).all()
                for student, network in rows:
                    mine = (STATES.c.student == student) & (STATES.c.network == network)
                    self._writer.execute(delete(STATES).where(mine))
        except SQLAlchemyError as error:
            raise self._unwritable(error) from error
        return len(rows)

    def page(
        self,
        kind: str,
        most: int,
        *,
        seqs: tuple[int, int] = (0, 2**62),
        times: tuple[int, int] = (0, 2**62),
        id: str | None = None,
        student: str | None = None,
        within: str | None = None,
        newest_first: bool = False,
    ) -> list[Event]:
        """Return some events of a kind, as they came or the last first.

        Args:
            kind: The kind.
            most: How many at most.
            seqs: Between which places in the log, both left out.
            times: From after which time, up to which.
            id: What the only one is called.
            student: Whose; anybody's where it is None.
            within: Of what was told beside, a piece of the text.
            newest_first: Whether the last comes first.
        """
        seq, time, fields = EVENTS.c.seq, EVENTS.c.time, EVENTS.c.fields
        asked = select(EVENTS).where(EVENTS.c.kind == kind, seq > seqs[0], seq < seqs[1])
        asked = asked.where(time > times[0], time <= times[1]).limit(most)
        if id is not None:
            asked = asked.where(EVENTS.c.id == id)
        if student is not None:
            asked = asked.where(EVENTS.c.student == student)
        if within is not None:
            asked = asked.where(func.replace(fields, within, "") != fields)  # minds upper case
        return list(map(_event, self._rows(asked.order_by(seq.desc() if newest_first else seq))))

    def snapshots(self, students: Collection[str], network: str) -> dict[str, Snapshot]:
        """Return the states that are kept of students, by name."""
        return {
            row.student: Snapshot(*row)
            for some in _parts(students)
            for row in self._reader.execute(SNAPSHOTS, {"network": network, "students": some})
        }

    def students_of(self, group: str) -> list[str]:
        """Return the students of a class, in the order of their names."""
        asked = select(MEMBERS.c.student).where(MEMBERS.c.group == group)
        return sorted(row.student for row in self._rows(asked))

    def marks(self) -> int:
        """Return how many marks there are that statements are void, which every shard has."""
        mine = (EVENTS.c.student == "") & (EVENTS.c.kind == VOIDED)
        return int(self._rows(select(func.count()).where(mine))[0][0])

    def knows(self, student: str) -> bool:
        """Say whether there is an event of a student, in whichever shard."""
        asked = select(EVENTS.c.seq).where(EVENTS.c.student == student).limit(1)
        return any(reader.execute(asked).first() for reader in self._everywhere)

    def groups_of(self, student: str) -> set[str]:
        """Return the classes of a student, in whichever shard."""
        asked = select(MEMBERS.c.group).where(MEMBERS.c.student == student)
        return {row.group for reader in self._everywhere for row in reader.execute(asked)}

    @property
    def _everywhere(self) -> list[Connection]:
        return [self._reader, *self._neighbours.readers]

    def _rows(self, asked: Select[Any]) -> Sequence[Any]:
        return self._reader.execute(asked).all()


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    listed = list(names)
    for first in range(0, len(listed), AT_ONCE):
        yield listed[first : first + AT_ONCE]


def _event(row: Any) -> Event:
    return Event._make([*row[:-1], json.loads(row.fields)])
