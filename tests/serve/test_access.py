"""Who may ask what: every route with no key, a wrong scope, another class, a key that is gone."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from tests.serve.every_route import ANN, BY_AGENT, RECORD, answered, path_of, requests
from tests.serve.issuers import AUDIENCE, LoopbackIssuer
from tests.serve.services import NOW, tracing_engine
from torchedu.errors import ConfigError
from torchedu.serve.access import Access, Keys, digest_of
from torchedu.serve.app import create_app
from torchedu.serve.log import EventLog
from torchedu.serve.login import Issuer
from torchedu.serve.service import Message, Reply, Service
from torchedu.serve.tracing import TracingFollower

MASTERY = ("GET", "/mastery?student=ann", None)


class Kept:
    """A service with keys, and what it keeps."""

    def __init__(
        self, folder: Path, rate: float | None = None, decisions: bool = True,
        issuer: Issuer | None = None,
    ) -> None:  # fmt: skip
        self.file = folder / "service.db"
        self.log = EventLog(self.file)
        self.keys = Keys(self.file)
        self.now = 0.0
        access = Access(self.keys, self.log, rate, lambda: self.now, issuer is not None)
        follower = TracingFollower("small", tracing_engine(), self.log)
        self.service = Service([follower], self.log, lambda: NOW, access, decisions=decisions)
        self.app = create_app(self.ask, issuer=issuer)
        self.client = TestClient(self.app)

    def close(self) -> None:
        self.service.close()
        self.keys.close()

    async def ask(self, message: Message) -> Reply:
        (reply,) = self.service.handle([message])
        return reply

    def json(self, key: str | None, method: str, path: str, body: Any = None) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.client.request(method, path, json=body, headers=headers).json()

    def status(self, key: str | None, method: str, path: str, body: Any) -> int:
        headers = {"X-Experience-API-Version": "1.0.3"}
        headers |= {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.client.request(method, path, json=body, headers=headers).status_code


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.close()


def test_without_keys_all_is_open_and_with_one_nothing_is(kept: Kept) -> None:
    assert kept.status(None, *MASTERY) == 200
    kept.keys.add("school", ["write", "read", "admin"])
    assert kept.status(None, *MASTERY) == 401
    assert kept.status(None, "GET", "/health", None) == 200
    refused = kept.client.get("/metrics")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/problem+json"


def test_no_route_answers_who_may_not_ask(tmp_path: Path) -> None:
    loopback = LoopbackIssuer()
    with loopback.served():
        kept = Kept(tmp_path, issuer=Issuer(loopback.url, AUDIENCE, classes="classes"))
        assert kept.status(kept.keys.add("school", ["write"]), "POST", "/events", ANN) == 200
        number, wrong = answered(kept.app, kept.keys, loopback, kept.status)
        assert wrong == []
        assert number > 300
        kept.close()


def test_a_key_does_what_its_scopes_say(kept: Kept) -> None:
    for scope, path in {
        "write": "/events", "read": "/mastery", "overrule": "/decisions/overrule",
        "admin": "/metrics",
    }.items():  # fmt: skip
        (asked,) = [asked for asked in requests(kept.app) if path_of(asked) == path]
        key = kept.keys.add(scope, [scope])
        assert kept.status(key, *asked) == 200


def test_a_key_of_a_class_knows_no_other(kept: Kept) -> None:
    whole = kept.keys.add("school", ["write", "read"])
    mine = kept.keys.add("teacher", ["write", "read"], "7c")
    for event in ({**ANN, "id": "a"}, {**ANN, "id": "b", "student": "bo", "class": "7c"}):
        assert kept.status(whole, "POST", "/events", event) == 200
    nobody = {"id": "c", "student": "cy", "item": "i1", "correct": 1}
    assert kept.status(whole, "POST", "/events", nobody) == 200
    nobody = {"problem": "1 + 1"}
    assert kept.status(mine, "POST", "/explanations", nobody) == 404  # no run here explains
    for student in ("ann", "cy", "new"):
        assert kept.status(mine, "GET", f"/mastery?student={student}", None) == 403
    assert kept.status(mine, "GET", "/mastery?student=bo", None) == 200
    assert kept.status(mine, "GET", "/overview?class=7c", None) == 200
    events = {
        "its own": ({"student": "bo", "class": "7c"}, 200),
        "a new student": ({"student": "new", "class": "7c"}, 200),
        "another's student": ({"student": "ann", "class": "7c"}, 403),
        "a student of no class": ({"student": "cy", "class": "7c"}, 403),
        "no class": ({"student": "bo"}, 403),
    }
    for name, (event, status) in events.items():
        body = {"id": name, "item": "i1", "correct": 1, **event}
        assert kept.status(mine, "POST", "/events", body) == status, name
        record = json.loads(json.dumps(RECORD).replace("ann", event["student"]))
        record["context"]["contextActivities"]["grouping"] = [{"id": event.get("class", "7b")}]
        assert kept.status(mine, "POST", "/xAPI/statements", record) == status, name
    void = {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
            "object": {"objectType": "StatementRef", "id": str(UUID(int=1))}}  # fmt: skip
    assert kept.status(mine, "POST", "/xAPI/statements", RECORD | void) == 403
    assert kept.status(mine, "GET", BY_AGENT.replace("ann", "bo"), None) == 200


def test_a_record_store_is_told_a_name_and_the_key(kept: Kept) -> None:
    key = kept.keys.add("moodle", ["write"])
    route = ("/xAPI/statements", RECORD)
    headers = {"X-Experience-API-Version": "1.0.3"}
    for auth, status in ((("moodle", key), 200), (("", key), 200), (("moodle", "no"), 401)):
        reply = kept.client.post(route[0], json=route[1], auth=auth, headers=headers)
        assert reply.status_code == status
    nobody = kept.client.post(route[0], json=route[1], headers=headers)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Basic")
    for value in ("Basic ?", "Basic /w==", "Basic", "Basic " + "QQ=="):
        sent = headers | {"Authorization": value}
        assert kept.client.post(route[0], json=route[1], headers=sent).status_code == 401, value


def test_keys_are_kept_as_digests(kept: Kept) -> None:
    key = kept.keys.add("school", ["read"])
    assert [one.digest for one in kept.keys.all()] == [digest_of(key)]
    for file in kept.file.parent.iterdir():
        assert key.encode() not in file.read_bytes()
    with pytest.raises(ConfigError, match="reed"):
        kept.keys.add("other", ["reed"])
    with pytest.raises(ConfigError, match="school"):
        kept.keys.add("school", ["read"])
    with pytest.raises(ConfigError, match="no key is called so"):
        kept.keys.revoke("scool")


def test_what_was_asked_stands_in_the_book(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    key = kept.keys.add("school", ["write", "read"])
    kept.status(key, "GET", "/mastery?student=ann", None)
    kept.status(None, "GET", "/overview?class=7b", None)
    kept.status(key, "POST", "/events", ANN)
    kept.status(key, "GET", "/next?student=ann", None)
    kept.close()
    with sqlite3.connect(kept.file) as connection:
        columns = 'key, asked, student, "group", status'
        rows = connection.execute(f"SELECT {columns} FROM audit ORDER BY place").fetchall()
    connection.close()
    assert rows == [
        ("school", "mastery", "ann", None, 200), (None, "overview", None, "7b", 401),
        ("school", "post", None, None, 200), ("school", "next", "ann", None, 200),
    ]  # fmt: skip


def test_a_key_has_its_rate(tmp_path: Path) -> None:
    kept = Kept(tmp_path, rate=5)
    first, second = kept.keys.add("first", ["write", "read"]), kept.keys.add("second", ["read"])
    asked = ("GET", "/mastery?student=ann", None)
    assert [kept.status(first, *asked) for _ in range(11)] == [200] * 10 + [429]
    assert kept.status(second, *asked) == 200
    kept.now += 0.25
    assert [kept.status(first, *asked) for _ in range(2)] == [200, 429]
    kept.now += 10
    many = [{**ANN, "id": str(n)} for n in range(50)]  # more than may ever be saved up
    assert kept.status(first, "POST", "/events", many) == 200
    assert kept.status(first, *asked) == 429
    kept.close()
