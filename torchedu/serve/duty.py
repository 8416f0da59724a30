"""What a service owes: what it said of a student and why, who overruled it, what it holds."""

import base64
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from torchedu.serve.book import Book
from torchedu.serve.ledger import Override, Records
from torchedu.serve.log import EventLog
from torchedu.serve.problems import Problem
from torchedu.serve.tables import AUDIT, DERIVED, EVENTS, MEMBERS, STATES

TOLD = {"events": EVENTS, "classes": MEMBERS, "states": STATES, "asked": AUDIT, "files": DERIVED}
"""What is held of a student beside decisions, by what it is called in an export."""


class Duty:
    """Answers what the service has done.

    Args:
        log: Its log.
        book: What waits to be written there.
        clock: Returns the time in milliseconds since 1970.

    Attributes:
        verbs: What may be asked; each is given the name of who asks.
    """

    def __init__(self, log: EventLog, book: Book, clock: Callable[[], int]) -> None:
        self._log = log
        self._book = book
        self._clock = clock
        self._records = Records(log.tables)
        self.verbs: dict[str, Callable[..., Any]] = {
            "decisions": self.decisions, "overrule": self.overrule, "acts": self.acts,
            "export": self.export,
        }  # fmt: skip

    def decisions(self, who: str | None, student: str, last: int) -> Any:
        """Return what was said of a student, the latest first, and what overruled it."""
        self._book.write()
        return {"student": student, "decisions": self._records.decisions(student, last)}

    def overrule(
        self, who: str | None, student: str, decision: int, reason: str, instead: Any = None
    ) -> Any:
        """Take down that a person overrules a decision.

        Raises:
            Problem: There is no such decision of the student.
        """
        self._book.write()
        known = self._records.decisions(student)
        if decision not in {row["decision"] for row in known}:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"there is no decision {decision} of {student!r}.",
                "GET /decisions lists those that there are.", field="decision", value=decision,
            )  # fmt: skip
        given = None if instead is None else json.dumps(instead, ensure_ascii=False)
        self._book.write(Override(decision, student, self._clock(), who, reason, given))
        return {"decision": decision, "by": who}

    def acts(self, who: str | None, last: int) -> Any:
        """Return what those who rule did, the latest first."""
        self._book.write()
        return {"acts": self._records.acts(last)}

    def export(self, who: str | None, student: str) -> Any:
        """Return all that is held of a student."""
        self._book.write()
        return held_of(self._records, student)


def held_of(records: Records, student: str, first: Records | None = None) -> dict[str, Any]:
    """Return all that a service holds of a student, in values of JSON; bytes in base 64.

    Args:
        records: What the student's shard keeps.
        student: The student's name.
        first: What the first shard keeps, which alone knows the files; the same where it is None.
    """
    kept = dict.fromkeys(TOLD.values(), records) | {DERIVED: first or records}
    held = {
        name: [{k: _plain(v) for k, v in row.items()} for row in kept[table].rows(table, student)]
        for name, table in TOLD.items()
    }
    for event in held["events"]:
        event["fields"] = json.loads(event["fields"])
    return {"student": student, **held, "decisions": records.decisions(student)}


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
