"""What a service says of itself: decisions, who overruled them, what was done, what it holds."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.every_route import ANN
from tests.serve.test_access import Kept
from torchedu.engine.mastery import DEFINITION


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.close()


def test_a_decision_is_told_and_overruled(kept: Kept) -> None:
    key = kept.keys.add("ms lee", ["write", "read", "overrule"], "7b")
    other = kept.keys.add("mr fox", ["read", "overrule"], "7c")
    assert kept.status(key, "POST", "/events", {**ANN, "id": "a"}) == 200
    said = kept.json(key, "GET", "/mastery?student=ann")
    (decision,) = kept.json(key, "GET", "/decisions?student=ann")["decisions"]
    assert (decision["key"], decision["asked"], decision["rule"]) == (
        "ms lee", "mastery", DEFINITION,
    )  # fmt: skip
    assert decision["answer"]["skills"] == said["skills"]
    assert (decision["seq"], decision["run"], decision["overrides"]) == (1, "small", [])
    assert decision["network"] == kept.service.followers[0].network
    body = {"student": "ann", "decision": decision["decision"], "reason": "She was ill.",
            "instead": {"k1": 0.9}}  # fmt: skip
    assert kept.status(other, "POST", "/decisions/overrule", body) == 403
    assert kept.status(key, "POST", "/decisions/overrule", body) == 200
    assert kept.status(key, "POST", "/decisions/overrule", {**body, "decision": 99}) == 404
    (decision,) = kept.json(key, "GET", "/decisions?student=ann")["decisions"]
    (override,) = decision["overrides"]
    assert (override["key"], override["reason"], override["instead"]) == (
        "ms lee", "She was ill.", {"k1": 0.9},
    )  # fmt: skip
    assert decision["answer"]["skills"] == said["skills"]


def test_decisions_are_left_out_where_that_is_wanted(tmp_path: Path) -> None:
    kept = Kept(tmp_path, decisions=False)
    kept.status(None, "GET", "/mastery?student=ann", None)
    assert kept.json(None, "GET", "/decisions?student=ann")["decisions"] == []
    kept.close()


def test_acts_are_kept_and_name_no_student(kept: Kept) -> None:
    admin = kept.keys.add("school", ["write", "admin"])
    kept.keys.add("platform", ["write"], "7b")
    kept.keys.revoke("platform")
    kept.status(admin, "POST", "/events", {**ANN, "id": "a"})
    assert kept.status(admin, "GET", "/export?student=ann", None) == 200
    assert kept.status(admin, "POST", "/forget", {"students": ["ann"]}) == 200
    acts = kept.json(admin, "GET", "/acts")["acts"]
    assert [(act["key"], act["act"]) for act in reversed(acts)] == [
        (None, "key made"), (None, "key made"), (None, "key revoked"), ("school", "export"),
        ("school", "forget"),
    ]  # fmt: skip
    assert acts[3]["about"] == {"name": "platform", "scopes": "write", "group": "7b"}
    assert "ann" not in json.dumps(acts)
    for change in ("UPDATE acts SET act = 'nothing'", "DELETE FROM acts"):
        with (
            sqlite3.connect(kept.file) as connection,
            pytest.raises(sqlite3.IntegrityError, match="acts are kept"),
        ):
            connection.execute(change)
        connection.close()


def test_all_that_is_held_of_a_student_is_exported(kept: Kept) -> None:
    admin = kept.keys.add("school", ["write", "read", "admin"])
    for event in ({**ANN, "id": "a"}, {**ANN, "id": "b", "student": "bo"}):
        kept.status(admin, "POST", "/events", event)
    kept.status(admin, "GET", "/mastery?student=ann", None)
    kept.service.log.append([], kept.service.followers[0].due(everything=True))
    told = kept.json(admin, "GET", "/export?student=ann")
    assert [event["id"] for event in told["events"]] == ["a"]
    assert told["events"][0]["fields"] == {"item": "i1", "correct": 1.0}
    assert told["classes"] == [{"group": "7b", "student": "ann"}]
    assert [len(told[name]) for name in ("states", "asked", "decisions")] == [1, 1, 1]
    assert '"bo"' not in json.dumps(told)
