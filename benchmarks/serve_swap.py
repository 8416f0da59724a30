"""Versions swapped under load: what is dropped, what a half-built state answers, and the loop."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal, run, script
from serve_load import FILE, Connection, items_of, load, once, served_run

from tests.serve.test_processes import Server
from torchedu import open_engine
from torchedu.serve.events import ANSWERED, Event, event_of
from torchedu.serve.log import EventLog

QUIET = 50
"""Students who answer nothing meanwhile, so that it is known what each version says of them."""
ANSWERS = 50
APART = 1e-5


def _fill(file: Path, items: Sequence[str], students: int) -> None:
    """Put students there who have answered so much that their states take time to be made."""
    log, drawn = EventLog(file, "NORMAL"), random.Random(0)
    for student in range(students):
        log.append(
            [
                event_of(
                    {"id": f"before {student} {n}", "event": ANSWERED, "student": f"s{student}",
                     "item": drawn.choice(items), "correct": float(drawn.randrange(2)),
                     "time": 10**12 + n},
                    log.next_seq + n, 0,
                )
                for n in range(ANSWERS)
            ]
        )  # fmt: skip
    log.close()


def _replayed(version: Path, events: Sequence[Event], names: Sequence[str]) -> Any:
    """Return what a version makes of the events of students; shape (students, skills)."""
    engine = open_engine(version)
    of_students = [event for event in events if event.student in set(names)]
    engine.answer_many([{"student": e.student, "time": e.time, **e.fields} for e in of_students])
    return np.array([list(skills.values()) for skills in engine.mastery_many(names)])


def _events(file: Path) -> list[Event]:
    log = EventLog(file)
    events = sorted(log.events_of_kinds({ANSWERED}), key=lambda event: event.order)
    log.close()
    return events


class _Asking:
    """Asks about quiet students without a pause, and looks which version answers."""

    def __init__(self, address: str, expected: Mapping[str, Any], names: Sequence[str]) -> None:
        self._connection = Connection(address)
        self._expected = expected
        self._names = names
        self.seen: list[str] = []
        self.bad = 0
        self.took: list[float] = []

    async def ask(self, end: asyncio.Event) -> None:
        drawn = random.Random(1)
        while not end.is_set():
            place, begin = drawn.randrange(len(self._names)), time.perf_counter()
            try:
                path = f"/mastery?student={self._names[place]}"
                status, content = await self._connection.send("GET", path)
            except OSError:
                self.bad += 1
                continue
            self.took.append(1000 * (time.perf_counter() - begin))
            skills = np.array(list(json.loads(content).get("skills", {}).values()))
            by = [
                name
                for name, whole in self._expected.items()
                if skills.shape == whole[place].shape
                and np.abs(skills - whole[place]).max() < APART
            ]
            if status != 200 or len(by) != 1:
                self.bad += 1
            elif self.seen[-1:] != by:
                self.seen += by
        self._connection.close()


async def _swapped(
    address: str, versions: Sequence[Path], times: int, asking: _Asking, items: list[str],
    students: int,
) -> tuple[int, int]:  # fmt: skip
    """Swap under load, and return how many posts went wrong of how many."""
    end, asks, posted, good = asyncio.Event(), Connection(address), 0, 0
    questions = asyncio.create_task(asking.ask(end))

    async def posting() -> None:
        nonlocal posted, good
        while not end.is_set():
            some = (0.01, 1.0, 1, students, items, f"load {posted}", once)
            good += len((await load(address, *some))[0])
            posted += 100

    posts = asyncio.create_task(posting())
    for n in range(times):
        path = str(versions[(n + 1) % len(versions)])
        body = json.dumps({"path": path}).encode()
        status, _ = await asks.send("POST", "/versions", body)
        assert status == 200, status
        while True:
            _, content = await asks.send("GET", "/versions")
            (about,) = json.loads(content)["runs"]
            if about["candidate"] is None:
                break
            assert about["candidate"]["state"] != "failed", about
            await asyncio.sleep(0.05)
        assert about["path"] == path
        await asyncio.sleep(0.2)
    end.set()
    await asyncio.gather(questions, posts)
    asks.close()
    return posted - good, posted


def _loop(home: Path, served: Path, server: Server) -> bool:
    """Train on what the service took, compare, and swap; say whether the new one answers."""
    command, new = script("torchedu"), home / "runs" / "tuned"
    answers = ["answers.jsonl", "--run", str(served)]
    run([command, "data", "from-service", FILE, *answers], home)
    words = ["--data.path", "answers.jsonl", "--init_from", str(served), "--run", str(new)]
    words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    run([command, "fit", *words], home)
    words = ["--data.path", "answers.jsonl", "--data.split", "student"]
    run([command, "test", str(served), *words], home)
    run([command, "compare", str(served / "test-answers"), str(new)], home)
    run([command, "versions", "swap", str(new), "--service", server.address], home)
    _, about = server.ask("/versions")
    return bool(about["runs"][0]["path"] == str(new))


def swap(goal: str, times: int, students: int) -> tuple[list[Goal], Any]:
    """Swap versions while events and questions come, then go through the loop once."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        versions = [served_run(home, name, seed) for seed, name in enumerate(("a", "b", "c"))]
        items = items_of(versions[0])
        _fill(home / FILE, items, students + QUIET)
        quiet = [f"s{n}" for n in range(students, students + QUIET)]
        before = _events(home / FILE)
        expected = {path.name: _replayed(path, before, quiet) for path in versions}
        server = Server(versions[0], home)
        asking = _Asking(server.address, expected, quiet)
        lost, posted = asyncio.run(
            _swapped(server.address, versions, times, asking, items, students)
        )
        last = versions[times % len(versions)]
        names = [f"s{n}" for n in range(0, students, max(1, students // 200))]
        live = np.array(
            [list(server.ask(f"/mastery?student={name}")[1]["skills"].values()) for name in names]
        )
        apart = float(np.abs(live - _replayed(last, _events(home / FILE), names)).max())
        closed = _loop(home, last, server)
        server.end(signal.SIGTERM)
    order = [versions[n % len(versions)].name for n in range(times + 1)]
    bad = lost + asking.bad + int(asking.seen != order)
    what = "requests dropped, or answered by neither version, of"
    return [
        Goal(
            goal, bad,
            f"{what} {posted + len(asking.took):,} over {times} swaps; 0", bad == 0,
        ),
        Goal(
            f"{goal}_parity", apart,
            "from what the new network makes of the log, afterwards; at most 1e-5", apart <= APART,
        ),
        Goal(
            f"{goal}_loop", int(closed),
            "trained on what the service took, compared and swapped; 1", closed,
        ),
    ], {
        "questions": len(asking.took),
        "median, p99 of a question (ms)": [
            float(np.median(asking.took)), float(np.percentile(asking.took, 99)),
        ],
    }  # fmt: skip
