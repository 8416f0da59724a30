"""What a service owes: no answer to who may not ask, no byte of the forgotten, the same bits."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from harness import ROOT, Goal, run, script
from serve_load import FILE, items_of, load, served_run, twice

sys.path.insert(0, str(ROOT))
from tests.serve.every_route import ANN, answered
from tests.serve.issuers import AUDIENCE, LoopbackIssuer
from tests.serve.test_processes import Server
from torchedu.serve.access import SCOPES, Keys
from torchedu.serve.app import create_app

MARK = "zyxwvut"
"""Begins the names of those who are to go, and of their events."""


def access(goal: str) -> tuple[list[Goal], Any]:
    """Ask every route of a service as everybody who may not."""
    loopback = LoopbackIssuer()
    with TemporaryDirectory() as home, loopback.served():
        folder = Path(home)
        words = ["--issuer", loopback.url, "--audience", AUDIENCE, "--classes_claim", "classes"]
        server = Server(served_run(folder), folder, *words)
        keys = Keys(folder / FILE)

        def status(key: str | None, method: str, path: str, body: Any) -> int:
            data = None if body is None else json.dumps(body).encode()
            headers = {"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}
            headers |= {} if key is None else {"Authorization": f"Bearer {key}"}
            asked = Request(server.address + path, data, headers, method=method)
            try:
                with urlopen(asked, timeout=30) as reply:
                    return int(reply.status)
            except HTTPError as error:
                return error.code

        assert status(keys.add("school", SCOPES), "POST", "/events", {**ANN, "id": "a"}) == 200

        async def nobody(_: Any) -> Any:
            raise NotImplementedError

        number, wrong = answered(create_app(nobody), keys, loopback, status)
        keys.close()
        server.end(signal.SIGTERM)
    must = f"of {number} requests to all routes by those who may not ask, answered"
    return [Goal(goal, len(wrong), must, not wrong)], {"answered": wrong}


def replayed(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Ask about students whose answers come late and in crowds, over kills; make it all again."""
    drawn = random.Random(0)
    with TemporaryDirectory() as home:
        folder = Path(home)
        runs = [served_run(folder), _filled_up(folder)]
        items, students = items_of(runs[0]), [f"s{n}" for n in range(40)]
        server = Server(runs, folder, "--workers", "2")

        def event(name: str) -> dict[str, Any]:
            late = int(drawn.expovariate(1 / 3)) * 1000
            return {"id": name, "student": drawn.choice(students), "item": drawn.choice(items),
                    "correct": drawn.randrange(5) / 4, "class": drawn.choice("ab"),
                    "time": int(time.time() * 1000) - late}  # fmt: skip

        def question() -> str:
            run = drawn.choice(runs).name
            about = f"student={drawn.choice(students)}&run={run}"
            put = "&".join(f"item={item}" for item in drawn.sample(items, 3))
            return drawn.choice([f"/mastery?{about}", f"/next?{about}&count=5",
                                 f"/chances?{about}&{put}", "/overview?class=a"])  # fmt: skip

        rounds, kills = 0, 0
        while _count(folder, "decisions") < number:
            posted = [event(f"{rounds} {n}") for n in range(drawn.randrange(1, 40))]
            _insist(server, "/events", posted)
            for _ in range(12):
                _insist(server, question())
            rounds += 1
            if not rounds % 10:
                time.sleep(1.1)  # what was said is written
                _insist(server, question())
                os.kill(drawn.choice(server.children()), signal.SIGKILL)
                kills += 1
        server.end(signal.SIGTERM)
        command = [script("torchedu"), "service", "replay", FILE, f"[{runs[0]},{runs[1]}]"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = ended.stdout.splitlines()
    last = lines[-1]
    equal, total = (int(word.replace(",", "")) for word in last.split()[:3:2])
    must = f"of {total:,} decisions that the log does not give again to the last bit"
    return [Goal(goal, total - equal, must, equal == total >= number)], {
        "groups of events": rounds, "processes killed": kills, "differ": lines[:-1][:20],
    }  # fmt: skip


def forgotten(goal: str, number: int, retain: bool) -> tuple[list[Goal], Any]:
    """Forget students while others post, and by their age; look for them in every file."""
    files, changed = dict[str, int](), 0
    with TemporaryDirectory() as home:
        folder = Path(home)
        served = served_run(folder)
        for way in ("asked", "retained") if retain else ("asked",):
            place = folder / way
            (place / "made").mkdir(parents=True)
            files[way], others = _forgotten(way, place, served, number)
            changed += others
    must = f"files with a byte of the name, an event's name or a checksum of {number} students"
    same = "answers, events and states of others that changed by it"
    left = sum(files.values())
    return [
        Goal(goal, left, f"{must} who were forgotten under load{' and by age' * retain}", not left),
        Goal(f"{goal}_others", changed, same, not changed),
    ], {"files": files}


def _forgotten(way: str, folder: Path, served: Path, number: int) -> tuple[int, int]:
    """Return in how many files something is left, and how much changed of others."""
    items = items_of(served)
    words = ["--derived", f"[{folder / 'made'}]"]
    server = Server(served, folder, *words, *(["--retain", "9000d"] if way == "retained" else []))
    names = [f"{MARK} {n}" for n in range(number)]
    quiet = [f"q{n}" for n in range(100)]
    events = [
        {"id": f"{name} {n}", "student": name, "item": items[(n + len(name)) % len(items)],
         "correct": n % 2, "class": "7b", "time": (10**12 if name in names else _now()) + n}
        for name in [*names, *quiet]
        for n in range(40)
    ]  # fmt: skip
    for first in range(0, len(events), 1000):
        assert server.ask("/events", events[first : first + 1000])[0] == 200
    last = {"id": "last", "student": "s0", "item": items[0], "correct": 1}
    assert server.ask("/events", last)[0] == 200  # the states that were due go with it
    for name in names:
        assert server.ask(f"/next?student={name.replace(' ', '%20')}")[0] == 200
    torchedu, made = script("torchedu"), folder / "made"
    run(
        [torchedu, "data", "from-service", FILE, "made/answers.jsonl", "--run", str(served)], folder
    )
    run([torchedu, "data", "import", "jsonl", "made/answers.jsonl", "made/a.store"], folder)
    run([torchedu, "service", "export", FILE, "made/one.json", "--student", names[0]], folder)
    marks = [MARK.encode(), *_checksums(folder), *(sha256(n.encode()).digest() for n in names)]
    assert _holding(folder, marks)
    before = [server.ask(f"/mastery?student={name}") for name in quiet], _rows(folder)

    async def under_load() -> None:
        seconds = 20.0 if way == "asked" else 90.0
        posting = asyncio.create_task(
            load(server.address, 0.02, seconds, 1, 100, items, "load", twice)
        )
        for first in range(0, number, 10) if way == "asked" else ():
            some = {"students": names[first : first + 10]}
            status, body = await asyncio.to_thread(server.ask, "/forget", some)
            assert status == 200, body
            assert not body["left"], body
        await posting

    asyncio.run(under_load())
    left = _holding(folder, marks)
    after = [server.ask(f"/mastery?student={name}") for name in quiet], _rows(folder)
    server.end(signal.SIGTERM)
    left += [file for file in _holding(folder, marks) if file not in left]
    assert any((folder / f"{FILE}.certificates").iterdir())
    assert made.joinpath("answers.jsonl").stat().st_size
    pairs = zip([*before[0], *before[1]], [*after[0], *after[1]], strict=True)
    return len(left), sum(x != y for x, y in pairs)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _query(folder: Path, asked: str) -> list[Any]:
    with sqlite3.connect(folder / FILE) as connection:
        rows = connection.execute(asked).fetchall()
    connection.close()
    return rows


def _count(folder: Path, table: str) -> int:
    return int(_query(folder, f"SELECT count(*) FROM {table}")[0][0])


def _rows(folder: Path) -> list[Any]:
    """Return what stands in the file of those who only watch."""
    tables = {"events": "seq", "states": "student", "members": "student"}
    return [
        row
        for table, order in tables.items()
        for row in _query(folder, f"SELECT * FROM {table} WHERE student LIKE 'q%' ORDER BY {order}")
    ]


def _checksums(folder: Path) -> Iterator[bytes]:
    """Yield the checksums that the file has of those who are to go."""
    for (digest,) in _query(folder, f"SELECT digest FROM events WHERE student LIKE '{MARK}%'"):
        yield digest
    for (read,) in _query(folder, f"SELECT input FROM decisions WHERE student LIKE '{MARK}%'"):
        yield read.encode()


def _holding(folder: Path, marks: list[bytes]) -> list[Path]:
    """Return the files in which one of some marks stands."""
    holding = []
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            if any(mark in content for mark in marks) or MARK in str(file):
                holding.append(file)
    return holding


def _filled_up(home: Path) -> Path:
    """Train a network whose steps are made of rows that are filled up."""
    words = ["fit", "--data.path", "class.store", "--model.net", "DKVMN", "--run", "runs/dkvmn"]
    words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    run([script("torchedu"), *words], home)
    return home / "runs" / "dkvmn"


def _insist(server: Server, path: str, body: Any = None) -> None:
    """Ask until there is an answer; a kill may close the connection."""
    for _ in range(100):
        try:
            status, _answer = server.ask(path, body)
        except OSError:
            time.sleep(0.05)
            continue
        if status in (200, 404):  # of a class that nothing is known of yet
            return
    raise AssertionError(f"{path}: {status}")
