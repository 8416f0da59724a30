"""Several shards answer as one: the same events, asked of one shard and of three."""

import asyncio
import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.serve.conftest import SERVER
from tests.serve.every_route import RECORD
from tests.serve.services import NOW, histories, tracing_engine
from torchedu.companions import Companions
from torchedu.engine import TracingEngine
from torchedu.serve.access import SCOPES, Access, Keys
from torchedu.serve.app import create_app
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.forgetting import derive
from torchedu.serve.learning import write_answers
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.service import Message, Reply, Service
from torchedu.serve.shards import Shards
from torchedu.serve.stores import Store, open_tables, shard_of, shards_of
from torchedu.serve.tracing import TracingFollower
from torchedu.serve.versions import Versions

HEADERS = {"X-Experience-API-Version": "1.0.3"}
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


class Sharded:
    """A service of some shards in one process, spoken to over HTTP."""

    def __init__(
        self, folder: Path, shards: int, rate: float | None = None, address: str | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.now = NOW
        self.stores = shards_of(address or folder / "service.db", shards)
        self.keys = Keys(self.stores[0])
        self.services = [self._service(store, rate) for store in self.stores]
        asks = [self._ask(service) for service in self.services]
        self.ask = Shards(asks, rate is not None) if shards > 1 else asks[0]
        forgetter = Forgetter(self.ask, self.stores, apart=asyncio.to_thread)
        self.client = TestClient(create_app(self.ask, forgetter=forgetter))

    def _service(self, store: Store, rate: float | None) -> Service:
        log = EventLog(store, "NORMAL")
        engine = TracingEngine(tracing_engine().domain)
        access = Access(self.keys, log, rate, lambda: 0.0)
        followers = [TracingFollower("small", engine, log)]
        versions = Versions(followers, log, share=1e9)  # all that comes is watched
        return Service(followers, log, lambda: self.now, access, versions)

    def _ask(self, service: Service) -> Callable[[Message], Any]:
        async def ask(message: Message) -> Reply:
            wired = json.loads(json.dumps(message))  # as it goes over a socket
            (reply,) = service.handle([wired])
            return Reply(reply.status, json.loads(json.dumps(reply.body)))

        return ask

    def get(self, path: str, key: str | None = None) -> tuple[int, Any]:
        return self.send("GET", path, None, key)

    def send(self, method: str, path: str, body: Any, key: str | None = None) -> tuple[int, Any]:
        self.now += 10
        headers = {**HEADERS, **({"Authorization": f"Bearer {key}"} if key else {})}
        reply = self.client.request(method, path, json=body, headers=headers)
        media = reply.headers.get("content-type", "")
        return reply.status_code, reply.json() if reply.content and "json" in media else reply.text

    def close(self) -> None:
        for service in self.services:
            service.close()
        self.keys.close()


@pytest.fixture(params=["file", SERVER])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Sharded, Sharded]]:
    server = request.param == "postgresql"
    address = request.getfixturevalue("new_database")() if server else None
    both = Sharded(tmp_path / "single", 1), Sharded(tmp_path / "several", 3, address=address)
    yield both
    for service in both:
        service.close()


def alike(both: tuple[Sharded, Sharded], method: str, path: str, body: Any = None) -> Any:
    """Ask both the same, hold their answers to each other, and return what they say."""
    single, several = (service.send(method, path, body) for service in both)
    assert several == single, (method, path)
    return single


def record(number: int, student: str, **more: Any) -> dict[str, Any]:
    given = json.loads(json.dumps(RECORD).replace("ann", student))
    return {**given, "id": str(UUID(int=number)), "result": {"success": True}, **more}


def taught(both: tuple[Sharded, Sharded]) -> list[dict[str, Any]]:
    """Post histories of a class to both, in lists of all students; return the events."""
    events = [{**e, "class": "7b"} for e in histories(12, 40, np.random.default_rng(3))]
    for first in range(0, len(events), 40):
        assert alike(both, "POST", "/events", events[first : first + 40])[0] == 200
    return events


def test_students_stand_where_their_names_say() -> None:
    assert [shard_of(f"s{n}", 3) for n in range(12)] == [1, 2, 0, 1, 2, 2, 2, 1, 1, 0, 0, 2]
    counts = np.bincount([shard_of(f"student {n}", 8) for n in range(8000)])
    assert counts.min() > 850


