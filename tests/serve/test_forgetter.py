"""Students forgotten whole: in the file, in what was made of it, and when their time is over."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serve.services import ITEMS, NOW, histories, post, service_of, tracing_engine
from tests.serve.test_forget import MARK, renamed
from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.people import People
from torchedu.run_folder import RunFolder
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.forgetting import clean, derive, milliseconds
from torchedu.serve.learning import write_answers
from torchedu.serve.service import Message, Reply, Service

GONE = [f"{MARK} s{n}" for n in range(0, 20, 5)]


def left_in(folder: Path) -> list[str]:
    """Return the files below a folder that hold a byte of those who are gone, by name or path."""
    return [
        str(file)
        for file in folder.rglob("*")
        if MARK in str(file.relative_to(folder))
        or (file.is_file() and MARK.encode() in file.read_bytes())
    ]


def served(folder: Path) -> Service:
    """Return a service of twenty students, of whom some are to go, and what was made of it."""
    service = service_of(tracing_engine(), folder)
    some = {f"s{n}" for n in range(0, 20, 5)}
    events = [{**e, "class": "7b"} for e in histories(20, 60, np.random.default_rng(1))]
    assert post(service, renamed(events, some)).status == 200
    for student in [*GONE, "s1"]:
        service.handle([{"do": "next", "student": student}])
    service.book.write()
    (row,) = service.handle([{"do": "decisions", "student": GONE[0], "last": 1}])
    number = row.body["decisions"][0]["decision"]
    reason = {"student": GONE[0], "decision": number, "reason": f"{MARK} was ill"}
    assert service.handle([{"do": "overrule", **reason}])[0].status == 200
    return service


def forgetter(service: Service, **given: Any) -> Forgetter:
    async def ask(message: Message) -> Reply:
        return service.handle([message])[0]

    return Forgetter(ask, [service.log.store], apart=asyncio.to_thread, **given)


def test_they_go_from_all_that_was_made_and_a_certificate_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    service, made = served(tmp_path), tmp_path / "made"
    made.mkdir()
    store = service.log.store.file
    write_answers(store, made / "answers.jsonl")
    rest = (made / "answers.jsonl").read_text("utf-8").splitlines()
    assert main(["data", "import", "jsonl", "made/answers.jsonl", "made/answers.store"]) == 0
    assert main(["service", "export", str(store), "made/ann.json", "--student", GONE[0]]) == 0
    run = RunFolder(made / "run")
    position = np.ones(2, np.int64)
    People.of({"train": ([GONE[1], "s2"], position), "val": ([], position[:0])}).write(run.people)
    run.checkpoints.mkdir()
    (run.checkpoints / "best.ckpt").touch()
    (made / "run" / "predictions.csv").write_text(f"student,chance\n{GONE[0]},.5\ns1,.5\n", "utf-8")
    others = [{"do": "mastery", "student": f"s{n}"} for n in range(20) if n % 5]
    before = service.handle(others)
    assert len(left_in(tmp_path)) >= 5
    reply = asyncio.run(forgetter(service, folders=[made]).forget({}, [*GONE, "nobody"]))
    assert reply.status == 200
    assert left_in(tmp_path) == []
    assert service.handle(others) == before
    assert (reply.body["students"], reply.body["left"]) == (4, [])
    assert reply.body["trained_on_them"] == [str(run.checkpoints / "best.ckpt")]
    folder = tmp_path / "service.db.certificates"
    (file,) = folder.iterdir()
    assert json.loads(file.read_text("utf-8")) == reply.body
    kept = [line for line in rest if MARK not in line]
    assert (made / "answers.jsonl").read_text("utf-8").splitlines() == kept
    assert not (made / "ann.json").exists()
    acts = service.handle([{"do": "acts", "last": 9}])[0].body["acts"]
    assert acts[0]["about"] == {"certificate": file.stem, "students": 5}  # who were named
    service.close()
    assert left_in(tmp_path) == []


def test_what_cannot_be_cleaned_is_told(tmp_path: Path) -> None:
    service = served(tmp_path)
    (tmp_path / "broken.jsonl").write_text(f"no JSON {MARK}\n", "utf-8")
    derive(service.log.tables, tmp_path / "broken.jsonl", NOW)
    (tmp_path / "derived" / "a.store").mkdir(parents=True)
    (tmp_path / "derived" / "a.store" / "manifest.json").write_text("{", "utf-8")
    cleaned = clean(service.log.store.file, GONE, [], [tmp_path / "derived"])
    assert [place.split(": ")[0] for place in cleaned.left] == [str(tmp_path / "broken.jsonl")]
    service.log.close()


def test_those_go_of_whom_there_was_nothing_for_long(tmp_path: Path) -> None:
    service = service_of(tracing_engine(), tmp_path)
    day = milliseconds("1d", "retain")
    ages = {"old": 401, "young": 399, "both": 500}
    events = [
        {"id": name, "event": "answered", "student": name, "item": "i1", "correct": 1.0,
         "time": NOW - age * day}
        for name, age in ages.items()
    ]  # fmt: skip
    again = {**events[2], "id": "again", "item": f"i{ITEMS - 1}", "time": NOW - day}
    assert post(service, [*events, again]).status == 200
    asks = forgetter(service)
    assert asyncio.run(asks.retain(400 * day, NOW)) == 1
    known = service.handle([{"do": "mastery", "student": name} for name in ages])
    assert [reply.body["known"] for reply in known] == [False, True, True]
    assert asyncio.run(asks.retain(400 * day, NOW)) == 0
    service.book.write()
    assert asyncio.run(asks.retain(400 * day, NOW + 500 * day)) == 3  # who was asked about, too
    (acts,) = service.handle([{"do": "acts", "last": 9}])
    assert [act["about"]["students"] for act in acts.body["acts"]] == [3, 1]
    service.close()


def test_who_comes_back_meanwhile_stays(tmp_path: Path) -> None:
    service = served(tmp_path)
    (reply,) = service.handle([{"do": "forget", "students": GONE, "before": 10**12}])
    assert reply.body == {"students": 0, "events": 0}
    service.close()


@pytest.mark.parametrize("span", ["400", "d", "0d", "-1d", "1.5d", "400 d", "1y", ""])
def test_spans_are_whole_numbers_of_a_unit(span: str) -> None:
    with pytest.raises(ConfigError, match="retain"):
        milliseconds(span, "retain")
