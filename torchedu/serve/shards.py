"""The shards of a service, asked as if they were one: what is put to which of them."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from torchedu.serve.access import NEEDS, READ, cost_of
from torchedu.serve.events import VOIDED
from torchedu.serve.merging import acts, drift, health, overview, statements, versions, watched
from torchedu.serve.metrics import summed, text_of
from torchedu.serve.problems import Problem
from torchedu.serve.service import Message, Reply
from torchedu.serve.stores import shard_of
from torchedu.serve.wire import Ask

_CALLER = ("key", "who", "paid")


class Shards:
    """Puts a message to those shards that it is about; it is an ``Ask`` itself.

    What is of a student stands in one shard. What is of several students is put to each of their
    shards. A list of events is checked whole before a part of it is written.

    Args:
        asks: Puts a message to each of the shards.
        rated: Whether keys have a rate, which is counted in one shard for each.
    """

    def __init__(self, asks: Sequence[Ask], rated: bool = False) -> None:
        self._asks = asks
        self._rated = rated
        self._whole = {
            "post": self._post, "record": self._post, "overview": self._overview,
            "health": self._health, "acts": self._acts, "statements": self._statements,
            "forget": self._forget, "export": self._export, "versions": self._versions,
            "drift": self._drift, "metrics": self._metrics, "swap": self._change,
            "promote": self._change, "drop": self._change,
        }  # fmt: skip

    async def __call__(self, message: Message) -> Reply:
        """Put a message to the service.

        Raises:
            Problem: Nobody answers.
        """
        if self._rated and NEEDS.get(message["do"], READ) is not None:
            spend = {"do": "spend", **_caller(message), "number": cost_of(message)}
            name = message.get("key") or message.get("who", {}).get("name", "")
            spent = await self._asks[self._home(name)](spend)
            if spent.status != HTTPStatus.OK:
                return spent
            message = {**message, "paid": True}
        whole = self._whole.get(message["do"])
        if whole is not None:
            return await whole(message)
        return await self._asks[self._home(message.get("student", ""))](message)

    def _home(self, student: str) -> int:
        return shard_of(student, len(self._asks))

    async def _all(self, message: Message, first: Message | None = None) -> list[Reply]:
        """Put a message to all shards; the first alone takes it down in its book."""
        copies = [{**message, "copy": True}] * (len(self._asks) - 1)
        messages = [first or message, *copies]
        asked = (ask(given) for ask, given in zip(self._asks, messages, strict=True))
        return await asyncio.gather(*asked)

    # Events

    async def _post(self, message: Message) -> Reply:
        rows_of: dict[int, list[int]] = defaultdict(list)
        for row, fields in enumerate(message["events"]):
            rows_of[self._home(fields.get("student", ""))].append(row)
        if len(rows_of) > 1:  # each can say of all whether they can be
            tried = await self._asks[next(iter(rows_of))]({**message, "dry": True})
            if tried.status != HTTPStatus.OK:
                return tried
            message = {**message, "now": tried.body["now"]}  # clocks may be set meanwhile
        parts = [_part(message, rows) for rows in rows_of.values()]
        parts = [parts[0], *({**part, "copy": True} for part in parts[1:])]
        asked = (self._asks[shard](part) for shard, part in zip(rows_of, parts, strict=True))
        replies = await asyncio.gather(*asked)
        for reply, rows in zip(replies, rows_of.values(), strict=True):
            if reply.status != HTTPStatus.OK:
                return _refused(reply, rows, parts=len(parts))
        marks = [
            fields
            for some in message.get("meanings", ())
            for fields in some
            if fields["event"] == VOIDED
        ]
        if marks:  # what they void is of nobody knows whom
            void = {"do": "void", **_caller(message), "events": _once(marks), "copy": True}
            for reply in await self._all(void):
                if reply.status != HTTPStatus.OK:
                    return reply
        return Reply(HTTPStatus.OK, _received(message, [reply.body for reply in replies]))

    # Questions about many

    async def _overview(self, message: Message) -> Reply:
        replies = await self._all(message)
        known = [reply for reply in replies if reply.status != HTTPStatus.NOT_FOUND]
        return _merged(known, overview) if known else replies[0]

    async def _health(self, message: Message) -> Reply:
        return _merged(await self._all({**message, "raw": True}), health)

    async def _acts(self, message: Message) -> Reply:
        return _merged(await self._all(message), lambda bodies: acts(bodies, message["last"]))

    async def _statements(self, message: Message) -> Reply:
        places = message.get("place") or [0] * len(self._asks)
        if len(places) != len(self._asks):
            return Reply(HTTPStatus.BAD_REQUEST, Problem(
                HTTPStatus.BAD_REQUEST, "the place is of a service with other shards.",
                "Begin with the first page.", field="place",
            ).to_json())  # fmt: skip
        shared = {"copy": True, "placed": True}
        asked = ({**message, **(shared if i else {"placed": True}), "place": [place]}
                 for i, place in enumerate(places))  # fmt: skip
        replies = await asyncio.gather(
            *(ask(given) for ask, given in zip(self._asks, asked, strict=True))
        )
        ascending, limit = message.get("ascending", False), message.get("limit", 1)
        return _merged(replies, lambda bodies: statements(bodies, places, ascending, limit))

    async def _forget(self, message: Message) -> Reply:
        """Forget students, whom others' records may name in every shard."""
        students, known, events = message["students"], set[str](), 0
        if "before" in message:  # only their own shards know who has come back
            of_shards: dict[int, list[str]] = defaultdict(list)
            for student in students:
                of_shards[self._home(student)].append(student)
            replies = await asyncio.gather(*(
                self._asks[shard]({**message, "students": mine, "named": True, "copy": True})
                for shard, mine in of_shards.items()
            ))  # fmt: skip
            refused = _first_refused(replies)
            if refused is not None:
                return refused
            students = [name for reply in replies for name in reply.body["due"]]
            known.update(*(reply.body["students"] for reply in replies))
            events = sum(reply.body["events"] for reply in replies)
        given = {name: value for name, value in message.items() if name != "before"}
        replies = await self._all({**given, "students": students, "named": True})
        return _merged(
            replies,
            lambda bodies: {
                "students": len(known.union(*(body["students"] for body in bodies))),
                "events": events + sum(body["events"] for body in bodies),
            },
        )

    async def _export(self, message: Message) -> Reply:
        """Return what a student's shard holds, with the files that the first one knows."""
        home = self._home(message["student"])
        held = await self._asks[home](message)
        if not home or held.status != HTTPStatus.OK:
            return held
        first = await self._asks[0]({**message, "copy": True})
        return _merged([first], lambda bodies: held.body | {"files": bodies[0]["files"]})

    # Versions

    async def _change(self, message: Message) -> Reply:
        first = await self._asks[0](message)
        if first.status != HTTPStatus.OK:
            return first
        others = [ask({**message, "copy": True}) for ask in self._asks[1:]]
        refused = _first_refused(await asyncio.gather(*others))
        return refused or await self._versions({"do": "versions", "copy": True, **_caller(message)})

    async def _versions(self, message: Message) -> Reply:
        return _merged(await self._all({**message, "raw": True}), versions)

    async def _drift(self, message: Message) -> Reply:
        return _merged(await self._all({**message, "raw": True}), drift)

    async def _metrics(self, message: Message) -> Reply:
        counted = await self._all({**message, "raw": True})
        asked = {"raw": True, "copy": True, **_caller(message)}
        seen = await self._all({"do": "drift", **asked})
        compared = await self._all({"do": "versions", **asked})
        refused = _first_refused([*counted, *seen, *compared])
        if refused is not None:
            return refused
        gauges = watched([reply.body for reply in seen], [reply.body for reply in compared])
        counters = summed(reply.body for reply in counted)
        return Reply(HTTPStatus.OK, counters + text_of(lambda: gauges))


