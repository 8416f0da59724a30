"""A version takes the place of another between two requests, with the states of the log."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serve.services import NOW, histories, post, tracing_engine
from torchedu.domains import Domain, Lessons, Tracing
from torchedu.engine import TracingEngine
from torchedu.errors import CheckpointError
from torchedu.models import ItemDKT
from torchedu.serve import candidates, students
from torchedu.serve.candidates import Candidate
from torchedu.serve.events import event_of
from torchedu.serve.follower import Follower
from torchedu.serve.log import EventLog, Snapshot
from torchedu.serve.places import serving
from torchedu.serve.service import Service
from torchedu.serve.tracing import TracingFollower
from torchedu.serve.versions import Serving, Versions

GIVEN = {"small": "/runs/small"}
ALL = 1e9
"""All that comes is watched, whatever time it takes."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(students, "EVERY", 4)
    monkeypatch.setattr(students, "REBUILT_AT_ONCE", 3)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, TracingEngine]:
    """Give networks by the paths at which they seem to stand."""
    known = {f"/runs/{n}": tracing_engine(seed=n) for n in (1, 2)}
    known["/runs/small"] = tracing_engine()
    known["/runs/wide"] = tracing_engine(partial(ItemDKT, dim=16), seed=3)

    def opened(path: str) -> Domain:
        if path not in known:
            raise CheckpointError(f"{path} does not exist.", "Give a run's folder.")
        return known[path].domain

    monkeypatch.setattr(candidates, "open_task", opened)
    return known


Opens = Callable[..., Service]


@pytest.fixture
def opens(tmp_path: Path, runs: dict[str, TracingEngine]) -> Iterator[Opens]:
    """Give what opens a service on one file, as a process does that begins."""
    begun: list[Service] = []

    def opened(share: float = ALL, log: EventLog | None = None) -> Service:
        log = log or EventLog(tmp_path / "service.db")
        at = serving(tmp_path / "service.db", GIVEN)
        engine = TracingEngine(runs[at["small"]].domain)
        followers: list[Follower] = [TracingFollower("small", engine, log)]
        what = Serving({"small": Tracing}, GIVEN, at)
        versions = Versions(followers, log, what, clock=lambda: NOW, share=share)
        begun.append(Service(followers, log, clock=lambda: NOW, versions=versions))
        return begun[-1]

    yield opened
    for service in begun:
        service.versions.close()
        service.log.close()


def ask(service: Service, do: str, **arguments: Any) -> Any:
    (reply,) = service.handle([{"do": do, **arguments}])
    assert reply.status == 200, reply.body
    return reply.body


def problem(service: Service, do: str, **arguments: Any) -> Any:
    (reply,) = service.handle([{"do": do, **arguments}])
    assert reply.status >= 400
    return reply.body


def candidate(service: Service) -> Any:
    return ask(service, "versions")["runs"][0]["candidate"]


def settled(service: Service) -> Any:
    """Go on until nothing is being made any more; return what is on its way."""
    while (left := candidate(service)) and left["state"] in ("opening", "rebuilding"):
        time.sleep(0.001)
    return left


def replayed(engine: TracingEngine, events: list[dict[str, Any]], student: str) -> dict[str, float]:
    alone = TracingEngine(engine.domain)
    alone.answer_many([event for event in events if event["student"] == student])
    return alone.mastery(student)


def check(service: Service, engine: TracingEngine, events: list[dict[str, Any]]) -> None:
    """Hold all states to those that a network makes of the events."""
    for student in {event["student"] for event in events}:
        assert ask(service, "mastery", student=student)["skills"] == pytest.approx(
            replayed(engine, events, student), abs=1e-5
        )


def test_a_version_takes_the_place_with_the_states_of_the_log(
    opens: Opens, runs: dict[str, TracingEngine]
) -> None:
    service, events = opens(), histories(20, 20, np.random.default_rng(0))
    post(service, events[::2])
    ask(service, "swap", path="/runs/1")
    post(service, events[1::2])  # late, while states are made or after
    assert settled(service) is None
    check(service, runs["/runs/1"], events)
    (about,) = ask(service, "versions")["runs"]
    assert (about["run"], about["task"], about["path"]) == ("small", "Tracing", "/runs/1")
    assert about["since"] == NOW
    assert about["network"] == runs["/runs/1"].digest
    service.log.close()
    service.versions.close()
    check(opens(), runs["/runs/1"], events)  # after a start


