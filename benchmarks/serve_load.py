"""Load on a real service: an open loop of connections, and processes that are killed meanwhile."""

import asyncio
import gc
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import ROOT, Goal, run, script

sys.path.insert(0, str(ROOT))
from tests.serve.test_processes import Server
from torchedu import open_engine
from torchedu.datasets.simulator import simulate
from torchedu.schema import ITEM
from torchedu.serve.events import ANSWERED, event_of
from torchedu.serve.log import EventLog
from torchedu.serve.stores import shards_of

CONNECTIONS = 16
FILE = "torchedu.db"


def served_run(home: Path, name: str = "served", seed: int = 42) -> Path:
    """Train a network that is served, of 200 items."""
    if not (home / "class.store").exists():
        simulate(home / "class.store", students=200, skills=20, items=200, answers=30)
    words = ["fit", "--data.path", "class.store", "--model.net", "ItemDKT", "--run", f"runs/{name}"]
    words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    run([script("torchedu"), *words, "--seed_everything", str(seed)], home)
    return home / "runs" / name


def items_of(run: Path) -> list[str]:
    return list(open_engine(run).companions.vocabulary[ITEM])


def fill(run: Path, file: Path, students: int) -> None:
    """Put a store of students there, of an answer each."""
    items, log = items_of(run), EventLog(file, "NORMAL")
    for first in range(0, students, 10_000):
        some = range(first, min(students, first + 10_000))
        log.append(
            [
                event_of(
                    {"id": f"before {n}", "event": ANSWERED, "student": f"s{n}",
                     "item": items[n % len(items)], "correct": float(n % 2), "time": 10**12 + n},
                    n + 1, 0,
                )
                for n in some
            ]
        )  # fmt: skip
    log.close()


def disk(folder: Path, number: int = 500) -> float:
    """Return how many milliseconds ``fdatasync`` of a page takes, at the 99th percentile."""
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(number):
            file.write(bytes(4096))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - begin))
    return float(np.percentile(took, 99))


class Connection:
    """A connection that is kept, and opened again where it was lost."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.removeprefix("http://").rpartition(":")
        self._port = int(port)
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, events: Sequence[dict[str, Any]]) -> int:
        """Post events, and return the status.

        Raises:
            OSError: The connection was lost.
        """
        return (await self.send("POST", "/events", json.dumps(events).encode()))[0]

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request, and return the status and the body of the answer.

        Raises:
            OSError: The connection was lost.
        """
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
            head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
            head += "Content-Type: application/json\r\n\r\n"
            self._writer.write(head.encode() + body)
            answer = await self._reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            content = await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise ConnectionError from error
        return int(answer.split(b" ", 2)[1]), content

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def of(shards: int) -> str:
    """Return how many shards a goal is about, where they are several."""
    return f" of {shards} shards" if shards > 1 else ""


Post = Callable[[Connection, list[dict[str, Any]]], Awaitable[bool]]


async def load(
    address: str, each: float, seconds: float, size: int, students: int, items: list[str],
    mark: str, post: Post,
) -> tuple[list[float], list[str]]:  # fmt: skip
    """Post groups of events at times that do not wait for answers.

    Args:
        address: The service's.
        each: Seconds between two posts.
        seconds: For how long.
        size: Events of a post.
        students: Of so many students, drawn at random.
        items: The items.
        mark: Begins the names of the events.
        post: Posts a group; says whether it went well.

    Returns:
        Milliseconds of each good post since it was due, and the names of the events in them.
    """
    drawn = random.Random(mark)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(address))
    took: list[float] = []
    good: list[str] = []

    async def send(number: int, due: float) -> None:
        now = time.time_ns() // 1_000_000
        events = [
            {"id": f"{mark} {number} {i}", "student": f"s{drawn.randrange(students)}",
             "item": drawn.choice(items), "correct": drawn.randrange(2), "time": now}
            for i in range(size)
        ]  # fmt: skip
        connection = await free.get()
        try:
            if await post(connection, events):
                took.append(1000 * (time.perf_counter() - due))
                good.extend(event["id"] for event in events)
        finally:
            free.put_nowait(connection)

    # A collection here stops what posts for .1 s and more, which is no wait for the service.
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    tasks = []
    for number in range(round(seconds / each)):
        due = begin + number * each
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(send(number, due)))
    await asyncio.gather(*tasks)
    gc.enable()
    while not free.empty():
        free.get_nowait().close()
    return took, good