def _caller(message: Message) -> dict[str, Any]:
    return {name: message[name] for name in _CALLER if name in message}


def _part(message: Message, rows: Sequence[int]) -> Message:
    lists = {name: [message[name][row] for row in rows] for name in _lists(message)}
    return {**message, **lists}


def _lists(message: Message) -> list[str]:
    return [name for name in ("events", "meanings") if name in message]


def _once(marks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({mark["id"]: mark for mark in marks}.values())


def _first_refused(replies: Sequence[Reply]) -> Reply | None:
    return next((reply for reply in replies if reply.status != HTTPStatus.OK), None)


def _merged(replies: Sequence[Reply], merge: Any) -> Reply:
    refused = _first_refused(replies)
    return refused or Reply(HTTPStatus.OK, merge([reply.body for reply in replies]))


def _refused(reply: Reply, rows: Sequence[int], parts: int) -> Reply:
    """Return what is said of a list of which a part was refused."""
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and parts > 1:
        problem = Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the log of a shard cannot be written; a part of the list may be kept.",
            "Send the whole again later: what is known counts once.",
        )
        return Reply(problem.status, problem.to_json())
    row = reply.body.get("row")
    return reply if row is None else Reply(reply.status, {**reply.body, "row": rows[row]})


def _received(message: Message, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is said of events that were taken in by several shards."""
    ids = [fields["id"] for fields in message["events"]]
    if message["do"] == "record":
        new = {id for body in bodies for id in body["new"]}
        return {"new": [id for id in ids if id in new]}
    noted = {note["id"]: note for body in bodies for note in body.get("notes", ())}
    notes = [noted[id] for id in ids if id in noted]
    return {"ids": ids, "notes": notes} if notes else {"ids": ids}
