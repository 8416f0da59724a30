"""Damaged bodies: each is answered, none as if the service had failed, and nothing breaks by it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.serve.damaged_bodies import DAMAGES, INJECTIONS, damaged
from tests.serve.services import service_of, tracing_engine
from torchedu.serve.app import create_app
from torchedu.serve.service import Message, Reply
from torchedu.serve.wire import frame, frames

HEADERS = {"Content-Type": "application/json", "X-Experience-API-Version": "1.0.3"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    service = service_of(tracing_engine(), tmp_path)

    async def ask(message: Message) -> Reply:
        ((_, sent),) = frames(bytearray(frame([0, message])))
        (reply,) = service.handle([sent])
        ((_, came),) = frames(bytearray(frame([0, reply.body])))
        return Reply(reply.status, came)

    return TestClient(create_app(ask), raise_server_exceptions=False, headers=HEADERS)


def test_no_damage_is_a_failure(client: TestClient) -> None:
    taken = dict.fromkeys((damage.__name__ for damage in DAMAGES), 0)
    for path, body, kind in damaged(600):
        reply = client.post(path, content=body)
        assert reply.status_code < 500, (path, kind, body[:300], reply.text)
        if reply.status_code >= 400:
            problem = reply.json()
            assert problem["status"] == reply.status_code
            assert problem["detail"], (path, kind, body[:300])
            assert problem["remedy"], (path, kind, body[:300])
        else:
            taken[kind] += 1
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/xAPI/statements").status_code == 200
    assert taken["other_strings"] > 0  # names may be of any letters
    assert taken["cut"] == 0


@pytest.mark.parametrize("name", [*INJECTIONS, "s%", "_", "Ünal", "김"])
def test_a_name_is_nothing_but_a_name(client: TestClient, name: str) -> None:
    for student in ("ann", name):
        body = {"student": student, "item": name, "correct": 1, "skill": "k1", "class": name}
        assert client.post("/events", json=body).status_code == 200
    answers = client.get("/mastery", params={"student": name}).json()
    assert (answers["student"], answers["answers"]) == (name, 1)
    assert client.get("/overview", params={"class": name}).json()["students"] == sorted(
        ["ann", name]
    )
    assert client.post("/forget", json={"students": [name]}).json()["events"] == 1
    assert client.get("/mastery", params={"student": "ann"}).json()["answers"] == 1
    assert client.get("/mastery", params={"student": name}).json()["known"] is False