def test_what_is_asked_of_students_and_classes_is_answered_alike(
    both: tuple[Sharded, Sharded],
) -> None:
    taught(both)
    assert len({shard_of(f"s{n}", 3) for n in range(12)}) == 3
    for student in ("s0", "s7", "nobody"):
        for path in ("mastery?history=3&", "next?count=3&", "chances?item=i1&item=i2&"):
            assert alike(both, "GET", f"/{path}student={student}")[0] == 200
    status, body = alike(both, "GET", "/overview?class=7b")
    assert (status, len(body["students"]), len(body["runs"]["small"])) == (200, 12, 12)
    assert alike(both, "GET", "/overview?class=8a")[0] == 404
    assert alike(both, "GET", "/health")[1]["events"] > 100
    assert alike(both, "GET", "/mastery?student=s0&run=none")[0] == 404
    assert alike(both, "GET", "/risk?student=s0")[0] == 404
    said = [service.get("/drift")[1]["runs"]["small"] for service in both]
    assert said[0].keys() == said[1].keys() >= {"unknown", "new", "mark", "gap"}
    assert said[0]["events"] == said[1]["events"] > 50
    for what in ("new", "mark", "gap"):  # the same numbers, summed in another order
        for value in ("value", "interval"):
            assert said[1][what][value] == pytest.approx(said[0][what][value], abs=1e-6)
    assert alike(both, "GET", "/versions")[0] == 200
    counted = [service.get("/metrics")[1] for service in both]
    for name in ("events_total", "posts_refused_total", 'questions_total{asked="overview"}',
                 'watched_new{run="small"}', 'watched_unknown{run="small"}'):  # fmt: skip
        values = [
            [
                float(row.split()[-1])
                for row in text.splitlines()
                if row.startswith(f"torchedu_{name}")
            ]
            for text in counted
        ]
        assert values[1] == pytest.approx(values[0])
        assert len(values[0]) == 1


def test_a_list_is_taken_in_whole_or_not_at_all(both: tuple[Sharded, Sharded]) -> None:
    events = taught(both)
    answer = {"event": "answered", "item": "i1", "correct": 1.0}
    new = [{**answer, "id": f"new {n}", "student": f"s{n}"} for n in range(12)]
    held = alike(both, "GET", "/health")[1]["events"]
    cases = {
        "a changed duplicate of another shard": {**new[8], "id": events[0]["id"]},
        "a name twice": {**new[8], "id": "new 0"},
        "the future": {**new[8], "time": NOW + 10**9},
        "a kind that nobody takes": {"event": "clicked", "id": "c", "student": "s1", "course": "x",
                                     "value": 1.0},
    }  # fmt: skip
    for name, wrong in cases.items():
        status, body = alike(both, "POST", "/events", [*new[:8], wrong, *new[9:]])
        assert (status, body["row"]) == (
            409 if "changed" in name else 422,
            0 if "twice" in name else 8,
        )
        assert alike(both, "GET", "/health")[1]["events"] == held
    unknown = {**new[5], "item": "nothing known"}
    status, body = alike(both, "POST", "/events", [*new[:5], unknown, *new[6:]])
    assert [note["id"] for note in body["notes"]] == ["new 5"]
    assert alike(both, "POST", "/events", [*new[:5], unknown, *new[6:]])[1] == body
    assert alike(both, "GET", "/health")[1]["events"] == held + 12
    changed = {**new[0], "student": "s7"}  # the same name, in another shard
    assert alike(both, "POST", "/events", [changed])[0] == 409


def test_where_a_shard_cannot_write_the_sender_sends_the_whole_again(
    both: tuple[Sharded, Sharded], monkeypatch: pytest.MonkeyPatch
) -> None:
    several = both[1]
    events = [
        {"id": str(n), "student": f"s{n}", "item": "i1", "correct": 1.0, "time": n}
        for n in range(12)
    ]

    def full(*_: object) -> None:
        raise Unwritable("full", "more")

    with monkeypatch.context() as patched:
        patched.setattr(several.services[2].log, "append", full)
        status, body = several.send("POST", "/events", events)
        assert (status, "may be kept" in body["detail"]) == (503, True)
    assert several.send("POST", "/events", events)[0] == 200
    assert several.get("/health")[1]["events"] == 12


