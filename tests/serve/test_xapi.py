"""Learning records over HTTP: the statuses of a record store, and states that follow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.serve.record_forms import FORMS, made, moodle_answer
from tests.serve.services import service_of, tracing_engine
from torchedu.serve.app import create_app
from torchedu.serve.service import Message, Reply, Service
from torchedu.serve.wire import frame, frames

PATH = "/xAPI/statements"
VERSION = {"X-Experience-API-Version": "1.0.3"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = service_of(tracing_engine(), tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    async def ask(message: Message) -> Reply:
        ((_, sent),) = frames(bytearray(frame([0, message])))  # as it goes over the socket
        (reply,) = service.handle([sent])
        return reply

    with TestClient(create_app(ask), headers=VERSION) as client:
        yield client


def answered(item: str, right: bool, number: int = 0, **more: Any) -> dict[str, Any]:
    """Return a statement of an answer to an item that the network knows."""
    (said,) = made(moodle_answer, 1, np.random.default_rng(number))
    said["actor"]["account"]["name"] = "ann"
    said["object"]["id"] = item
    said["result"]["success"] = right
    return said | more


def voiding(target: str, number: int = 99) -> dict[str, Any]:
    about = {"objectType": "StatementRef", "id": target}
    verb = {"id": "http://adlnet.gov/expapi/verbs/voided"}
    teacher = {"account": {"homePage": "https://a.org", "name": "mr lee"}}
    more = {"id": str(UUID(int=number)), "actor": teacher, "verb": verb, "object": about}
    return {name: v for name, v in (answered("i1", True) | more).items() if name != "result"}


def answers(client: TestClient, student: str = "ann") -> tuple[int, Any]:
    told = client.get("/mastery", params={"student": student}).json()
    return told["answers"], told["skills"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_what_is_published_is_taken_once(client: TestClient, form: Any) -> None:
    some = made(form, 5, np.random.default_rng(0))
    ids = [said["id"] for said in some]
    for said in some[:2]:
        put = {"statementId": said["id"]}
        assert client.put(PATH, params=put, json=said).status_code == 204
        assert client.put(PATH, params=put, json=said).status_code == 204
    reply = client.post(PATH, json=some)
    assert (reply.status_code, reply.json()) == (200, ids)
    again = client.post(PATH, json=some)
    assert (again.status_code, again.content) == (204, b"")
    other = some[0] | {"result": {"success": True, "response": "another"}}
    changed = client.post(PATH, json=[*made(form, 1, np.random.default_rng(1)), other])
    assert (changed.status_code, changed.json()["row"]) == (409, 1)
    assert client.put(PATH, params={"statementId": ids[0]}, json=other).status_code == 409
    twice = client.post(PATH, json=[some[0], some[0]])
    assert (twice.status_code, twice.json()["field"]) == (400, "id")
    kept = client.get(PATH).json()["statements"]
    assert [said["id"] for said in kept] == ids[::-1]
    assert kept[-1] == {"version": "1.0.0", "stored": kept[-1]["stored"], **some[0]}


def test_statements_of_a_list_are_named_where_they_have_no_name(client: TestClient) -> None:
    said = [answered("i1", True, n) for n in range(3)]
    nameless = [{name: v for name, v in each.items() if name != "id"} for each in said]
    names = client.post(PATH, json=nameless).json()
    assert len({UUID(name) for name in names}) == 3
    assert client.post(PATH, json=nameless[:2]).status_code == 200  # others, of names of their own
    assert answers(client)[0] == 5


def test_blanks_around_a_name_are_no_part_of_it(client: TestClient, service: Service) -> None:
    said = answered("i1", True)
    said["actor"]["account"]["name"] = " ann\u00a0"
    assert client.post(PATH, json=said).status_code == 200
    event = {"student": "\u3000ann ", "item": " i1 ", "correct": 1}
    assert client.post("/events", json=event).status_code == 200
    assert answers(client)[0] == answers(client, " ann")[0] == 2
    assert client.post("/events", json=event | {"student": " "}).status_code == 422
    assert client.post("/forget", json={"students": ["ann ", "ann"]}).json()["students"] == 1
    assert client.get(PATH).json()["statements"] == []


def test_what_a_store_says_itself_makes_no_other_statement(client: TestClient) -> None:
    said = answered("i1", True)
    del said["timestamp"]
    said.pop("version", None)
    assert client.post(PATH, json=said).status_code == 200
    kept = client.get(PATH, params={"statementId": said["id"]}).json()
    assert kept["timestamp"] == kept["stored"]
    del kept["timestamp"]
    assert client.post(PATH, json=kept).status_code == 204
    capitals = said | {"id": said["id"].upper(), "authority": said["actor"]}
    assert client.post(PATH, json=capitals).status_code == 204
    without = {name: value for name, value in said.items() if name != "id"}
    first, second = (client.post(PATH, json=without).json() for _ in range(2))
    assert first != second  # each has a name of its own


def test_answers_move_the_state_and_others_are_kept(client: TestClient) -> None:
    body = {"student": "bo", "item": "i1", "correct": 1, "time": "2026-02-01T08:00:00Z"}
    assert client.post("/events", json=body).status_code == 200
    said = answered("i1", True, timestamp="2026-02-01T08:00:00Z")
    some = [said, *made(FORMS[-4], 3, np.random.default_rng(0))]
    assert client.post(PATH, json=some).status_code == 200
    assert answers(client)[0] == 1
    assert answers(client)[1] == pytest.approx(answers(client, "bo")[1])
    text = client.get("/metrics").text
    assert 'statements_total{became="counted"} 1.0' in text
    assert 'statements_total{became="kept"} 3.0' in text


def test_voiding_takes_an_answer_back(client: TestClient, service: Service) -> None:
    first, second, third = (answered(f"i{n}", n % 2 == 0, n) for n in range(3))
    assert client.post(PATH, json=[first, third]).status_code == 200
    before = answers(client)
    assert client.post(PATH, json=second).status_code == 200
    assert answers(client) != before
    snapshots = [s for follower in service.followers for s in follower.due(everything=True)]
    service.log.append([], snapshots)  # of the state that is to be made again
    assert client.post(PATH, json=voiding(second["id"])).status_code == 200
    assert answers(client) == before
    assert client.post(PATH, json=second).status_code == 204  # it stays void
    assert client.post(PATH, json=voiding(second["id"], 98)).status_code == 200
    assert answers(client) == before
    assert client.get(PATH, params={"statementId": second["id"]}).status_code == 404
    void = client.get(PATH, params={"voidedStatementId": second["id"]}).json()
    assert void["object"] == second["object"]
    voider = client.get(PATH, params={"statementId": str(UUID(int=99))})
    assert voider.json()["verb"]["id"].endswith("voided")
    assert client.post(PATH, json=voiding(str(UUID(int=99)), 97)).status_code == 200
    assert client.get(PATH, params={"statementId": str(UUID(int=99))}).status_code == 200


def test_voiding_comes_first_or_with_what_it_voids(client: TestClient) -> None:
    first, second = answered("i1", True, 1), answered("i2", True, 2)
    assert client.post(PATH, json=voiding(first["id"])).status_code == 200
    assert client.post(PATH, json=first).status_code == 200
    assert client.post(PATH, json=[second, voiding(second["id"], 98)]).status_code == 200
    assert client.get("/mastery", params={"student": "ann"}).json()["known"] is False
    assert len(client.get(PATH).json()["statements"]) == 2  # those that void


def test_what_a_statement_means_cannot_be_taken_by_others(client: TestClient) -> None:
    said = answered("i1", True)
    squatted = {"id": f"xapi: {said['id']} answered", "student": "bo", "item": "i2", "correct": 0}
    assert client.post("/events", json=squatted).status_code == 200
    assert client.post(PATH, json=said).status_code == 200
    assert answers(client)[0] == 0
    assert 'statements_total{became="refused"} 1.0' in client.get("/metrics").text
    above = answered("i1", True, 2, result={"score": {"scaled": 1.2}, "success": True})
    assert client.post(PATH, json=above).status_code == 200
    ahead = answered("i1", True, 1, timestamp="2999-01-01T00:00:00Z")
    assert client.post(PATH, json=ahead).status_code == 200
    assert answers(client)[0] == 0


BAD: dict[str, tuple[Any, int]] = {
    "no JSON": (b"{", 400),
    "a number beyond all": (b'{"actor": 1e999}', 400),
    "half a character": (b'{"actor": "\\ud800"}', 400),
    "nothing": ([], 400),
    "a number": (7, 422),
    "no actor": ({"actor": None}, 422),
    "nobody": ({"actor": {"name": "Ann"}}, 422),
    "two people": (
        {"actor": {"mbox": "mailto:a@b.org", "account": {"homePage": "x", "name": "a"}}}, 422,
    ),
    "a number for a name": ({"actor": {"account": {"homePage": "x", "name": 7}}}, 422),
    "no address": ({"verb": {"id": "answered"}}, 422),
    "no object": ({"object": {"id": ""}}, 422),
    "no time": ({"timestamp": "soon"}, 422),
    "no points": ({"result": {"score": {"scaled": "7"}}}, 422),
    "no name": ({"id": "7"}, 422),
    "another version": ({"version": "2.0.0"}, 422),
    "nothing to void": ({"verb": voiding("x")["verb"]}, 422),
    "no name to void": (
        {"verb": voiding("x")["verb"], "object": {"objectType": "StatementRef", "id": "x"}}, 422,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_statement_is_refused(client: TestClient, name: str) -> None:
    body, status = BAD[name]
    if isinstance(body, dict):
        body = answered("i1", True) | body
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    reply = client.post(PATH, **sent)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert client.get(PATH).json() == {"statements": [], "more": ""}


def test_versions_are_told_and_asked_for(client: TestClient) -> None:
    said = answered("i1", True)
    for version in ("0.95", "2.0.0", ""):
        reply = client.post(PATH, json=said, headers={"X-Experience-API-Version": version})
        assert (reply.status_code, reply.json()["field"]) == (400, "X-Experience-API-Version")
        assert reply.headers["x-experience-api-version"] == "1.0.3"
    about = client.get("/xAPI/about", headers={"X-Experience-API-Version": ""}).json()
    assert about["version"][-1] == "1.0.3"


def test_one_is_put_under_its_name(client: TestClient) -> None:
    said = answered("i1", True)
    nameless = {name: value for name, value in said.items() if name != "id"}
    assert client.put(PATH, params={"statementId": said["id"]}, json=nameless).status_code == 204
    assert client.post(PATH, json=said).status_code == 204
    other = {"statementId": str(UUID(int=7))}
    asked = [({}, said), (other, said), (other, [nameless]), ({"statementId": "7"}, said)]
    for params, body in (*asked, (other | {"x": "1"}, nameless)):
        assert client.put(PATH, params=params, json=body).status_code == 400, params
    assert client.post(PATH, params={"statementId": "7"}, json=said).status_code == 400


def test_statements_are_found_page_by_page(client: TestClient) -> None:
    some = [s for form in FORMS for s in made(form, 3, np.random.default_rng(5))]
    for said in some:
        said["id"] = str(UUID(int=some.index(said) + 1))
        assert client.post(PATH, json=said).status_code == 200
    pages, more = [], f"{PATH}?limit=7&ascending=true"
    while more:
        page = client.get(more).json()
        pages += [said["id"] for said in page["statements"]]
        more = page["more"]
    assert pages == [said["id"] for said in some]
    agent = json.dumps(some[0]["actor"])
    mine = client.get(PATH, params={"agent": agent}).json()["statements"]
    assert [said["id"] for said in mine[::-1]] == [
        said["id"] for said in some if said["actor"] == some[0]["actor"]
    ]
    verb = some[0]["verb"]["id"]
    done = client.get(PATH, params={"verb": verb, "activity": some[0]["object"]["id"]}).json()
    assert {said["verb"]["id"] for said in done["statements"]} == {verb}
    stored = client.get(PATH, params={"limit": 1}).json()["statements"][0]["stored"]
    assert client.get(PATH, params={"since": stored}).json()["statements"] == []
    assert len(client.get(PATH, params={"until": stored}).json()["statements"]) == len(some)
    through = client.get(PATH).headers["x-experience-api-consistent-through"]
    assert through.endswith("Z")


@pytest.mark.parametrize(
    "asked",
    [{"statementId": "7"}, {"statementId": str(UUID(int=1)), "verb": "x:y"}, {"limit": -1},
     {"agent": "ann"}, {"agent": "{}"}, {"since": "soon"}, {"sinse": "2026-01-01"},
     {"related_agents": "true"}, {"attachments": "true"}, {"format": "ids"}],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(client: TestClient, asked: dict[str, Any]) -> None:
    reply = client.get(PATH, params=asked)
    assert reply.status_code == 400, reply.text
    assert reply.json()["status"] == 400
