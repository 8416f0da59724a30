"""Decisions made again from the log: do they come out equal to the last bit?"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from torchedu.domains import Domain
from torchedu.errors import TorcheduError
from torchedu.serve.book import input_of
from torchedu.serve.events import Event
from torchedu.serve.follower import Follower
from torchedu.serve.ledger import Records
from torchedu.serve.log import EventLog
from torchedu.serve.opening import follow
from torchedu.serve.risk import RiskFollower


class Outcome(NamedTuple):
    """What a decision came to when it was made again.

    Attributes:
        decision: Its place.
        student: Of whom it was.
        asked: The verb.
        differs: Why it is not equal; None where it is, to the last bit.
    """

    decision: int
    student: str
    asked: str
    differs: str | None


def replay(
    log: EventLog, opened: Mapping[str, Domain], more: Mapping[str, Mapping[str, Any]]
) -> Iterator[Outcome]:
    """Make all decisions again from the events before each, by a service of its own.

    Args:
        log: The log, in which the decisions are too.
        opened: The runs by their names.
        more: Further arguments of what follows each; see ``opening.follow``.

    Yields:
        What each came to, in the order of their places in the log.
    """
    decisions = sorted(Records(log.tables).decisions(), key=lambda d: (d["seq"], d["decision"]))
    students = {decision["student"] for decision in decisions}
    with TemporaryDirectory() as folder:
        again = EventLog(Path(folder) / "again.db", "NORMAL")
        followers = follow(opened, again, more)
        kinds = set[str]().union(*(follower.kinds for follower in followers))
        events = (
            event
            for event in log.events_of_kinds(kinds)
            if event.student in students or event.kind in RiskFollower.kinds
        )
        waiting = next(events, None)
        for seq, group in groupby(decisions, key=lambda d: d["seq"]):
            some = list[Event]()
            while waiting is not None and waiting.seq <= seq:
                some.append(waiting)
                waiting = next(events, None)
            _take(again, followers, some)
            yield from (_outcome(decision, followers) for decision in group)
        again.close()


def _take(log: EventLog, followers: Sequence[Follower], events: Sequence[Event]) -> None:
    if not events:
        return
    log.append(events)
    for follower in followers:
        mine = [event for event in events if event.kind in follower.kinds]
        follower.check(mine)
        follower.take(mine)


def _outcome(decision: Mapping[str, Any], followers: Sequence[Follower]) -> Outcome:
    return Outcome(
        decision["decision"], decision["student"], decision["asked"], _differs(decision, followers)
    )


def _differs(decision: Mapping[str, Any], followers: Sequence[Follower]) -> str | None:
    known = {follower.network: follower for follower in followers}
    follower, student = known.get(decision["network"]), decision["student"]
    if follower is None:
        return f"the network {decision['network'][:8]} of {decision['run']} is not here"
    try:
        if decision["asked"] == "overview":
            said = follower.overview([student], **decision["arguments"])[student]
        else:
            said = follower.verbs[decision["asked"]](student=student, **decision["arguments"])
    except (TorcheduError, KeyError):
        return "what it was made of is gone"
    answer = json.loads(json.dumps(said))
    if {name: answer[name] for name in decision["answer"]} == decision["answer"]:
        return None
    if input_of(follower, student) != decision["input"]:
        return "what is known of the student or the course has changed since"
    return "it comes out otherwise"