def test_a_clock_that_is_set_meanwhile_leaves_no_part_of_a_list_unsaid(
    both: tuple[Sharded, Sharded], monkeypatch: pytest.MonkeyPatch
) -> None:
    several = both[1]
    day = 86_400_000
    events = [
        {"id": str(n), "student": f"s{n}", "item": "i1", "correct": 1.0, "time": NOW}
        for n in range(12)
    ]
    wanted = [shard_of(f"s{n}", 3) != 2 for n in range(12)]
    append = EventLog.append

    def set_back(log: EventLog, *given: Any) -> set[str]:
        several.now = NOW - day
        if log.store.shard == 2:
            raise Unwritable("full", "more")
        return append(log, *given)

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "append", set_back)
        assert several.send("POST", "/events", events)[0] == 503
    status, body = several.send("POST", "/events", events)
    assert (status, body["field"]) == (422, "time")
    assert body["kept"] == [str(n) for n, kept in enumerate(wanted) if kept]
    several.now = NOW
    assert several.send("POST", "/events", events)[0] == 200
    assert several.get("/health")[1]["events"] == 12


def test_learning_records_are_those_of_one_store(both: tuple[Sharded, Sharded]) -> None:
    route = "/xAPI/statements"
    first = [record(n, f"s{n % 12}") for n in range(1, 30)]
    for some in (first[:20], first[20:]):
        assert alike(both, "POST", route, some)[0] == 200
    assert alike(both, "POST", route, first[5:25])[0] == 204
    assert alike(both, "POST", route, [record(99, "s1"), record(3, "s9")])[0] == 409
    asked = f"{route}?limit=7"
    seen: list[list[str]] = [[], []]
    for service, names in zip(both, seen, strict=True):
        status, page = service.get(asked)
        while True:
            assert status == 200
            names += [statement["id"] for statement in page["statements"]]
            if not page["more"]:
                break
            status, page = service.get(page["more"])
    assert len(seen[0]) == len(set(seen[0])) == len(seen[1]) == len(set(seen[1])) == 29
    assert sorted(seen[0]) == sorted(seen[1])
    wanted = f"{route}?statementId={UUID(int=7)}"
    assert alike(both, "GET", wanted)[0] == 200
    void = {"verb": {"id": VOIDED},
            "object": {"objectType": "StatementRef", "id": str(UUID(int=7))}}  # fmt: skip
    before = alike(both, "GET", "/mastery?student=s7")[1]["answers"]
    assert alike(both, "POST", route, record(200, "teacher", **void))[0] == 200
    assert alike(both, "GET", "/mastery?student=s7")[1]["answers"] == before - 1
    assert alike(both, "GET", wanted)[0] == 404
    assert alike(both, "GET", f"{route}?voidedStatementId={UUID(int=7)}")[0] == 200
    early = {**void, "object": {"objectType": "StatementRef", "id": str(UUID(int=300))}}
    assert alike(both, "POST", route, record(201, "teacher", **early))[0] == 200
    assert alike(both, "POST", route, record(300, "s4"))[0] == 200
    before = alike(both, "GET", "/mastery?student=s4")[1]["answers"]
    assert before == len([n for n in range(1, 30) if n % 12 == 4])
    assert both[1].get(f"{route}?place=1-2")[0] == 400


def test_who_may_ask_what_is_one_for_all_shards(both: tuple[Sharded, Sharded]) -> None:
    taught(both)
    keys = [{name: service.keys.add(name, SCOPES, group) for name, group in
             (("school", None), ("lee", "7b"), ("fox", "7c"))} for service in both]  # fmt: skip
    new = [{"id": f"n{n}", "student": f"s{n}", "item": "i1", "correct": 1, "class": "7b"}
           for n in range(12)]  # fmt: skip
    cases = [
        ("GET", "/overview?class=7b", None), ("GET", "/mastery?student=s7", None),
        ("POST", "/events", new), ("GET", "/metrics", None), ("GET", "/acts", None),
        ("GET", "/decisions?student=s7", None),
    ]  # fmt: skip
    for name in ("school", "lee", "fox"):
        for method, path, body in cases:
            statuses = [
                service.send(method, path, body, mine[name])[0]
                for service, mine in zip(both, keys, strict=True)
            ]
            assert statuses[0] == statuses[1] == (403 if name == "fox" or
                                                  (name == "lee" and path in ("/metrics", "/acts"))
                                                  else 200), (name, path)  # fmt: skip
    assert alike(both, "GET", "/overview?class=7b")[0] == HTTPStatus.UNAUTHORIZED
    about = [
        [act["about"]["name"] for act in service.get("/acts", mine["school"])[1]["acts"]]
        for service, mine in zip(both, keys, strict=True)
    ]
    assert about[0] == about[1]


