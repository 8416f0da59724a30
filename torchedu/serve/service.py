"""One service: runs that follow a log, and requests that are answered a group at a time.

A group is what came while the one before it was written. Its events go to the disk by one commit;
then they count, then questions are answered, and only then is anything said of any of them. One
thread does all of it, so that a student's events come one after the other.
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from torchedu.errors import TorcheduError, allowed
from torchedu.serve.access import TEXTS, Access
from torchedu.serve.book import ASIDE, Book
from torchedu.serve.duty import Duty
from torchedu.serve.events import AHEAD, TRAINING, Event, event_of
from torchedu.serve.follower import Answer, Follower
from torchedu.serve.forgetting import forget_in
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.metrics import Metrics
from torchedu.serve.problems import Problem
from torchedu.serve.statements import find, is_mark, mean, names_in, voided_by
from torchedu.serve.versions import Versions

Message = Mapping[str, Any]
"""What is asked: ``do``, a verb, and its arguments by name."""
POSTS = ("post", "record", "void")
"""What brings events: of the service's own form, learning records, or marks that such are void."""


class Reply(NamedTuple):
    """What is answered: a status of HTTP, and a value of JSON."""

    status: int
    body: Any


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Service:
    """Takes events and answers questions for the runs that it serves.

    Args:
        followers: The runs.
        log: Their log.
        clock: Returns the time in milliseconds since 1970.
        access: Says who may ask what; None where anybody may ask all.
        versions: What may take the place of ``followers``, of which it has the same list; None
            where nothing may.
        decisions: Whether what is said of students is kept.
    """

    def __init__(
        self,
        followers: list[Follower],
        log: EventLog,
        clock: Callable[[], int] = now,
        access: Access | None = None,
        versions: Versions | None = None,
        decisions: bool = True,
    ) -> None:
        self.followers = followers
        self.log = log
        self.versions = versions or Versions(followers, log)
        self.metrics = Metrics()
        self.metrics.measure(self.versions.gauges)
        self._clock = clock
        self._access = access
        self.book = Book(log, clock, decisions)
        self._duty = Duty(log, self.book, clock)

    def handle(self, messages: Sequence[Message]) -> list[Reply]:
        """Answer a group of requests.

        Args:
            messages: The requests; see ``Message``. None where nobody asks anything now.

        Returns:
            One reply each. What an event's reply says is on the disk.
        """
        self.versions.work()
        names, refused = self._let_in(messages)
        posts = [i for i, m in enumerate(messages) if m["do"] in POSTS and i not in refused]
        replies = dict(refused)
        if posts:
            written = self._post([messages[i] for i in posts])
            replies |= dict(zip(posts, written, strict=True))
        for i, message in enumerate(messages):
            if i not in replies:
                replies[i] = self._answer(message, names.get(i))
            tried = "dry" in message and replies[i].status == HTTPStatus.OK
            if not tried:
                self.book.enter(message, names.get(i), *replies[i], self.followers)
        return [replies[i] for i in range(len(messages))]

    def _let_in(
        self, messages: Sequence[Message]
    ) -> tuple[dict[int, str | None], dict[int, Reply]]:
        """Return the names of the keys of requests, and what is said to those that are refused."""
        names, refused = dict[int, str | None](), dict[int, Reply]()
        for i, message in enumerate(messages if self._access else ()):
            try:
                names[i] = self._access.check(message) if self._access else None
            except Exception as error:  # noqa: BLE001 - see _refused
                refused[i] = _refused(error)
        return names, refused

    def close(self) -> None:
        """Keep what is in memory, so that the next start is quick; then let go of the log."""
        self.versions.close()
        due = [s for follower in self.followers for s in follower.due(everything=True)]
        self.log.append([], [*due, *self.versions.due(everything=True)], self.book.records)
        self.log.close()

    # Events

    def _post(self, messages: Sequence[Message]) -> list[Reply]:
        names = set[str]().union(*map(names_in, messages))
        with self.log.naming(names):
            others = self.log.elsewhere({name for name in names if not is_mark(name)})
            return self._posted(messages, others | self.log.digests(names))

    def _posted(self, messages: Sequence[Message], known: dict[str, bytes]) -> list[Reply]:
        new: list[Event] = []
        voided: list[str] = []
        copies, replies = 0, list[Reply]()
        for message in messages:
            gone: list[str] = []
            try:
                time = message.get("now", self._clock())  # of when the whole list was tried
                seq = self.log.next_seq + len(new)
                events, again = self._new(message["events"], known, seq, time)
                if message["do"] == "record":
                    said = self._record(message, events, known, gone)
                elif message["do"] == "void":
                    gone, said = [name for mark in events for name in voided_by(mark.id)], {}
                else:
                    self._check(events)
                    said = self._receipt([*again, *events], message)
            except Exception as error:  # noqa: BLE001 - see _refused
                replies.append(_refused(error))
                self.metrics.refused.inc()
                continue
            replies.append(Reply(HTTPStatus.OK, {"now": time} if "dry" in message else said))
            if "dry" in message:
                continue
            known |= {event.id: event.digest for event in events}
            new += events
            voided += gone
            copies += len(events) if message["do"] == "void" else 0
            self.metrics.repeated.inc(len(again))
        if new and not self._write(new, voided, copies):
            why = "the log cannot be written; nothing was kept."
            reply = _refused(Problem(HTTPStatus.SERVICE_UNAVAILABLE, why, "Send it again later."))
            return [reply if r.status == HTTPStatus.OK else r for r in replies]
        return replies

    def _new(
        self, given: Sequence[Mapping[str, Any]], known: Mapping[str, bytes], seq: int, time: int
    ) -> tuple[list[Event], list[Event]]:
        """Return those of posted events that are new, and those that are known already.

        Raises:
            Problem: One cannot be.
        """
        new, again = list[Event](), list[Event]()
        times = Counter(fields["id"] for fields in given)
        for row, fields in enumerate(given):
            event = event_of(fields, seq + len(new), time)
            if times[event.id] > 1:
                raise _wrong(
                    row, "id", event.id, f"{times[event.id]} events are called {event.id!r}.",
                    "Each event has a name of its own.",
                )  # fmt: skip
            if event.id in known and known[event.id] != event.digest:
                raise _wrong(
                    row, "id", event.id, f"there is another event called {event.id!r}.",
                    "An event is not changed; give a new one a name of its own.",
                    HTTPStatus.CONFLICT,
                )  # fmt: skip
            if event.id in known:  # and was fine, whatever the clock says since
                again.append(event)
                continue
            if event.time > time + AHEAD:  # the clock may have been another as a part was kept
                kept = [f["id"] for f in given if known.get(f["id"]) == event_of(f, 0, time).digest]
                more: dict[str, Any] = {"kept": kept} if kept else {}
                raise _wrong(
                    row, "time", event.time,
                    f"the event is {(event.time - time) / 1000:.0f} seconds in the future.",
                    "Times are milliseconds since 1970; set the clock of the machine that told it.",
                    **more,
                )  # fmt: skip
            new.append(event)
        return new, again

    def _record(
        self, message: Message, events: list[Event], known: Mapping[str, bytes], voided: list[str]
    ) -> Answer:
        """Add to the events of new statements what they mean, and to what is void what they void.

        Returns:
            The names of those that are new.
        """
        new = [event.id for event in events]
        kinds = frozenset(kind for follower in self.followers for kind in follower.kinds)
        meant = mean(events, message, known, message.get("now", self._clock()), self._check, kinds)
        for became in () if "dry" in message else meant.became:
            self.metrics.statements.labels(became).inc()
        events += meant.events
        voided += meant.voided
        return {"new": new}

    def _check(self, events: Sequence[Event]) -> None:
        """Ask those who follow whether events can be.

        Raises:
            Problem: One is of a kind that nobody takes.
            TorcheduError: One cannot be.
        """
        kinds = sorted({TRAINING}.union(*(follower.kinds for follower in self.followers)))
        for row, event in enumerate(events):
            if event.kind not in kinds:
                raise _wrong(
                    row, "event", event.kind, f"no run here takes events {event.kind!r}.",
                    allowed(event.kind, kinds), allowed=kinds,
                )  # fmt: skip
        for follower in self.followers:
            mine = [event for event in events if event.kind in follower.kinds]
            if mine:
                follower.check(mine)

    def _receipt(self, events: Sequence[Event], message: Message) -> Answer:
        """Return what is said of events: their names, and what their teller has to know."""
        noted = {
            event.id: note
            for follower in self.followers
            for event in events
            if event.kind in follower.kinds and (note := follower.notes(event))
        }
        ids = [fields["id"] for fields in message["events"]]
        notes = [{"id": id, "note": noted[id]} for id in ids if id in noted]
        return {"ids": ids, "notes": notes} if notes else {"ids": ids}

    def _write(self, events: Sequence[Event], voided: Sequence[str], copies: int) -> bool:
        """Write events and let them count, others no more; False where it cannot be written.

        Args:
            events: The events.
            voided: Names of those that count no more.
            copies: How many of the new ones stand in every shard, and are another's to count.
        """
        said = self.versions.foresee(events)
        due = [snapshot for follower in self.followers for snapshot in follower.due()]
        due += self.versions.due()
        try:
            with self.metrics.commits.time():
                changed = sorted(self.log.append(events, due, self.book.records, voided))
        except Unwritable:
            self.metrics.failed.inc()
            for follower in self.followers:
                follower.undo()
            return False
        self.book.written()
        self.metrics.group.observe(len(events))
        self.metrics.events.inc(len(events) - copies)
        gone = frozenset(voided)
        self.versions.kept()
        self.versions.take([event for event in events if event.id not in gone], said)
        if changed:
            self.versions.undo(changed)
        for follower in self.followers:
            follower.kept()
            mine = [e for e in events if e.kind in follower.kinds and e.id not in gone]
            try:
                if changed:
                    follower.forget(changed)
                if mine:
                    follower.take(mine)
            except Exception:  # noqa: BLE001 - the log has them, and they count from there
                traceback.print_exc()
        return True

    # Questions

    def _answer(self, message: Message, name: str | None) -> Reply:
        arguments = {k: v for k, v in message.items() if k not in ASIDE}
        verb = message["do"]
        own: dict[str, Callable[..., Any]]
        own = {
            "health": self._health,
            "metrics": self._metrics,
            "overview": self._overview,
            "forgetting": dict,
            "spend": lambda number: {},
            "forget": self._forget,
            "statements": partial(find, self.log),
        }
        own |= self.versions.verbs
        own |= dict.fromkeys(TEXTS, self.versions.texts)  # those who speak HTTP answer then
        if "copy" not in message:
            self.metrics.questions.labels(verb).inc()
        try:
            if verb in self._duty.verbs:
                return Reply(HTTPStatus.OK, self._duty.verbs[verb](name, **arguments))
            if verb in own:
                return Reply(HTTPStatus.OK, own[verb](**arguments))
            follower = self._follower(verb, arguments.pop("run", None))
            return Reply(HTTPStatus.OK, follower.verbs[verb](**arguments))
        except Exception as error:  # noqa: BLE001 - see _refused
            return _refused(error)

    def _follower(self, verb: str, run: str | None) -> Follower:
        """Return the run that answers a question: the first that does, or the one named.

        Raises:
            Problem: There is none.
        """
        able = {follower.name: follower for follower in self.followers if verb in follower.verbs}
        if not able:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no run here answers {verb!r}.",
                "Serve a run of that task beside the others.",
            )  # fmt: skip
        if run is not None and run not in able:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no run {run!r} here answers {verb!r}.",
                allowed(run, able), field="run", value=run, allowed=list(able),
            )  # fmt: skip
        return able[next(iter(able)) if run is None else run]

    def _overview(self, group: str) -> Answer:
        students = self.log.students_of(group)
        if not students:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"nothing is known of a class {group!r}.",
                "A class is known from its first event.", field="class", value=group,
            )  # fmt: skip
        runs = {follower.name: follower.overview(students, group) for follower in self.followers}
        return {"class": group, "students": students, "runs": runs}

    def _forget(
        self, students: Sequence[str], certificate: str | None = None, before: int | None = None,
        named: bool = False,
    ) -> Answer:  # fmt: skip
        """Delete all that is known of students, in the file and in memory.

        Args:
            students: Their names.
            certificate: What the certificate of it is called.
            before: Only those of whom there is no event from this time on.
            named: Whether it is answered who was known and whose time was over, not how many.
        """
        if before is not None:
            latest = self.log.latest(students)
            students = [name for name in students if latest.get(name, 0) < before]
        self.book.write()  # what waits goes with the rest
        with self.versions.forgetting(students):
            known, gone = forget_in(self.log, students)
        for follower in self.followers:
            follower.forget(students)
        who = {"students": sorted(known), "due": list(students)} if named else {}
        return {"students": len(known), "events": gone, **who}

    def _health(self, raw: bool = False) -> Answer:
        runs = [
            {"run": follower.name, "answers": sorted(follower.verbs)} for follower in self.followers
        ]
        marks = {"marks": self.log.marks()} if raw else {}
        return {"status": "ok", "runs": runs, "events": self.log.num_events, **marks}

    def _metrics(self, raw: bool = False) -> str:
        return self.metrics.text(gauges=not raw)


def _refused(error: Exception) -> Reply:
    """Return what is said of an error; one request that fails must not end the states of all."""
    if isinstance(error, TorcheduError):
        error = Problem.of(error)
    elif not isinstance(error, Problem):
        traceback.print_exception(error)
        error = Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed at this request.",
            "What went wrong stands where its process writes its errors.",
        )  # fmt: skip
    return Reply(error.status, error.to_json())


def _wrong(
    row: int, field: str, value: object, detail: str, remedy: str,
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY, **more: Any,
) -> Problem:  # fmt: skip
    """Return what is wrong with a field of an event."""
    return Problem(status, detail, remedy, field=field, row=row, value=value, **more)