async def once(connection: Connection, events: list[dict[str, Any]]) -> bool:
    return await connection.post(events) == 200


async def twice(connection: Connection, events: list[dict[str, Any]]) -> bool:
    """Post, and post the same again after a moment where that failed; within 3 seconds in all."""
    with_time = asyncio.timeout(3)
    try:
        async with with_time:
            try:
                if await connection.post(events) == 200:
                    return True
            except OSError:
                pass
            await asyncio.sleep(0.3)
            return await connection.post(events) == 200
    except (TimeoutError, OSError):
        connection.close()
        return False


def wrong(folder: Path, mark: str, good: list[str]) -> int:
    """Return how many events were acknowledged and are not there, or are there twice."""
    there = Counter[str]()
    for shard in shards_of(folder / FILE):
        with sqlite3.connect(shard.file) as connection:
            rows = connection.execute("SELECT id FROM events WHERE id LIKE ?", (f"{mark} %",))
            there.update(id for (id,) in rows)
        connection.close()
    return sum(there[id] != 1 for id in good) + sum(number > 1 for number in there.values())


def rate(goal: str, students: int, seconds: float) -> tuple[list[Goal], Any]:
    """Post 500 single events a second, then as many batches of 16 as make 2,000."""
    with TemporaryDirectory() as home:
        folder = Path(home)
        served = served_run(folder)
        items = items_of(served)
        fill(served, folder / FILE, students)
        before = disk(folder)
        server = Server(served, folder)
        given = (students, items)
        single, good = asyncio.run(
            load(server.address, 1 / 500, seconds, 1, *given, "single", once)
        )
        batches, more = asyncio.run(
            load(server.address, 16 / 2000, seconds, 16, *given, "batch", once)
        )
        server.end(signal.SIGTERM)
        after = disk(folder)
        lost = wrong(folder, "single", good) + wrong(folder, "batch", more)
    sync = (before + after) / 2
    most = 2 * sync + 20
    p99, last = float(np.percentile(single, 99)), float(np.percentile(batches, 99))
    bad = round(500 * seconds) - len(single) + round(125 * seconds) - len(batches) + lost
    return [
        Goal(goal, bad, "posts that failed, and events lost or doubled", bad == 0),
        Goal(
            f"{goal}_p99", p99,
            f"ms at the 99th percentile of 500 single events a second; at most {most:.0f}, twice "
            "the disk's own and 20", p99 <= most,
        ),
        Goal(
            f"{goal}_batches", last,
            "ms at the 99th percentile of 2,000 events a second in batches of 16, which keep up "
            "while it is below 1,000", last < 1000,
        ),
    ], {
        "fdatasync p99 before, after (ms)": [before, after],
        "median single, batch (ms)": [float(np.median(single)), float(np.median(batches))],
        "load average": os.getloadavg(),
    }  # fmt: skip


def kills(goal: str, seconds: float, every: float, shards: int = 1) -> tuple[list[Goal], Any]:
    """Post 100 events a second while one process after another is killed."""
    with TemporaryDirectory() as home:
        folder = Path(home)
        served = served_run(folder)
        server = Server(served, folder, "--workers", "2", "--shards", str(shards))

        async def killed() -> tuple[list[float], list[str], int]:
            number = round(100 * seconds)
            posting = asyncio.create_task(
                load(server.address, 0.01, seconds, 1, 1000, items_of(served), "kill", twice)
            )
            drawn, times = random.Random(0), 0
            while not posting.done():
                await asyncio.wait([posting], timeout=every)
                if not posting.done():
                    os.kill(drawn.choice(server.children()), signal.SIGKILL)
                    times += 1
            took, good = await posting
            assert len(took) <= number
            return took, good, times

        took, good, times = asyncio.run(killed())
        server.end(signal.SIGTERM)
        lost = wrong(folder, "kill", good)
    share = len(took) / round(100 * seconds)
    return [
        Goal(goal, lost, f"events lost or doubled over {times} kills{of(shards)}", lost == 0),
        Goal(f"{goal}_good", share, "of posts good after one retry; at least .999", share >= 0.999),
    ], {"p99 (ms)": float(np.percentile(took, 99))}
