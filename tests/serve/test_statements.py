"""What learning records mean to runs, and what is left of them when students are forgotten."""

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from tests.engine.test_risk import engine_of as risk_engine
from tests.serve.record_forms import (
    COURSES,
    Statement,
    edx_enrolment,
    edx_passed,
    edx_problem_check,
    edx_unenrolment,
    edx_video,
    h5p_answer,
)
from tests.serve.services import NOW, service_of, tracing_engine
from torchedu.serve.bodies import Course, Work
from torchedu.serve.log import EventLog
from torchedu.serve.risk import RiskFollower
from torchedu.serve.service import Reply, Service
from torchedu.serve.statements import event_fields, milliseconds, timestamp

DAY = 86_400_000
BEGINS = 20_500  # days since 1970: in February 2026


def record(service: Service, *statements: Statement) -> Reply:
    pairs = [event_fields(said) for said in statements]
    own, meanings = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return service.handle([{"do": "record", "events": own, "meanings": meanings}])[0]


def said(form: Any, number: int, day: float, student: str = "ann") -> Statement:
    moment = timestamp(round((BEGINS + day) * DAY))
    statement = form(np.random.default_rng(0), student)
    return {"id": str(UUID(int=number)), "timestamp": moment, **statement}


def test_a_course_is_followed_from_records_alone(tmp_path: Path) -> None:
    log, engine = EventLog(tmp_path / "service.db"), risk_engine()
    service = Service([RiskFollower("risk", engine, log)], log, clock=lambda: NOW)
    problem = said(edx_problem_check, 2, 12.5)
    early = record(service, said(edx_enrolment, 99, -5, "bo"))
    assert early.body == {"new": [f"xapi: {UUID(int=99)}"]}  # kept, though it does not count
    work = [Work(work=problem["object"]["id"])]
    course = Course(course=COURSES["edx"], module="algebra", length=100, work=work, begins=BEGINS)
    (begun,) = service.handle([{"do": "post", "events": [course.event()]}])
    assert begun.status == 200
    assert (
        record(service, said(edx_enrolment, 1, -5), problem, said(edx_video, 3, 14)).status == 200
    )
    engine.course(COURSES["edx"], module="algebra", length=100, begins=BEGINS,
                  work=[{"work": problem["object"]["id"]}])  # fmt: skip
    where = {"student": "ann", "course": COURSES["edx"]}
    engine.event_many([
        {"event": "registered", "day": -5.0, **where},
        {"event": "submitted", "day": 12.5, "work": problem["object"]["id"], "value": 1.0, **where},
        {"event": "clicked", "day": 14.0, "value": 1.0, **where},
    ])  # fmt: skip
    (risk,) = engine.risk("ann")
    (reply,) = service.handle([{"do": "risk", "student": "ann"}])
    assert reply.body["risks"] == [risk._asdict()]
    (nobody,) = service.handle([{"do": "risk", "student": "bo"}])
    assert nobody.status == 422
    assert record(service, said(edx_unenrolment, 4, 20), said(edx_passed, 5, 21)).status == 200
    kinds = [event.kind for event in log.events_of_kinds({"left", "outcome"})]
    assert kinds == ["left", "outcome"]
    text = service.metrics.text()
    assert 'statements_total{became="counted"} 5.0' in text
    assert 'statements_total{became="refused"} 1.0' in text
    (undated,) = service.handle([
        {"do": "post", "events": [{"id": "x", "event": "clicked", "value": 1.0, "student": "ann",
                                   "course": "latin"}]}
    ])  # fmt: skip
    assert (undated.status, undated.body["field"]) == (422, "day")
    service.close()


def test_a_registration_is_an_enrolment_and_one_in_a_course(tmp_path: Path) -> None:
    own, meanings = event_fields(said(edx_enrolment, 1, 3))
    assert own["class"] == COURSES["edx"]
    assert [fields["event"] for fields in meanings] == ["enrolled", "registered"]
    assert len({fields["id"] for fields in meanings}) == 2
    assert {fields["time"] for fields in meanings} == {round((BEGINS + 3) * DAY)}


@pytest.mark.parametrize(
    "more",
    [
        {"object": {"id": "i" * 300}},
        {"object": {"id": "two\nlines"}},
        {"object": {"objectType": "Agent", "mbox": "mailto:a@b.org"}},
        {"actor": {"objectType": "Group", "member": [{"mbox": "mailto:a@b.org"}]}},
        {"timestamp": "1066-10-14T09:00:00Z"},
        {"result": {"score": {"raw": 7, "max": 5}}, "verb": {"id": "https://a.org/evaluated"}},
    ],
)
def test_what_could_not_be_posted_means_nothing(more: dict[str, Any]) -> None:
    statement = said(edx_problem_check, 1, 3) | more
    _, meanings = event_fields(statement)
    assert [fields for fields in meanings if "course" not in fields] == []  # no answer
    assert len(meanings) == ("verb" in more)  # a run refuses what is above the highest mark


def test_times_are_those_of_iso_8601() -> None:
    assert timestamp(milliseconds("2026-02-01T09:00:00.1239+01:00")) == "2026-02-01T08:00:00.124Z"
    assert milliseconds("2026-02-01T08:00:00") == milliseconds("2026-02-01T08:00:00Z")


def test_forgetting_takes_records_that_speak_of_the_student(tmp_path: Path) -> None:
    service = service_of(tracing_engine(), tmp_path)
    mark = "zyxwvut"
    theirs, taught, other = (said(h5p_answer, n, n, name) for n, name in
                             ((1, mark), (2, "ann"), (3, "bo")))  # fmt: skip
    taught["context"]["instructor"] = {"mbox": f"mailto:{mark}@example.org"}
    other["result"]["response"] = "mailto:ZYXWVUT@example.org"
    for statement in (theirs, taught, other):
        statement["object"]["id"] = "i1"
    assert record(service, theirs, taught, other).status == 200
    students = [f"mailto:{name}@example.org" for name in (mark, "ann", "bo")]
    before = service.handle([{"do": "mastery", "student": name} for name in students[1:]])
    (gone,) = service.handle([{"do": "forget", "students": students[:1]}])
    assert gone.status == 200
    for file in tmp_path.iterdir():
        assert mark.encode() not in file.read_bytes()
    after = service.handle([{"do": "mastery", "student": name} for name in students[1:]])
    assert after == before  # answers count though a record of one is gone
    (left,) = service.handle([{"do": "statements"}])
    assert [said["id"] for said in left.body["statements"]] == [str(UUID(int=3))]
    service.close()
