"""Who may ask what: keys with scopes, kept as digests, and a book of what they asked."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update

from torchedu.errors import ConfigError, allowed
from torchedu.serve.events import event_of
from torchedu.serve.ledger import Act, statement
from torchedu.serve.log import EventLog
from torchedu.serve.problems import Problem
from torchedu.serve.stores import Store, open_tables
from torchedu.serve.tables import KEYS

WRITE, READ, OVERRULE, ADMIN = SCOPES = ("write", "read", "overrule", "admin")
"""Post events; ask about students and classes; overrule what was said of them; read counters and
what was done, export and forget students."""
MARK = "tedu_"
"""Begins every key, so that one that leaked is found in texts."""
TEXTS = ("grade", "grade_spoken", "tag", "explain")
"""Verbs that are about what is sent along, and so about nobody whom the service knows."""
NEEDS = {
    "post": WRITE, "record": WRITE, "void": WRITE, "overrule": OVERRULE, "metrics": ADMIN,
    "acts": ADMIN, "forgetting": ADMIN, "forget": ADMIN, "export": ADMIN, "versions": ADMIN,
    "swap": ADMIN, "promote": ADMIN, "drop": ADMIN, "drift": ADMIN, "health": None,
}  # fmt: skip
"""The scope that a verb needs; any other asks about students."""


def cost_of(message: Mapping[str, Any]) -> int:
    """Return as how many events and questions a request counts."""
    return len(message.get("events", ())) or 1


class Key(NamedTuple):
    """A key, as the file has it.

    Attributes:
        name: Whose it is.
        digest: The checksum of the key itself, which is kept nowhere.
        scopes: What it may do.
        group: The class that it is for; None for all.
        made: When it was made, in milliseconds since 1970.
        revoked: When it was revoked; None while it holds.
    """

    name: str
    digest: str
    scopes: str
    group: str | None
    made: int
    revoked: int | None


def digest_of(key: str) -> str:
    """Return the checksum of a key; keys are random, so that no salt is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Who(NamedTuple):
    """Who asks.

    Attributes:
        name: The name of the key, or of whoever logged in.
        scopes: What it may do.
        groups: The classes that it is for; None for all.
    """

    name: str
    scopes: Collection[str]
    groups: Collection[str] | None


# Asked with every request, and so built once.
_HELD = select(*KEYS.c).where(KEYS.c.digest == bindparam("digest"), KEYS.c.revoked.is_(None))
_ANY = select(KEYS.c.name).limit(1)


class Keys:
    """The keys of a service, which stand in its first shard; one that runs sees changes at once.

    Args:
        place: Its store.
    """

    def __init__(self, place: str | Path | Store) -> None:
        self._engine = open_tables(place)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def add(self, name: str, scopes: Sequence[str], group: str | None = None) -> str:
        """Make a key.

        Args:
            name: Whose it is.
            scopes: What it may do; see ``SCOPES``.
            group: The class that it is for; None for all.

        Returns:
            The key, which cannot be had again.

        Raises:
            ConfigError: A scope is none, or the name is none or taken.
        """
        for scope in scopes:
            if scope not in SCOPES:
                raise ConfigError(f"⟦scopes⟧ names {scope!r}.", allowed(scope, SCOPES))
        if not (name.strip() and name.isprintable()) or group == "":
            raise ConfigError(
                f"⟦name⟧ is {name!r} and ⟦group⟧ {group!r}.",
                "A name is a line of text; leave ⟦group⟧ out for all classes.",
            )
        scopes = list(dict.fromkeys(scopes))
        if not scopes or any(key.name == name for key in self.all()):
            raise ConfigError(
                f"⟦name⟧ is {name!r} and ⟦scopes⟧ {list(scopes)}.",
                "Each key has a name of its own, and a scope at least.",
            )
        key = MARK + secrets.token_urlsafe(32)
        row = Key(name, digest_of(key), " ".join(scopes), group, _now(), None)
        about = json.dumps({"name": name, "scopes": row.scopes, "group": group}, ensure_ascii=False)
        with self._engine.begin() as connection:
            connection.execute(insert(KEYS).values(row._asdict()))
            connection.execute(statement(Act(row.made, None, "key made", about)))
        return key

    def revoke(self, name: str) -> None:
        """Let a key hold no more.

        Raises:
            ConfigError: There is none of the name.
        """
        named = (KEYS.c.name == name) & KEYS.c.revoked.is_(None)
        with self._engine.begin() as connection:
            changed = connection.execute(update(KEYS).where(named).values(revoked=_now()))
            if changed.rowcount:
                about = json.dumps({"name": name}, ensure_ascii=False)
                connection.execute(statement(Act(_now(), None, "key revoked", about)))
        if not changed.rowcount:
            known = [key.name for key in self.all() if key.revoked is None]
            raise ConfigError(f"⟦name⟧ is {name!r}, and no key is called so.", allowed(name, known))

    def of(self, digest: str) -> Key | None:
        """Return the key of a digest that holds; None where there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_HELD, {"digest": digest}).one_or_none()
        return None if row is None else Key(*row)

    def __bool__(self) -> bool:
        """Say whether there has ever been a key."""
        with self._engine.connect() as connection:
            return connection.execute(_ANY).first() is not None

    def all(self) -> list[Key]:
        """Return all keys, in the order in which they were made."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(*KEYS.c).order_by(KEYS.c.made)).all()
        return [Key(*row) for row in rows]


