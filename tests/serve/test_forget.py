"""Students who are forgotten: no byte of them is left, and others are as they were."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.test_risk import engine_of as risk_engine
from tests.serve.services import NOW, histories, post, service_of, tracing_engine
from torchedu.serve.access import Access, Keys
from torchedu.serve.bodies import Course
from torchedu.serve.log import EventLog
from torchedu.serve.risk import RiskFollower
from torchedu.serve.service import Service

MARK = "zyxwvut"


def renamed(events: list[dict[str, Any]], students: set[str]) -> list[dict[str, Any]]:
    """Return events, those of some students under names that are found among bytes."""
    return [
        {**event, "id": f"{MARK} {event['id']}", "student": f"{MARK} {event['student']}"}
        if event["student"] in students
        else event
        for event in events
    ]


def bytes_left(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if MARK.encode() in file.read_bytes()]


def test_no_byte_is_left_and_others_are_as_they_were(tmp_path: Path) -> None:
    made, keys = service_of(tracing_engine(), tmp_path), Keys(tmp_path / "service.db")
    access = Access(keys, made.log)
    service = Service(made.followers, made.log, lambda: NOW, access)
    some = {f"s{n}" for n in range(0, 60, 6)}
    events = renamed(histories(60, 60, np.random.default_rng(0)), some)
    for first in range(0, len(events), 100):
        group = [{**event, "class": "7b"} for event in events[first : first + 100]]
        assert post(service, group).status == 200
    gone = sorted({e["student"] for e in events if e["student"].startswith(MARK)})
    asked = [{"do": "mastery", "student": f"s{n}"} for n in range(60) if n % 6]
    before = service.handle([*asked, {"do": "mastery", "student": gone[0]}])[:-1]
    service.log.append([], [s for f in service.followers for s in f.due(everything=True)])
    assert bytes_left(tmp_path)
    (reply,) = service.handle([{"do": "forget", "students": gone}])
    mine = sum(event["student"] in gone for event in events)
    assert reply.body == {"students": len(gone), "events": mine}
    assert bytes_left(tmp_path) == []
    assert service.handle(asked) == before
    (nobody,) = service.handle([{"do": "mastery", "student": "nobody"}])
    (forgotten,) = service.handle([{"do": "mastery", "student": gone[0]}])
    assert forgotten.body["known"] is False
    assert forgotten.body["skills"] == nobody.body["skills"]
    (overview,) = service.handle([{"do": "overview", "group": "7b"}])
    assert not set(gone) & set(overview.body["students"])
    service.log.close()  # as if it were killed: what is asked next comes from the file alone
    again = service_of(tracing_engine(), tmp_path)
    after = again.handle(asked)
    for one, other in zip(after, before, strict=True):
        assert one.body["skills"] == pytest.approx(other.body["skills"], abs=1e-6)
    again.log.close()
    keys.close()


def test_a_course_goes_on_without_them(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "service.db")
    service = Service([RiskFollower("risk", risk_engine(), log)], log, clock=lambda: NOW)
    post(service, [Course(course="maths", module="algebra", length=100).event()])
    where = {"course": "maths", "event": "registered", "day": -5.0}
    post(service, [{"id": name, "student": name, **where} for name in ("ann", MARK)])
    assert service.handle([{"do": "forget", "students": [MARK]}])[0].body["events"] == 1
    asked = [{"do": "risk", "student": name} for name in ("ann", MARK)]
    assert [reply.status for reply in service.handle(asked)] == [200, 422]
    log.close()
    assert bytes_left(tmp_path) == []
