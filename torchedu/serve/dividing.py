"""What a service keeps, copied to a store of another number of shards."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Engine, Table, insert, select, update

from torchedu.errors import ConfigError
from torchedu.serve.events import STATEMENT
from torchedu.serve.statements import is_mark
from torchedu.serve.stores import Store, hold, open_tables, shard_of, shards_of
from torchedu.serve.tables import (
    ABOUT,
    ACTS,
    AUDIT,
    DECISIONS,
    DERIVED,
    EVENTS,
    KEYS,
    MEMBERS,
    OVERRIDES,
    UNFINISHED,
    VERSION,
    VERSIONS,
)

AT_ONCE = 5000
"""Rows that are written at once."""
Row = dict[str, Any]
_Numbers: TypeAlias = "array[int]"


def divide(old: Sequence[Store], place: str | Path, shards: int) -> int:
    """Copy what a service keeps to a new store; states are made again from the events.

    Args:
        old: The shards that there are.
        place: The new store, which does not exist yet.
        shards: How many it is to have.

    Returns:
        How many events there are.

    Raises:
        ConfigError: The new store exists, or a service uses the old one.
    """
    if Store.of(place).exists:
        raise ConfigError(
            f"the new store is {str(Store.of(place))!r}, which exists.",
            "Name a file that does not exist yet.",
        )
    with ExitStack() as stack:
        stack.enter_context(hold(old[0]))
        before = [_opened(store, stack) for store in old]
        stores = shards_of(place, shards)
        stack.enter_context(hold(place))
        after = [_opened(store, stack) for store in stores]
        for tables in after:
            _be(tables, UNFINISHED)
        events = _Copy(before, after).all()
        for tables in reversed(after):  # the first one last, by which the others are known
            _be(tables, VERSION)
        return events


def _opened(store: Store, stack: ExitStack) -> Engine:
    tables = open_tables(store)
    stack.callback(tables.dispose)
    return tables


def _be(tables: Engine, version: int) -> None:
    with tables.begin() as connection:
        connection.execute(update(ABOUT).values(version=version))


class _Copy:
    """Copies tables, each row to the shard of its student.

    Args:
        before: The shards that there are.
        after: The new ones, which are empty.
    """

    def __init__(self, before: Sequence[Engine], after: Sequence[Engine]) -> None:
        self._before, self._after = before, after
        self._waiting: dict[tuple[int, Table], list[Row]] = defaultdict(list)
        self._last = [0] * len(after)
        # The places of events in each old shard, and where these stand in each new one.
        self._places: dict[tuple[int, int], tuple[_Numbers, _Numbers]] = defaultdict(
            lambda: (array("q"), array("q"))
        )

    def all(self) -> int:
        """Copy all; return how many events there are."""
        events = 0
        for _, shard, row in merge(*(self._events(i) for i in range(len(self._before))),
                                   key=lambda each: each[0]):  # fmt: skip
            if is_mark(row["id"]):  # it stands in every shard
                for target in range(len(self._after)) if shard == 0 else ():
                    self._event(shard, target, row)
                events += shard == 0
            else:
                self._event(shard, self._home(row), row)
                events += 1
        for shard in range(len(self._before)):
            for table in (MEMBERS, AUDIT):
                for row in self._rows(shard, table):
                    row.pop("place", None)
                    self._put(self._home(row), table, row)
            self._decisions(shard)
        acts = chain.from_iterable(self._rows(i, ACTS) for i in range(len(self._before)))
        for row in sorted(acts, key=lambda row: row["time"]):
            row.pop("place")
            self._put(0, ACTS, row)
        for table in (KEYS, DERIVED):
            for row in self._rows(0, table):
                self._put(0, table, row)
        for row in self._rows(0, VERSIONS):
            for target in range(len(self._after)):
                self._put(target, VERSIONS, dict(row))
        for target, table in [*self._waiting]:
            self._write(target, table)
        return events

    def _events(self, shard: int) -> Iterator[tuple[int, int, Row]]:
        """Yield the events of an old shard, as they came, each with a time at which it was there.

        Statements alone tell when they came, by which those of several shards are listed.
        """
        came = 0
        for row in self._rows(shard, EVENTS):
            if row["kind"] == STATEMENT:
                came = max(came, row["time"])
            yield came, shard, row

    def _event(self, shard: int, target: int, row: Row) -> None:
        self._last[target] += 1
        old, new = self._places[shard, target]
        old.append(row["seq"])
        new.append(self._last[target])
        self._put(target, EVENTS, {**row, "seq": self._last[target]})

    def _decisions(self, shard: int) -> None:
        """Copy what was decided, with the place of the last event before in the new shard."""
        waiting: dict[int, list[Row]] = defaultdict(list)
        places = dict[int, int]()
        for row in self._rows(shard, DECISIONS):
            target = self._home(row)
            old, new = self._places[shard, target]
            before = bisect_right(old, row["seq"])
            row["seq"] = new[before - 1] if before else 0
            waiting[target].append(row)
            if len(waiting[target]) >= AT_ONCE:
                places |= self._decided(target, waiting.pop(target))
        for target, rows in waiting.items():
            places |= self._decided(target, rows)
        for row in self._rows(shard, OVERRIDES):
            row.pop("place")
            row["decision"] = places[row["decision"]]
            self._put(self._home(row), OVERRIDES, row)

    def _decided(self, target: int, rows: list[Row]) -> dict[int, int]:
        """Write decisions; return the place of each by the one that it had."""
        had = [row.pop("place") for row in rows]
        adding = insert(DECISIONS).returning(DECISIONS.c.place, sort_by_parameter_order=True)
        with self._after[target].begin() as connection:
            return dict(zip(had, connection.execute(adding, rows).scalars(), strict=True))

    def _home(self, row: Row) -> int:
        return shard_of(row["student"] or "", len(self._after))

    def _rows(self, shard: int, table: Table) -> Iterator[Row]:
        asked = select(table).order_by(*table.primary_key.columns)
        with self._before[shard].connect() as connection:
            for row in connection.execute(asked).yield_per(AT_ONCE).mappings():
                yield dict(row)

    def _put(self, target: int, table: Table, row: Row) -> None:
        self._waiting[target, table].append(row)
        if len(self._waiting[target, table]) >= AT_ONCE:
            self._write(target, table)

    def _write(self, target: int, table: Table) -> None:
        if rows := self._waiting.pop((target, table), []):
            with self._after[target].begin() as connection:
                connection.execute(insert(table), rows)