class Access:
    """Lets requests through whose key may ask them.

    Keys are asked for once the file has any: a service without keys stands on loopback alone.

    Args:
        keys: The keys.
        log: The log, which knows who is in which class.
        rate: Events and questions a second that a key may send on average; None for any number.
        clock: Returns seconds that never run backwards.
        required: Whether it is asked who asks though there is no key.
    """

    def __init__(
        self, keys: Keys, log: EventLog, rate: float | None = None,
        clock: Callable[[], float] = time.monotonic, required: bool = False,
    ) -> None:  # fmt: skip
        self._required = required
        self._keys = keys
        self._log = log
        self._rate = rate
        self._clock = clock
        self._left: dict[str | None, tuple[float, float]] = {}

    def check(self, message: Mapping[str, Any]) -> str | None:
        """Refuse a request that its key may not ask.

        Args:
            message: The request, with the digest of its key as ``key``, or with ``who`` asks, where
                those who speak HTTP have found that out.

        Returns:
            The name of the key; None where none is needed.

        Raises:
            Problem: There is no such key (401), it may not ask that (403), or it asks too much
                (429).
        """
        scope = NEEDS.get(message["do"], READ)
        if scope is None:
            return None
        who = self._who(message)
        if message["do"] == "spend":
            self._spend(who and who.name, message["number"])
            return who and who.name
        if who is not None and scope not in who.scopes:
            raise Problem(
                HTTPStatus.FORBIDDEN, f"the key {who.name!r} has no scope {scope!r}.",
                f"It has {' '.join(who.scopes) or 'none'}.",
            )  # fmt: skip
        of_classes = who is not None and who.groups is not None and message["do"] not in TEXTS
        if who is not None and of_classes and not self._inside(who.groups or (), message):
            raise Problem(
                HTTPStatus.FORBIDDEN, f"the key {who.name!r} is for its own classes alone.",
                "Ask about these and their students, and name the class in each event.",
            )  # fmt: skip
        name = who and who.name
        if "paid" not in message:
            self._spend(name, cost_of(message))
        return name

    def _who(self, message: Mapping[str, Any]) -> Who | None:
        if "who" in message:
            return Who(**message["who"])
        digest = message.get("key")
        key = None if digest is None else self._keys.of(digest)
        if key is not None:
            return Who(key.name, key.scopes.split(), None if key.group is None else [key.group])
        if digest is not None or self._required or self._keys:
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "the request has no key that holds.",
                "Send one: Authorization: Bearer KEY.",
            )  # fmt: skip
        return None

    def _inside(self, groups: Collection[str], message: Mapping[str, Any]) -> bool:
        """Say whether a request is about some classes alone.

        A student whom the log knows is not taken into the class by an event that says so: who may
        write would else read about anybody.
        """
        if "events" in message:
            events = [event_of(fields, 0, 0) for fields in message["events"]]
            students = {event.student for event in events if event.student}
            mine = all(event.group in groups for event in events)
            return mine and all(
                self._is_in(student, groups) or not self._log.knows(student) for student in students
            )
        if "group" in message:
            return message["group"] in groups
        return "student" in message and self._is_in(message["student"], groups)

    def _is_in(self, student: str, groups: Collection[str]) -> bool:
        return not self._log.groups_of(student).isdisjoint(groups)

    def _spend(self, name: str | None, number: int) -> None:
        """Refuse what goes beyond the rate; two seconds' worth may come at once."""
        if self._rate is None:
            return
        most, now = 2 * self._rate, self._clock()
        left, since = self._left.get(name, (most, now))
        left = min(most, left + self._rate * (now - since))
        if number > left and left < most:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS, f"more than {self._rate:g} events a second.",
                "Send fewer, or the same a little later.",
            )  # fmt: skip
        self._left[name] = left - number, now


def _now() -> int:
    return time.time_ns() // 1_000_000
