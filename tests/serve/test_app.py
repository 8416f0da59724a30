"""What HTTP says: answers as they are, and problems that name the field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.serve.services import service_of, tracing_engine
from torchedu.serve.app import create_app
from torchedu.serve.service import Message, Reply
from torchedu.serve.wire import frame, frames

ANSWER = {"student": "ann", "item": "i1", "correct": 1}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    service = service_of(tracing_engine(), tmp_path_factory.mktemp("service"))

    async def ask(message: Message) -> Reply:
        ((_, sent),) = frames(bytearray(frame([0, message])))  # as it goes over the socket
        (reply,) = service.handle([sent])
        return reply

    with TestClient(create_app(ask, limit=3000)) as client:
        yield client
    service.close()


def test_events_come_one_by_one_or_many(client: TestClient) -> None:
    reply = client.post("/events", json={**ANSWER, "id": "one", "class": "7b"})
    assert (reply.status_code, reply.json()) == (200, {"ids": ["one"]})
    several = [
        {**ANSWER, "id": 2, "student": 7, "time": "2001-09-09T01:46:40Z"},
        {**ANSWER, "event": "answered", "skill": ["k1"], "response_time": 3, "attempt": 2},
    ]
    ids = client.post("/events", json=several).json()["ids"]
    assert ids[0] == "2"
    assert len(ids[1]) == 32  # drawn
    known = client.get("/mastery", params={"student": "7"}).json()
    assert (known["known"], known["last"]) == (True, 10**12)


def test_questions_are_answered(client: TestClient) -> None:
    client.post("/events", json={**ANSWER, "id": "one", "class": "7b"})
    of_ann: dict[str, Any] = {"student": "ann"}
    mastery = client.get("/mastery", params={**of_ann, "history": 2}).json()
    assert list(mastery["skills"]) == [f"k{n}" for n in range(6)]
    chances = client.get("/chances", params={**of_ann, "item": ["i1", "i2"]}).json()["chances"]
    assert list(chances) == ["i1", "i2"]
    items = client.get("/next", params={**of_ann, "count": 3, "target": 0.5}).json()["items"]
    assert len(items) == 3
    nobody = client.get("/mastery", params={"student": "new"}).json()
    assert (nobody["known"], nobody["answers"]) == (False, 0)
    assert client.get("/overview", params={"class": "7b"}).json()["students"] == ["ann"]
    assert client.get("/health").json()["status"] == "ok"
    assert "torchedu_events_total" in client.get("/metrics").text


POSTS = {
    "a mark": ({**ANSWER, "correct": 2}, 422, "correct"),
    "no number": ({**ANSWER, "correct": "much"}, 422, "correct"),
    "a student": ({"item": "i1", "correct": 1}, 422, "student"),
    "nobody": ({**ANSWER, "student": ""}, 422, "student"),
    "two lines": ({**ANSWER, "student": "a\nb"}, 422, "student"),
    "half a character": ({**ANSWER, "student": "a\ud800"}, 400, None),
    "a field": ({**ANSWER, "studen": "ann"}, 422, "studen"),
    "a kind": ({**ANSWER, "event": "clickd"}, 422, "event"),
    "a kind that nobody takes": (
        {"event": "left", "student": "ann", "course": "c", "day": 1}, 422, "event",
    ),
    "the future": ({**ANSWER, "time": 2**53}, 422, "time"),
    "in seconds": ({**ANSWER, "time": 1_790_000_000}, 422, "time"),
    "a day in digits": ({**ANSWER, "time": "20261130"}, 422, "time"),
    "no zone": ({**ANSWER, "time": "2001-09-09T01:46:40"}, 422, "time"),
    "no time": ({**ANSWER, "time": "soon"}, 422, "time"),
    "an attempt": ([ANSWER, {**ANSWER, "attempt": 0}], 422, "attempt"),
    "seconds": ({**ANSWER, "response_time": -1}, 422, "response_time"),
    "nothing": ([], 422, None),
    "a number": (7, 422, None),
    "a list of lists": ([[1]], 422, None),
}  # fmt: skip


@pytest.mark.parametrize("case", POSTS)
def test_a_bad_event_is_a_problem_that_names_the_field(client: TestClient, case: str) -> None:
    body, status, field = POSTS[case]
    before = client.get("/health").json()["events"]
    reply = client.post("/events", content=json.dumps(body))
    problem = reply.json()
    assert (reply.status_code, problem["status"]) == (status, status), problem
    assert reply.headers["content-type"] == "application/problem+json"
    if field:
        assert problem["field"] == field
    assert client.get("/health").json()["events"] == before


@pytest.mark.parametrize("body", [b'{"a', b"[" * 500, b"\xff\xfe", b"", b'{"a": NaN}'])
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    reply = client.post("/events", content=body)
    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("route", ["/events", "/courses"])
def test_a_body_over_the_limit_is_refused(client: TestClient, route: str) -> None:
    reply = client.post(route, content=b"[" + b" " * 4000 + b"]")
    assert reply.status_code == 413
    assert "3,000 bytes" in reply.json()["detail"]


def test_questions_that_cannot_be_name_the_field(client: TestClient) -> None:
    cases = {
        "/mastery": (422, "student"),
        "/mastery?student=ann&run=other": (404, "run"),
        "/chances?student=ann&item=strange": (422, "item"),
        "/next?student=ann&target=2": (422, "target"),
        "/next?student=ann&count=0": (422, "count"),
        "/overview?class=9z": (404, "class"),
        "/risk?student=ann": (404, None),
        "/nowhere": (404, None),
    }
    for path, (status, field) in cases.items():
        reply = client.get(path)
        assert (reply.status_code, reply.json().get("field")) == (status, field), path
        assert reply.headers["content-type"] == "application/problem+json"
    assert client.put("/events").status_code == 405


def test_the_document_tells_the_events(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    names = set(document["components"]["schemas"])
    assert {"Answered", "Enrolled", "InCourse", "About", "Course"} <= names
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in names


@pytest.mark.parametrize("called", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_is_json_whatever_it_is_called(client: TestClient, called: str) -> None:
    client.post("/events", json={**ANSWER, "student": "bea", "id": f"of {called}"})
    headers = {"Content-Type": called} if called else {}
    reply = client.post("/forget", content=b'{"students": ["bea"]}', headers=headers)
    assert (reply.status_code, reply.json()["events"]) == (200, 1)


def test_a_page_of_another_site_sends_nothing_without_a_key(client: TestClient) -> None:
    for route, body in (("/events", {**ANSWER, "id": "one"}), ("/forget", {"students": ["ann"]})):
        headers = {"Origin": "https://games.example.org", "Content-Type": "text/plain"}
        reply = client.post(route, content=json.dumps(body), headers=headers)
        assert (reply.status_code, reply.json()["field"]) == (403, "Origin")
    own = {"Origin": "http://testserver"}
    assert client.post("/events", json={**ANSWER, "id": "own"}, headers=own).status_code == 200