class Slow:
    """Holds a candidate at a piece, until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
        self.left, self.go_on = pieces, False
        hand_on = Candidate._hand_on

        def slow(candidate: Candidate, some: list[Snapshot]) -> None:
            self.left -= 1
            while self.left < 0 and not self.go_on and not candidate._end.is_set():
                time.sleep(0.001)
            hand_on(candidate, some)

        monkeypatch.setattr(Candidate, "_hand_on", slow)

    def wait(self, service: Service) -> None:
        while self.left >= 0:
            service.handle([])
            time.sleep(0.001)


def test_the_old_one_answers_until_the_new_one_is_ready(
    opens: Opens, runs: dict[str, TracingEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, 2)
    service, events = opens(), histories(20, 20, np.random.default_rng(1))
    post(service, events[:-60])
    ask(service, "swap", path="/runs/wide")
    slow.wait(service)
    assert candidate(service)["state"] == "rebuilding"
    assert problem(service, "swap", path="/runs/2")["status"] == 409
    post(service, events[-60:])
    check(service, runs["/runs/small"], events)
    slow.go_on = True
    assert settled(service) is None
    check(service, runs["/runs/wide"], events)


def test_what_is_on_its_way_goes_on_after_a_start(
    opens: Opens, runs: dict[str, TracingEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, 1)
    service, events = opens(), histories(20, 20, np.random.default_rng(1))
    post(service, events)
    ask(service, "swap", path="/runs/2")
    slow.wait(service)
    service.versions.close()
    service.log.close()
    slow.go_on = True
    again = opens()
    assert candidate(again)["path"] == "/runs/2"
    assert settled(again) is None
    check(again, runs["/runs/2"], events)


def test_a_version_that_fails_leaves_the_old_one_and_says_why(
    opens: Opens,
    runs: dict[str, TracingEngine],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service, events = opens(), histories(5, 9, np.random.default_rng(2))
    post(service, events)
    ask(service, "swap", path="/runs/none")
    failed = settled(service)
    assert (failed["state"], failed["problem"]["detail"]) == (
        "failed", "/runs/none does not exist.",
    )  # fmt: skip
    refused = problem(service, "promote")
    assert (refused["status"], refused["field"]) == (404, "run")
    assert "/runs/none does not exist" in refused["remedy"]

    def broken(*_: object) -> Iterator[list[Snapshot]]:
        raise ZeroDivisionError
        yield []

    with monkeypatch.context() as patched:
        patched.setattr(TracingFollower, "rebuilt", broken)
        ask(service, "swap", path="/runs/1")
        assert "ZeroDivisionError" in settled(service)["problem"]["detail"]
    assert "ZeroDivisionError" in capsys.readouterr().err
    check(service, runs["/runs/small"], events)
    service.versions.close()
    service.log.close()
    again = opens()
    assert candidate(again) is None
    ask(again, "swap", path="/runs/1")
    assert settled(again) is None
    check(again, runs["/runs/1"], events)


def test_a_run_of_another_task_fails(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    service = opens()
    lessons = object.__new__(Lessons)
    monkeypatch.setattr(candidates, "open_task", lambda path: lessons)
    ask(service, "swap", path="/runs/lessons")
    failed = settled(service)["problem"]
    assert "of the task Lessons, and 'small' of Tracing" in failed["detail"]
    assert failed["field"] == "path"


def test_a_shadow_follows_beside_and_is_compared(
    opens: Opens, runs: dict[str, TracingEngine]
) -> None:
    service, events = opens(), histories(40, 20, np.random.default_rng(3))
    post(service, events[:100])
    ask(service, "swap", path="/runs/1", shadow=True)
    assert settled(service)["comparison"] == {
        "events": 0, "students": 0, "verdict": "too few to judge",
    }  # fmt: skip
    engines = {"served": runs["/runs/small"], "other": runs["/runs/1"]}
    alone = {name: TracingEngine(engine.domain) for name, engine in engines.items()}
    for engine in alone.values():
        engine.answer_many(events[:100])
    losses: dict[str, list[float]] = {"served": [], "other": []}
    for event in events[100:]:
        post(service, [event])
        for name, engine in alone.items():
            (chance,) = engine.predict_many([event])
            right = event["correct"]
            losses[name].append(-right * np.log(chance) - (1 - right) * np.log(1 - chance))
            engine.answer_many([event])
    comparison = candidate(service)["comparison"]
    assert comparison["events"] == len(events) - 100
    for name, loss in losses.items():
        assert comparison["log_loss"][name] == pytest.approx(np.mean(loss), abs=1e-4)
        assert 0 < comparison["auc"][name] < 1
    low, high = comparison["interval"]
    assert low < comparison["difference"] < high
    assert comparison["verdict"] != "too few to judge"
    metrics = ask(service, "metrics")
    assert f'torchedu_shadow_events{{run="small"}} {len(events) - 100:.1f}' in metrics
    assert 'torchedu_shadow_log_loss{run="small",version="other"}' in metrics
    check(service, runs["/runs/small"], events)
    ask(service, "promote")
    assert candidate(service) is None
    check(service, runs["/runs/1"], events)


def test_a_shadow_is_dropped_and_leaves_nothing(
    opens: Opens, runs: dict[str, TracingEngine]
) -> None:
    service, events = opens(), histories(20, 20, np.random.default_rng(4))
    post(service, events)
    ask(service, "swap", path="/runs/1", shadow=True)
    settled(service)
    log, digest = service.log, runs["/runs/1"].digest
    names = {event["student"] for event in events}
    assert log.snapshots(names, digest)
    ask(service, "drop")
    service.handle([])
    assert candidate(service) is None
    assert not log.snapshots(names, digest)
    post(service, [{**events[0], "id": "more"}])  # what is due goes with the next events
    assert log.snapshots(names, runs["/runs/small"].digest)
    assert problem(service, "drop")["status"] == 404


@pytest.mark.parametrize("ready", [True, False])
def test_what_counts_no_more_counts_for_no_version(
    opens: Opens, runs: dict[str, TracingEngine], ready: bool
) -> None:
    service, events = opens(), histories(20, 20, np.random.default_rng(6))
    post(service, events[:-1])
    ask(service, "swap", path="/runs/1", shadow=True)
    if ready:
        settled(service)
    last, (gone, *_) = events[-1], [e for e in events if e["student"] == events[-1]["student"]]
    new = event_of(last, service.log.next_seq, NOW)
    assert service._write([new], [gone["id"]], 0)
    left = [event for event in events if event["id"] != gone["id"]]
    check(service, runs["/runs/small"], left)
    settled(service)
    ask(service, "promote")
    check(service, runs["/runs/1"], left)


def test_a_shadow_that_fails_at_an_event_is_given_up(
    opens: Opens,
    runs: dict[str, TracingEngine],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service, events = opens(), histories(5, 9, np.random.default_rng(5))
    ask(service, "swap", path="/runs/1", shadow=True)
    settled(service)
    shadow = service.versions.shadows["small"]

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(shadow, "take", broken)
    assert post(service, events).status == 200
    assert candidate(service)["state"] == "failed"
    assert "ZeroDivisionError" in capsys.readouterr().err
    check(service, runs["/runs/small"], events)


def test_whom_it_forgets_no_version_knows(
    opens: Opens, runs: dict[str, TracingEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, 1)
    service, events = opens(), histories(20, 20, np.random.default_rng(6))
    post(service, events)
    ask(service, "swap", path="/runs/1", shadow=True)
    slow.wait(service)
    ask(service, "forget", students=["s3"])  # while states are made
    slow.go_on = True
    settled(service)
    for event in events[:80]:
        post(service, [{**event, "id": f"again {event['id']}", "time": NOW}])
    counted = candidate(service)["comparison"]["students"]
    ask(service, "forget", students=["s4"])
    assert candidate(service)["comparison"]["students"] == counted - 1
    ask(service, "promote")
    assert not ask(service, "mastery", student="s4")["known"]
    for network in (runs["/runs/1"], runs["/runs/small"]):
        assert not service.log.snapshots(["s4"], network.digest)
    content = (service.log.store.file).read_bytes()
    assert b"s4" not in content


def test_states_of_old_networks_go(opens: Opens, runs: dict[str, TracingEngine]) -> None:
    service, events = opens(), histories(20, 20, np.random.default_rng(7))
    post(service, events)
    for path in ("/runs/1", "/runs/2", "/runs/wide"):
        ask(service, "swap", path=path)
        assert settled(service) is None
        check(service, runs[path], events)
    service.handle([])
    names = {event["student"] for event in events}
    kept = {path: len(service.log.snapshots(names, e.digest)) for path, e in runs.items()}
    assert kept["/runs/small"] == kept["/runs/1"] == 0
    assert kept["/runs/2"]  # the one before, so that going back is quick
    assert kept["/runs/wide"]


def test_questions_that_name_no_run_are_refused(opens: Opens) -> None:
    service = opens()
    assert problem(service, "swap", path="/runs/1", run="other")["allowed"] == ["small"]
    assert problem(service, "promote", run="other")["status"] == 404
    assert problem(service, "drift", run="other")["field"] == "run"
    assert problem(service, "promote")["remedy"] == "Begin with one."


def test_a_service_of_another_run_knows_nothing_of_it(opens: Opens, tmp_path: Path) -> None:
    service = opens()
    ask(service, "swap", path="/runs/1")
    settled(service)
    file = tmp_path / "service.db"
    assert serving(file, GIVEN) == {"small": "/runs/1"}
    assert serving(file, {"small": "/elsewhere/small"}) == {"small": "/elsewhere/small"}
    assert serving(tmp_path / "none.db", GIVEN) == GIVEN
    assert not (tmp_path / "none.db").exists()


def test_the_watch_takes_no_more_than_its_share(opens: Opens) -> None:
    service, events = opens(share=-ALL), histories(5, 9, np.random.default_rng(8))
    time.sleep(0.001)
    post(service, events)
    assert ask(service, "drift")["runs"]["small"]["events"] == 0


AT_WORK = """
import torch
from torchedu.serve.candidates import Candidate

class Slow(Candidate):
    def _make(self, *_):
        while not self._end.is_set():
            torch.ones(300, 300) @ torch.ones(300, 300)

Slow(None, None, None)
"""


def test_a_process_ends_while_a_version_is_being_made() -> None:
    done = subprocess.run([sys.executable, "-c", AT_WORK], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
