"""The loop: what a service was told is trained on, compared, and takes the old one's place."""

import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from tests.conftest import FAST
from tests.serve.services import NOW, post
from torchedu.cli import main
from torchedu.datasets.answers import AnswerStore
from torchedu.domains import Tracing
from torchedu.engine import open_engine
from torchedu.schema import ITEM, SKILL
from torchedu.serve.log import EventLog
from torchedu.serve.opening import follow, named, open_runs
from torchedu.serve.service import Service
from torchedu.serve.versions import Serving, Versions


def served(run: Path, folder: Path) -> Service:
    log, given = EventLog(folder / "service.db"), named([run])
    opened = open_runs(given)
    followers = follow(opened, log, {name: {} for name in opened})
    what = Serving(dict.fromkeys(given, Tracing), given, given)
    versions = Versions(followers, log, what, clock=lambda: NOW)
    return Service(followers, log, clock=lambda: NOW, versions=versions)


def test_a_network_goes_on_from_what_its_service_was_told(
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0)
    items = list(open_engine(trained_run).companions.vocabulary[ITEM])
    events = [
        {"id": str(n), "event": "answered", "student": f"new {n % 30}", "correct": n % 3 / 2,
         "item": items[drawn.integers(len(items))], "time": 10**12 + 1001 * n}
        for n in range(600)
    ]  # fmt: skip
    service = served(trained_run, tmp_path)
    post(service, events[300:])
    post(service, events[:300])  # late
    before = service.handle([{"do": "mastery", "student": "new 1"}])[0].body
    run = str(trained_run)
    assert main(["data", "from-service", "service.db", "answers.jsonl", "--run", run]) == 0
    assert main(["data", "import", "jsonl", "answers.jsonl", "answers.store"]) == 0
    store = AnswerStore("answers.store")
    assert len(store.item) == 600
    assert len(store.vocabulary[SKILL]) == len(
        open_engine(trained_run).companions.vocabulary[SKILL]
    )
    first = store.answer_column("time")[: int(store.history_offsets[1])]
    assert first.tolist() == [event["time"] for event in events if event["student"] == "new 0"]
    words = ["--data.path", "answers.store", "--data.batch_size", "16", "--init_from", run]
    assert main(["fit", *words, "--run", "runs/next", *FAST]) == 0
    copytree(trained_run, "runs/first")  # what it comes to on other data stands in its folder
    divided = ["--data.split", "student"]
    assert main(["test", "runs/first", "--data.path", "answers.store", *divided]) == 0
    capsys.readouterr()
    assert main(["compare", "runs/first/test-answers", "runs/next"]) == 0
    assert "next" in capsys.readouterr().out
    (reply,) = service.handle([{"do": "swap", "path": "runs/next"}])
    assert reply.status == 200
    while (about := service.handle([{"do": "versions"}])[0].body["runs"][0])["candidate"]:
        assert about["candidate"]["state"] != "failed"
        time.sleep(0.01)
    assert about["path"] == str(tmp_path / "runs/next")
    (reply,) = service.handle([{"do": "mastery", "student": "new 1"}])
    engine = open_engine("runs/next")
    answered = engine.companions.answered  # of the students of the training part
    assert answered is not None
    assert 300 < answered.sum() < 600
    engine.answer_many([event for event in events if event["student"] == "new 1"])
    assert reply.body["skills"] == pytest.approx(engine.mastery("new 1"), abs=1e-5)
    assert reply.body["skills"] != before["skills"]
    service.close()


def test_what_is_no_service_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answers.jsonl"
    assert main(["data", "from-service", str(tmp_path / "no.db"), str(out)]) == 2
    assert "does not exist" in capsys.readouterr().err
    EventLog(tmp_path / "empty.db").close()
    assert main(["data", "from-service", str(tmp_path / "empty.db"), str(out)]) == 2
    assert "holds no answers" in capsys.readouterr().err
    assert not out.exists()
