"""What a service keeps of itself: what was asked, decided, overruled, and done by its rulers.

What was asked and decided of a student goes when the student is forgotten. What those who rule did
stays, and names no student; nothing but a tool of one's own changes or deletes it.
"""

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, Table, insert, select

from torchedu.serve.tables import ACTS, AUDIT, DECISIONS, EVENTS, OF_STUDENTS, OVERRIDES


class Asked(NamedTuple):
    """A request.

    Attributes:
        time: When, in milliseconds since 1970.
        key: The name of its key; None where there was none.
        asked: The verb.
        student: About whom; None for many or nobody.
        group: About which class.
        status: What it came to.
    """

    time: int
    key: str | None
    asked: str
    student: str | None
    group: str | None
    status: int


class Decision(NamedTuple):
    """What was said of a student, with all that it takes to say it again.

    Attributes:
        time: When, in milliseconds since 1970.
        key: Who asked: the name of the key; None where there was none.
        student: Of whom.
        asked: The verb.
        run: The run that answered.
        network: The checksum of its network.
        seq: The place in the log of the last event before it.
        input: The checksum of what the network read.
        arguments: What was asked beside, as JSON.
        answer: What was said, as JSON.
        rule: By which rule.
    """

    time: int
    key: str | None
    student: str
    asked: str
    run: str
    network: str
    seq: int
    input: str
    arguments: str
    answer: str
    rule: str


class Override(NamedTuple):
    """A decision overruled by a person.

    Attributes:
        decision: The decision's place.
        student: Of whom it was.
        time: When, in milliseconds since 1970.
        key: By whom: the name of the key.
        reason: Why.
        instead: What holds in its place, as JSON; None where that is left open.
    """

    decision: int
    student: str
    time: int
    key: str | None
    reason: str
    instead: str | None


class Act(NamedTuple):
    """What somebody did who rules the service.

    Attributes:
        time: When, in milliseconds since 1970.
        key: Who: the name of the key; None where a command did it.
        act: What.
        about: More of it, as JSON; never a student.
    """

    time: int
    key: str | None
    act: str
    about: str


Record = Asked | Decision | Override | Act
TABLES: dict[type[Record], Table] = {
    Asked: AUDIT, Decision: DECISIONS, Override: OVERRIDES, Act: ACTS,
}  # fmt: skip
"""Where each is kept."""
AT_ONCE = 500
"""Names in one question to the database."""
_JSON = ("arguments", "answer", "instead", "about")


def statement(record: Record) -> Any:
    """Return the statement that keeps a record."""
    return insert(TABLES[type(record)]).values(record._asdict())


class Records:
    """Reads what is kept.

    Args:
        tables: The service's file.
    """

    def __init__(self, tables: Engine) -> None:
        self._tables = tables

    def decisions(
        self, student: str | None = None, last: int | None = None
    ) -> list[dict[str, Any]]:
        """Return decisions, the latest first, each with what overruled it.

        Args:
            student: Of whom; of anybody where it is None.
            last: How many at most; all where it is None.
        """
        asked = select(DECISIONS).order_by(DECISIONS.c.place.desc()).limit(last)
        overruled = select(OVERRIDES).order_by(OVERRIDES.c.place)
        if student is not None:
            asked = asked.where(DECISIONS.c.student == student)
            overruled = overruled.where(OVERRIDES.c.student == student)
        overrides: dict[int, list[dict[str, Any]]] = {}
        for row in self._rows(overruled):
            row.pop("place"), row.pop("student")
            overrides.setdefault(row.pop("decision"), []).append(row)
        return [
            {"decision": row.pop("place"), **row, "overrides": overrides.get(place, [])}
            for row in self._rows(asked)
            if (place := row["place"])
        ]

    def acts(self, last: int | None = None) -> list[dict[str, Any]]:
        """Return what those who rule did, the latest first."""
        rows = self._rows(select(ACTS).order_by(ACTS.c.place.desc()).limit(last))
        return [{name: value for name, value in row.items() if name != "place"} for row in rows]

    def known(self, students: Collection[str]) -> set[str]:
        """Return those of students of whom anything is kept."""
        names = list(students)
        asked = [
            select(table.c.student).where(table.c.student.in_(names[first : first + AT_ONCE]))
            for first in range(0, len(names), AT_ONCE)
            for table in (EVENTS, *OF_STUDENTS)
        ]
        return {row["student"] for some in asked for row in self._rows(some.distinct())}

    def rows(self, table: Table, student: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are about a student."""
        return self._rows(select(table).where(table.c.student == student))

    def _rows(self, asked: Select[Any]) -> list[dict[str, Any]]:
        with self._tables.connect() as connection:
            rows = connection.execute(asked).mappings().all()
        return [
            {name: json.loads(x) if name in _JSON and x is not None else x for name, x in r.items()}
            for r in rows
        ]
