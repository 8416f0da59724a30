"""What is acknowledged is written, what is refused changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serve.services import NOW, histories, post, service_of, tracing_engine
from torchedu.serve.events import AHEAD
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.service import Service

EVENT = {"id": "a", "event": "answered", "student": "ann", "item": "i1", "correct": 1.0}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return service_of(tracing_engine(), tmp_path)


def mastery(service: Service, student: str = "ann") -> Any:
    (reply,) = service.handle([{"do": "mastery", "student": student}])
    return reply.body


def test_an_event_counts_once(service: Service) -> None:
    first = post(service, [EVENT])
    after = mastery(service)
    assert (first.status, first.body) == (200, {"ids": ["a"]})
    assert post(service, [EVENT]) == first
    assert post(service, [{**EVENT, "id": "b", "time": NOW}, EVENT]).body == {"ids": ["b", "a"]}
    assert mastery(service)["answers"] == 2
    changed = post(service, [{**EVENT, "id": "c"}, {**EVENT, "correct": 0.0}])
    assert (changed.status, changed.body["field"], changed.body["row"]) == (409, "id", 1)
    assert mastery(service)["answers"] == 2
    assert mastery(service)["skills"] != after["skills"]


def test_requests_of_one_group_see_each_other(service: Service) -> None:
    requests = [
        {"do": "mastery", "student": "ann"},
        {"do": "post", "events": [EVENT]},
        {"do": "post", "events": [EVENT]},
        {"do": "post", "events": [{**EVENT, "correct": 0.5}]},
        {"do": "post", "events": [{**EVENT, "id": "b"}, {**EVENT, "id": "b"}]},
        {"do": "post", "events": [{**EVENT, "id": "d", "event": "clicked"}]},
        {"do": "nothing"},
    ]
    replies = service.handle(requests)
    assert [reply.status for reply in replies] == [200, 200, 200, 409, 422, 422, 404]
    assert replies[0].body["answers"] == 1  # what was asked beside it knows of it
    assert replies[5].body["allowed"] == ["answered", "training"]
    assert service.log.next_seq == 2


def test_what_is_known_is_known_when_the_clock_is_set_back(tmp_path: Path) -> None:
    made, now = service_of(tracing_engine(), tmp_path), [NOW]
    service = Service(made.followers, made.log, clock=lambda: now[0])
    first = post(service, [{**EVENT, "time": NOW}])
    now[0] = NOW - 2 * AHEAD
    assert first.status == 200
    assert post(service, [{**EVENT, "time": NOW}]) == first  # a sender that had no answer


def test_the_future_is_refused_and_a_clock_may_be_a_little_ahead(service: Service) -> None:
    late = post(service, [{**EVENT, "time": NOW + AHEAD + 1}])
    assert (late.status, late.body["field"]) == (422, "time")
    assert post(service, [{**EVENT, "time": NOW + AHEAD}]).status == 200


def test_what_cannot_be_written_is_not_acknowledged_and_moves_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(service, [EVENT])
    before = mastery(service)

    def full(*_: object) -> None:
        raise Unwritable("full", "more")

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "append", full)
        replies = service.handle(
            [{"do": "post", "events": [{**EVENT, "id": "b"}]}, {"do": "post", "events": [EVENT]}]
        )
    assert [reply.status for reply in replies] == [503, 503]
    assert mastery(service) == before
    assert post(service, [{**EVENT, "id": "b"}]).status == 200
    assert mastery(service)["answers"] == 2


def test_a_request_that_fails_ends_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    post(service, [EVENT])
    before = mastery(service)
    follower = service.followers[0]

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(follower, "check", broken)
        assert post(service, [{**EVENT, "id": "b"}]).status == 500
    assert service.log.next_seq == 2
    with monkeypatch.context() as patched:
        patched.setattr(type(follower.engine), "answer_many", broken)  # type: ignore[attr-defined]
        assert post(service, [{**EVENT, "id": "b", "time": NOW + 1}]).status == 200
        assert service.handle([{"do": "mastery", "student": "ann"}])[0].status == 500
    assert "ZeroDivisionError" in capsys.readouterr().err
    after = mastery(service)
    assert after["answers"] == 2
    assert after["skills"] != before["skills"]


def test_a_class_is_told_by_student(service: Service) -> None:
    events = histories(3, 5, np.random.default_rng(0))
    post(service, [{**event, "class": "7b"} for event in events])
    post(service, [{**EVENT, "class": "7c"}])
    (reply,) = service.handle([{"do": "overview", "group": "7b"}])
    assert reply.body["students"] == ["s0", "s1", "s2"]
    told = reply.body["runs"]["small"]
    for student in told:
        own = mastery(service, student)
        assert told[student]["answers"] == own["answers"]
        assert told[student]["skills"] == pytest.approx(own["skills"], abs=1e-6)
    (reply,) = service.handle([{"do": "overview", "group": "8a"}])
    assert (reply.status, reply.body["field"]) == (404, "class")


def test_counters_name_nobody(service: Service) -> None:
    post(service, [EVENT])
    post(service, [EVENT])
    mastery(service)
    (reply,) = service.handle([{"do": "metrics"}])
    assert "torchedu_events_total 1.0" in reply.body
    assert "torchedu_events_repeated_total 1.0" in reply.body
    assert 'torchedu_questions_total{asked="mastery"} 1.0' in reply.body
    assert "ann" not in reply.body
    (reply,) = service.handle([{"do": "health"}])
    assert reply.body["runs"] == [{"run": "small", "answers": ["chances", "mastery", "next"]}]
