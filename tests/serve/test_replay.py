"""Decisions made again from the log, to the last bit, after late events, restarts and crowds."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.test_risk import engine_of as risk_engine
from tests.serve.services import NOW, disturbed, histories, post, service_of, tracing_engine
from torchedu.domains import Domain
from torchedu.models import DKVMN, SimpleKT
from torchedu.models.kt_model import KTModel
from torchedu.serve.bodies import Course
from torchedu.serve.log import EventLog
from torchedu.serve.replay import replay
from torchedu.serve.risk import RiskFollower
from torchedu.serve.service import Service

ASKED: list[dict[str, Any]] = [
    {"do": "mastery"}, {"do": "chances", "items": ["i1", "i2", "i30"]},
    {"do": "next", "count": 3, "target": 0.6}, {"do": "mastery", "history": 2},
]  # fmt: skip


def replayed(service: Service, opened: dict[str, Domain]) -> list[str | None]:
    return [o.differs for o in replay(service.log, opened, {name: {} for name in opened})]


@pytest.mark.parametrize("net", [partial(DKVMN, dim=8), SimpleKT], ids=["filled up", "one by one"])
def test_decisions_come_out_equal_to_the_last_bit(net: type[KTModel], tmp_path: Path) -> None:
    engine, drawn = tracing_engine(net), np.random.default_rng(0)
    events = [{**event, "class": "7b"} for event in histories(20, 8, drawn)]

    def asking(service: Service) -> Service:
        handle = service.handle

        def with_questions(messages: Any) -> Any:
            asked = [{**some, "student": f"s{drawn.integers(20)}"} for some in ASKED]
            asked.append({"do": "overview", "group": "7b"})
            replies = handle([*messages, *asked])
            service.book.write()
            return replies

        service.handle = with_questions  # type: ignore[method-assign]
        return service

    service = disturbed(engine, events, lambda: asking(service_of(engine, tmp_path)), drawn)
    service.book.write()
    differs = replayed(service, {"small": engine.domain})
    assert len(differs) > 40
    assert set(differs) == {None}
    with sqlite3.connect(tmp_path / "service.db") as connection:  # the file says something else
        connection.execute("UPDATE events SET fields = replace(fields, ': 0.5', ': 0.75')")
    connection.close()
    reasons = {reason for reason in replayed(service, {"small": engine.domain}) if reason}
    assert reasons == {"what is known of the student or the course has changed since"}
    other = tracing_engine(net, seed=1).domain
    (reason,) = set(replayed(service, {"small": other}))
    assert reason is not None
    assert "is not here" in reason
    service.log.close()


def test_risks_are_made_again_too(tmp_path: Path) -> None:
    log, engine = EventLog(tmp_path / "service.db"), risk_engine()
    service = Service([RiskFollower("risk", engine, log)], log, clock=lambda: NOW)
    post(service, [Course(course="maths", module="algebra", length=100).event()])
    for number, name in enumerate(("ann", "bo", "cy")):
        where = {"course": "maths", "student": name}
        post(service, [{"id": name, "event": "registered", "day": -5.0, **where}])
        click = {"event": "clicked", "day": 3.0, "value": 4.0 + number, **where}
        post(service, [{"id": f"{name} 3", **click}])
        service.handle([{"do": "risk", "student": "ann"}, {"do": "overview", "group": "maths"}])
    service.book.write()
    assert replayed(service, {"risk": engine.domain}) == [None] * (3 + 1 + 2 + 3)
    service.handle([{"do": "forget", "students": ["cy"]}])
    assert set(replayed(service, {"risk": engine.domain})) == {None}  # so far all saw them alike
    log.close()
