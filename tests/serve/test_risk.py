"""Courses that are going on, told to a service."""

from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_risk import engine_of
from tests.serve.services import NOW, post
from torchedu.engine import RiskEngine
from torchedu.serve.bodies import Course, Work
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.risk import RiskFollower
from torchedu.serve.service import Service

WHERE = {"student": "ann", "course": "algebra 2"}
EVENTS: list[dict[str, Any]] = [
    {"id": "1", "event": "registered", "day": -5.0, **WHERE},
    {"id": "2", "event": "about", "student": "ann", "attributes": {"sex": "F"}},
    {"id": "3", "event": "submitted", "day": 10.0, "work": "essay", "value": 0.9, **WHERE},
    {"id": "4", "event": "clicked", "day": 12.0, "value": 3.0, **WHERE},
]


@pytest.fixture
def engine() -> RiskEngine:
    return engine_of()


def begun(engine: RiskEngine, folder: Path) -> Service:
    log = EventLog(folder / "service.db")
    service = Service([RiskFollower("risk", engine, log)], log, clock=lambda: NOW)
    course = Course(course="algebra 2", module="algebra", length=100, work=[Work(work="essay")])
    assert post(service, [course.event()]).status == 200
    return service


def test_risks_are_those_of_the_engine_and_come_back_after_a_start(
    engine: RiskEngine, tmp_path: Path
) -> None:
    service = begun(engine, tmp_path)
    assert post(service, EVENTS).status == 200
    engine.course("algebra 2", module="algebra", length=100, work=[{"work": "essay"}], begins=0)
    engine.about("ann", {"sex": "F"})
    rows = [{name: event.get(name) for name in ("student", "course", "event", "day", "work",
             "value")} for event in EVENTS if event["event"] != "about"]  # fmt: skip
    engine.event_many(rows)
    (told,) = engine.risk("ann")
    (reply,) = service.handle([{"do": "risk", "student": "ann"}])
    assert reply.body["risks"] == [told._asdict()]
    (overview,) = service.handle([{"do": "overview", "group": "algebra 2"}])
    assert overview.body["runs"]["risk"]["ann"]["risk"] == told.risk
    service.close()
    again = begun(engine, tmp_path)  # the same course once more is no conflict
    assert again.handle([{"do": "risk", "student": "ann"}]) == [reply]


def test_what_cannot_be_is_refused_and_what_is_not_written_never_was(
    engine: RiskEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = begun(engine, tmp_path)
    strange = post(service, [EVENTS[0], {**EVENTS[2], "course": "history"}])
    assert (strange.status, strange.body["field"]) == (422, "course")
    (nobody,) = service.handle([{"do": "risk", "student": "ann"}])
    assert (nobody.status, nobody.body["field"]) == (422, "student")
    other = Course(course="algebra 2", length=99)
    assert post(service, [other.event()]).status == 409

    def full(*_: object) -> None:
        raise Unwritable("full", "more")

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "append", full)
        assert post(service, EVENTS).status == 503
    assert service.handle([{"do": "risk", "student": "ann"}]) == [nobody]
    assert post(service, EVENTS).status == 200
