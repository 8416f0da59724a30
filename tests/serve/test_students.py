"""What a service knows of students equals what a batch of the same answers comes to."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.serve.services import (
    batch_chances,
    disturbed,
    histories,
    live_chances,
    post,
    service_of,
    tracing_engine,
)
from torchedu.models import DKT, SAKT, ItemDKT, Network
from torchedu.serve import students
from torchedu.serve.tracing import TracingFollower


@pytest.mark.parametrize("net", [ItemDKT, DKT, SAKT])
def test_late_and_repeated_events_and_starts_change_nothing(
    net: type[Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(students, "AT_ONCE", 4)  # a few fit into memory, others come and go
    monkeypatch.setattr(students, "EVERY", 5)
    drawn = np.random.default_rng(0)
    engine = tracing_engine(partial(net, dim=8))
    events = histories(12, 30, drawn)
    last = {event["student"]: event for event in events}
    before = [event for event in events if event["id"] != last[event["student"]]["id"]]
    service = disturbed(engine, before, lambda: service_of(engine, tmp_path, memory=0), drawn)
    asked = sorted(last.values(), key=lambda event: event["student"])
    whole = batch_chances(engine, events)
    for some in (asked[:4], asked[4:8], asked[8:]):
        live = live_chances(service, some)
        assert live == pytest.approx({id: whole[id] for id in live}, abs=1e-5)
    service.close()


def test_a_damaged_snapshot_is_made_again(tmp_path: Path) -> None:
    engine = tracing_engine()
    events = histories(3, 60, np.random.default_rng(1))
    service = service_of(engine, tmp_path)
    post(service, events)
    asked = events[-3:]
    before = live_chances(service, asked)
    follower = service.followers[0]
    assert isinstance(follower, TracingFollower)
    names = {event["student"] for event in events}
    kept = follower.due(everything=True)
    assert {snapshot.student for snapshot in kept} == names
    service.log.append([], [s._replace(state=s.state[:-1]) for s in kept])
    service.log.close()
    service = service_of(engine, tmp_path)
    assert live_chances(service, asked) == pytest.approx(before, abs=1e-6)


def test_a_state_of_another_network_is_not_taken(tmp_path: Path) -> None:
    first, second = tracing_engine(), tracing_engine(seed=1)
    events = histories(4, 40, np.random.default_rng(2))
    service = service_of(first, tmp_path)
    post(service, events)
    service.close()
    follower = service_of(second, tmp_path).followers[0]
    assert isinstance(follower, TracingFollower)
    second.answer_many(events)
    assert follower.mastery("s0")["skills"] == pytest.approx(second.mastery("s0"), abs=1e-6)


def test_history_ends_with_what_is_known_now(tmp_path: Path) -> None:
    service = service_of(tracing_engine(), tmp_path)
    events = histories(2, 20, np.random.default_rng(3))
    post(service, events)
    (reply,) = service.handle([{"do": "mastery", "student": "s1", "history": 3}])
    mine = [event for event in events if event["student"] == "s1"][-3:]
    assert [step["id"] for step in reply.body["history"]] == [event["id"] for event in mine]
    assert reply.body["history"][-1]["skills"] == pytest.approx(reply.body["skills"], abs=1e-6)
    assert reply.body["history"][0]["skills"] != reply.body["history"][-1]["skills"]


def test_an_answer_that_the_network_cannot_place_is_kept_and_moves_nothing(tmp_path: Path) -> None:
    service = service_of(tracing_engine(), tmp_path)
    strange = {"id": "a", "event": "answered", "student": "ann", "item": "new", "correct": 1.0}
    reply = post(service, [strange, {**strange, "id": "b", "skill": ["k1", "k9"]}])
    assert [note["id"] for note in reply.body["notes"]] == ["a"]
    (said,) = service.handle([{"do": "mastery", "student": "ann"}])
    assert said.body["answers"] == 1
    assert service.log.next_seq == 3
