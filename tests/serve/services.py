"""Services of small networks of random weights, and histories to post to them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchedu.companions import Companions
from torchedu.domains import Tracing
from torchedu.engine import TracingEngine
from torchedu.models import ItemDKT, Network
from torchedu.readers.answers import AnswerRows
from torchedu.readers.rows import columns_of
from torchedu.schema import ITEM, SKILL, Names, Vocabulary
from torchedu.serve.log import EventLog
from torchedu.serve.service import Reply, Service
from torchedu.serve.tracing import TracingFollower

ITEMS, SKILLS = 40, 6
NOW = 2 * 10**12


SMALL = partial(ItemDKT, dim=8)


def tracing_engine(net: Callable[..., Network] = SMALL, seed: int = 0) -> TracingEngine:
    """Return an engine of a few items, each of one skill or two."""
    torch.manual_seed(seed)
    drawn = np.random.default_rng(seed)
    names = Vocabulary(
        {ITEM: Names(f"i{n}" for n in range(ITEMS)), SKILL: Names(f"k{n}" for n in range(SKILLS))}
    )
    skills = np.zeros((ITEMS + 2, 2), np.int64)
    skills[2:, 0] = drawn.integers(2, SKILLS, ITEMS)
    skills[2:, 1] = np.where(drawn.random(ITEMS) < 0.3, SKILLS + 1, 0)
    domain = Tracing(net, ITEMS + 2, SKILLS + 2)
    with torch.no_grad():
        for parameter in domain.net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    domain.take(Companions(names, item_skills=skills))
    return TracingEngine(domain)


def service_of(engine: TracingEngine, folder: Path, **more: Any) -> Service:
    """Return a service of a network that has met nobody in this process."""
    log = EventLog(folder / "service.db")
    follower = TracingFollower("small", TracingEngine(engine.domain), log, **more)
    return Service([follower], log, clock=lambda: NOW)


def histories(students: int, steps: int, drawn: np.random.Generator) -> list[dict[str, Any]]:
    """Return answers of students, up to so many each, as events in the order of their times."""
    events = []
    for student in range(students):
        moment = 10**12
        for step in range(int(drawn.integers(1, steps + 1))):
            moment += int(drawn.integers(1, 10**7))
            event = {
                "id": f"{student} {step}", "event": "answered", "student": f"s{student}",
                "item": f"i{drawn.integers(ITEMS)}", "correct": float(drawn.integers(5) / 4),
                "time": moment,
            }  # fmt: skip
            event |= {"response_time": float(drawn.random() * 60)} if drawn.random() < 0.8 else {}
            event |= {"attempt": int(drawn.integers(1, 4))} if drawn.random() < 0.8 else {}
            events.append(event)
    return sorted(events, key=lambda event: event["time"])


def post(service: Service, events: Sequence[dict[str, Any]]) -> Reply:
    """Post events as one request."""
    return service.handle([{"do": "post", "events": list(events)}])[0]


@torch.inference_mode()
def batch_chances(engine: TracingEngine, events: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the chance of each event as the network gives it in one batch, by the event's name."""
    known = engine.companions
    rows = AnswerRows(known.vocabulary, known.item_skills, engine.domain.net.reads)
    columns = columns_of(list(events), ("student", "item", "correct"), AnswerRows.FIELDS)
    chance_BL = engine.domain.net(rows.batch(columns)).sigmoid()
    place: dict[str, list[float]] = {}
    by_event = {}
    for event in events:
        place.setdefault(event["student"], [])
        row, step = list(place).index(event["student"]), len(place[event["student"]])
        by_event[event["id"]] = float(chance_BL[row, step])
        place[event["student"]].append(step)
    return by_event


def live_chances(service: Service, events: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the chance of each event as the service gives it now, by the event's name."""
    follower = service.followers[0]
    assert isinstance(follower, TracingFollower)
    follower.students.load([event["student"] for event in events])
    chances = follower.engine.predict_many(list(events))
    return dict(zip((event["id"] for event in events), chances, strict=True))


def disturbed(
    engine: TracingEngine,
    events: Sequence[dict[str, Any]],
    opened: Callable[[], Service],
    drawn: np.random.Generator,
) -> Service:
    """Post events late, twice and in groups of any size, to services that end without a word.

    Args:
        engine: The network.
        events: The events, in the order of their times.
        opened: Opens a service on the log that there is.
        drawn: Decides how.

    Returns:
        The service that took the last.
    """
    near = np.argsort(np.arange(len(events)) + drawn.exponential(3, len(events)))
    order = [*near.tolist(), *drawn.integers(len(events), size=len(events) // 20).tolist()]
    service, first = opened(), 0
    while first < len(order):
        size = int(drawn.integers(1, 40))
        some = list(dict.fromkeys(order[first : first + size]))
        first += size
        assert post(service, [events[i] for i in some]).status == 200
        if drawn.random() < 0.1:
            service.log.close()  # what was in memory is gone
            service = opened()
    return service
