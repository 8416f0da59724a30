"""Answers of the shards of a service as the answer of one: each shard has students of its own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from torchedu.serve.candidates import FAILED, OPENING, READY, REBUILDING
from torchedu.serve.comparing import Comparison
from torchedu.serve.drift import Watch
from torchedu.serve.follower import Answer
from torchedu.serve.metrics import Gauge

Bodies = Sequence[Answer]
"""What the shards say, in their order."""
END = 10**17
"""A place after all in a log."""
_SLOWEST = (FAILED, OPENING, REBUILDING, READY)
"""States of a version, the one first by which the whole goes."""


def overview(bodies: Bodies) -> Answer:
    """Return what is said of a class whose students stand in several shards."""
    students = sorted(chain.from_iterable(body["students"] for body in bodies))
    runs = {
        run: {name: about for body in bodies for name, about in body["runs"][run].items()}
        for run in bodies[0]["runs"]
    }
    return {"class": bodies[0]["class"], "students": students, "runs": runs}


def health(bodies: Bodies) -> Answer:
    """Return what all serve, and how many events they hold together."""
    events = sum(body["events"] - body["marks"] for body in bodies) + bodies[0]["marks"]
    return {name: bodies[0][name] for name in ("status", "runs")} | {"events": events}


def acts(bodies: Bodies, last: int) -> Answer:
    """Return what those who rule did, the latest first."""
    every = chain.from_iterable(body["acts"] for body in bodies)
    return {"acts": sorted(every, key=lambda act: -act["time"])[:last]}


def statements(
    bodies: Bodies, places: Sequence[int], ascending: bool, limit: int
) -> dict[str, Any]:
    """Return a page of statements out of the pages of shards, in the order of when they came.

    Args:
        bodies: Their pages, each with the ``places`` of its statements and, where it has more, how
            far it has looked (``through``).
        places: Where each was asked to begin.
        ascending: Whether the first that was stored comes first.
        limit: How many at most.

    Returns:
        ``statements``, and ``more``: the places after which to go on; None at the end.
    """
    looked = [body["through"] for body in bodies if body["more"] is not None]
    edge = (min if ascending else max)(looked, default="")  # beyond it some may still come between
    pairs = [
        (statement, shard, place)
        for shard, body in enumerate(bodies)
        for statement, place in zip(body["statements"], body["places"], strict=True)
        if not edge or statement["stored"] == edge or (statement["stored"] < edge) == ascending
    ]
    pairs.sort(key=lambda pair: pair[0]["stored"], reverse=not ascending)
    page = pairs[:limit]
    more = list(places)
    for shard, body in enumerate(bodies):
        mine = [place for _, of, place in page if of == shard]
        if len(mine) == len(body["statements"]):  # all that it gave
            more[shard] = body["more"] or (END if ascending else 1)
        elif mine:
            more[shard] = mine[-1]
    through = len(page) == sum(len(body["statements"]) for body in bodies) and not looked
    return {"statements": [statement for statement, *_ in page], "more": None if through else more}


def versions(bodies: Bodies) -> Answer:
    """Return which version of each run answers, by the shard that is least far."""
    return {"runs": [_version(mine) for mine in _by_run(bodies)]}


def drift(bodies: Bodies) -> Answer:
    """Return how far what comes to all shards is from what networks know."""
    return {"runs": {run: watch.summary() for run, watch in _watches(bodies).items()}}


def watched(seen: Bodies, compared: Bodies) -> list[Gauge]:
    """Return what is measured of versions in all shards, for Prometheus."""
    gauges = chain.from_iterable(watch.gauges(run) for run, watch in _watches(seen).items())
    return [*gauges, *_compared(compared)]


def _compared(bodies: Bodies) -> Iterator[Gauge]:
    for mine in _by_run(bodies):
        comparison = _comparison(mine)
        if comparison is not None:
            yield from comparison.gauges(mine[0]["run"])


def _by_run(bodies: Bodies) -> Iterator[Sequence[Mapping[str, Any]]]:
    return zip(*(body["runs"] for body in bodies), strict=True)


def _version(mine: Sequence[Mapping[str, Any]]) -> Answer:
    slowest = min(mine, key=_far)
    if slowest["candidate"] is None:
        return dict(slowest)
    candidate = dict(slowest["candidate"])
    candidate["students"] = sum(run["candidate"]["students"] for run in mine if run["candidate"])
    comparison = _comparison(mine)
    candidate.pop("comparison", None)
    if comparison is not None:
        candidate["comparison"] = comparison.scores()
    return {**slowest, "candidate": candidate}


def _far(run: Mapping[str, Any]) -> int:
    candidate = run["candidate"]
    return len(_SLOWEST) if candidate is None else _SLOWEST.index(candidate["state"])


def _comparison(mine: Iterable[Mapping[str, Any]]) -> Comparison | None:
    packs = [(run["candidate"] or {}).get("comparison") for run in mine]
    return Comparison.joined([pack for pack in packs if pack]) if any(packs) else None


def _watches(bodies: Bodies) -> dict[str, Watch]:
    return {run: Watch.joined([body["runs"][run] for body in bodies]) for run in bodies[0]["runs"]}