def test_a_key_has_its_rate_in_all_shards_together(tmp_path: Path) -> None:
    several = Sharded(tmp_path, 3, rate=5)
    key = several.keys.add("school", ["read"])
    statuses = [several.get(f"/mastery?student=s{n % 12}", key)[0] for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    several.close()


def test_decisions_exports_and_forgetting_are_alike(both: tuple[Sharded, Sharded]) -> None:
    events = taught(both)
    for number, student in ((500, "s7"), (501, "spoken of")):
        about = {"objectType": "Agent", "account": RECORD["actor"]["account"] | {"name": student}}
        saw = {"actor": {"mbox": "mailto:t@a.org"}, "verb": {"id": "http://a.org/saw"}}
        teacher = record(number, "s2", **saw, object=about)
        assert alike(both, "POST", "/xAPI/statements", teacher)[0] == 200
    for student in ("s0", "s7", "s7"):
        alike(both, "GET", f"/mastery?student={student}")
    alike(both, "GET", "/overview?class=7b")
    for student, number in (("s7", 3), ("s1", 1)):
        said = [service.get(f"/decisions?student={student}")[1] for service in both]
        for body in said:
            for row in body["decisions"]:
                row.pop("decision"), row.pop("seq")
        assert said[0] == said[1]
        assert len(said[0]["decisions"]) == number
    decision = both[1].get("/decisions?student=s7&last=1")[1]["decisions"][0]["decision"]
    body = {"student": "s7", "decision": decision, "reason": "She was ill."}
    assert both[1].send("POST", "/decisions/overrule", body)[0] == 200
    for service in both:
        tables = open_tables(service.stores[0])
        derive(tables, Path("made/s7.json"), NOW, "s7")
        tables.dispose()
    held = [service.get("/export?student=s7")[1] for service in both]
    assert held[0]["files"] == held[1]["files"] != []
    assert [e["id"] for e in held[0]["events"]] == [e["id"] for e in held[1]["events"]]
    before = [service.get("/mastery?student=s1") for service in both]
    named = {"students": ["s0", "s7", "spoken of", "nobody"]}
    gone = [service.send("POST", "/forget", named)[1] for service in both]
    assert (
        gone[0]["events"]
        == gone[1]["events"]
        > len([e for e in events if e["student"] in ("s0", "s7")])
    )
    assert gone[0]["students"] == gone[1]["students"] == 3  # of whom anything was kept
    assert [service.get("/mastery?student=s1") for service in both] == before
    assert not alike(both, "GET", "/mastery?student=s7")[1]["known"]
    acts = [service.get("/acts")[1]["acts"] for service in both]
    assert [[act["act"] for act in some] for some in acts] == [["forget", "export"]] * 2
    assert acts[1][0]["about"]["students"] == 4
    for service in both:
        for store in service.stores:
            for file in () if store.on_server else store.file.parent.iterdir():
                assert not (file.is_file() and b'"s7"' in file.read_bytes()), file


def test_who_comes_back_meanwhile_stays_in_all_shards(both: tuple[Sharded, Sharded]) -> None:
    taught(both)
    for service in both:
        message = {"do": "forget", "students": ["s0", "s7"], "before": 10**12}
        assert asyncio.run(service.ask(message)).body == {"students": 0, "events": 0}
        message["before"] = NOW
        assert asyncio.run(service.ask(message)).body["students"] == 2


def test_the_answers_of_all_shards_are_trained_on(
    both: tuple[Sharded, Sharded], tmp_path: Path
) -> None:
    taught(both)
    alike(both, "POST", "/training", {"student": "s7", "allowed": False, "id": "no"})
    written = []
    for service in both:
        out = tmp_path / f"{len(service.stores)}.jsonl"
        write_answers(service.stores[0].address, out, _known())
        written.append(sorted(out.read_text("utf-8").splitlines()))
    assert written[0] == written[1]
    assert not any('"s7"' in line for line in written[1])


def _known() -> Companions:
    return tracing_engine().companions
