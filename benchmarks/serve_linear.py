"""Histories of clients while processes are killed and the clock jumps: each state is the log's.

Clients post answers, some of them late, and read states of a few students at once. Afterwards the
log is replayed: each state that was read has to be, bit for bit, that of the first events of its
student in the log. These hold every event that was acknowledged before the reading began, none that
was sent after it had ended, and no fewer than a reading that ended before.
"""

import json
import os
import random
import signal
import struct
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from harness import ROOT, Goal

sys.path.insert(0, str(ROOT))
from serve_load import FILE, items_of, of, served_run

from tests.serve.test_processes import Server
from torchedu import open_engine
from torchedu.engine import TracingEngine
from torchedu.serve.events import ANSWERED, Event
from torchedu.serve.log import EventLog
from torchedu.serve.stores import shards_of
from torchedu.serve.students import row_of

CLIENTS, STUDENTS = 8, 20
JUMPS = (0, 200, -200, 3600, -3600, -86_400)
"""Seconds by which the service's clock is wrong."""
CLOCK = """
import mmap, os, struct, time
shared = mmap.mmap(os.open(os.environ["SERVE_CLOCK"], os.O_RDONLY), 8, prot=mmap.PROT_READ)
seconds, nanoseconds = time.time, time.time_ns
time.time = lambda: seconds() + struct.unpack("q", shared)[0]
time.time_ns = lambda: nanoseconds() + 10**9 * struct.unpack("q", shared)[0]
"""
"""Read by Python as it starts, in every process of the service."""


class Post(NamedTuple):
    """Events that were posted, until they were answered."""

    began: float
    ended: float
    ids: list[str]
    status: int
    kept: frozenset[str]


class Reading(NamedTuple):
    """A state that was read."""

    began: float
    ended: float
    student: str
    answers: int
    skills: dict[str, float]


class Client:
    """Posts and reads, one after the other, and notes what it was answered.

    Args:
        server: The service.
        name: Its name.
        items: Items to answer.
    """

    def __init__(self, server: Server, name: str, items: list[str]) -> None:
        self._netloc = urlsplit(server.address).netloc
        self._connection = HTTPConnection(self._netloc, timeout=30)
        self._name, self._items, self._drawn = name, items, random.Random(name)
        self.posts: list[Post] = []
        self.readings: list[Reading] = []

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            if self._drawn.random() < 0.5:
                self._post(number)
            else:
                self._read()
            number += 1

    def _post(self, number: int) -> None:
        drawn, events = self._drawn, []
        for n in range(drawn.randint(1, 3)):
            event = {"id": f"{self._name} {number} {n}", "student": f"s{drawn.randrange(STUDENTS)}",
                     "item": drawn.choice(self._items), "correct": drawn.randrange(2)}  # fmt: skip
            if drawn.random() < 0.5:  # else when it comes, by the service's clock
                late = drawn.choice([0, 0, 0, 0, 30_000])
                event["time"] = time.time_ns() // 1_000_000 - late
            events.append(event)
        began = time.monotonic()
        status, said = self._ask("POST", "/events", events)
        kept = [e["id"] for e in events] if status == 200 else said.get("kept", [])
        ids = [e["id"] for e in events]
        self.posts.append(Post(began, time.monotonic(), ids, status, frozenset(kept)))

    def _read(self) -> None:
        student, began = f"s{self._drawn.randrange(STUDENTS)}", time.monotonic()
        status, body = self._ask("GET", f"/mastery?student={quote(student)}")
        assert status == 200, body
        self.readings.append(
            Reading(began, time.monotonic(), student, body["answers"], body["skills"])
        )

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask until there is an answer; what is killed on the way is asked the same again."""
        while True:
            try:
                self._connection.request(method, path, body and json.dumps(body))
                reply = self._connection.getresponse()
                content = json.loads(reply.read())
            except (OSError, HTTPException):
                self._connection = HTTPConnection(self._netloc, timeout=30)
                continue
            if reply.status != 503:
                return reply.status, content


def disturb(server: Server, clock: Path, seconds: float, every: float) -> int:
    """Kill a process and set the clock wrong again and again; return how many were killed."""
    drawn, killed, end = random.Random(0), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(every / 2)
        with clock.open("r+b") as file:
            file.write(struct.pack("q", drawn.choice(JUMPS)))
        time.sleep(every / 2)
        os.kill(drawn.choice(server.children()), signal.SIGKILL)
        killed += 1
    return killed


def check(run: Path, events: list[Event], posts: list[Post], readings: list[Reading]) -> list[str]:
    """Return what is wrong with posts and readings beside the log."""
    places = {event.id: event for event in events}
    of_students: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        of_students[event.student].append(event)
    wrong = [
        f"{id} was answered with {post.status}, and is {'' if id in places else 'not '}in the log"
        for post in posts
        for id in post.ids
        if (id in places) != (id in post.kept)
    ]
    engine = open_engine(run)
    assert isinstance(engine, TracingEngine)
    sent = {id: post for post in posts for id in post.ids}
    for student, mine in of_students.items():
        asked = sorted(r for r in readings if r.student == student)
        wrong += _states(engine, student, mine, asked)
        order = {event.id: n + 1 for n, event in enumerate(mine)}
        for reading in asked:
            least = max((n for id, n in order.items() if sent[id].ended < reading.began), default=0)
            least = max([least, *(r.answers for r in asked if r.ended < reading.began)])
            early = all(sent[e.id].began < reading.ended for e in mine[: reading.answers])
            if reading.answers < least or not early:
                wrong.append(f"{student} was read with {reading.answers} answers, {least} before")
    return wrong


def _states(engine: TracingEngine, student: str, mine: list[Event], asked: list[Reading]) -> Any:
    """Return which readings are not the states of the first events of a student."""
    wanted: dict[int, list[Reading]] = defaultdict(list)
    for reading in asked:
        wanted[reading.answers].append(reading)
    known = [number for number in wanted if number <= len(mine)]
    engine.answer_many([
        {**row_of(event), "student": f"{student} {number}"}
        for number in known
        for event in sorted(mine[:number], key=_order)
    ])  # fmt: skip
    skills = {number: engine.mastery(f"{student} {number}") for number in known}
    return [
        f"{student}: {number} answers give another state, or there are none"
        for number, readings in wanted.items()
        for reading in readings
        if reading.skills != skills.get(number)
    ]


def _order(event: Event) -> tuple[int, int]:
    return event.order


def linear(goal: str, seconds: float, every: float, shards: int = 1) -> tuple[list[Goal], Any]:
    """Let clients post and read while processes are killed and the clock jumps."""
    with TemporaryDirectory() as home, ExitStack() as ends:
        folder = Path(home)
        served = served_run(folder)
        clock = folder / "clock"
        clock.write_bytes(bytes(8))
        (folder / "starts").mkdir()
        (folder / "starts" / "sitecustomize.py").write_text(CLOCK, "ascii")
        os.environ["SERVE_CLOCK"] = str(clock)
        sys.path.insert(0, str(folder / "starts"))
        try:
            server = Server(served, folder, "--workers", "2", "--shards", str(shards))
        finally:
            del sys.path[0], os.environ["SERVE_CLOCK"]
        ends.callback(server.process.terminate)  # where something here fails
        clients = [Client(server, f"c{n}", items_of(served)) for n in range(CLIENTS)]
        stop = threading.Event()
        running = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
        for thread in running:
            thread.start()
        try:
            killed = disturb(server, clock, seconds, every)
        finally:
            stop.set()
            for thread in running:
                thread.join()
        code, output = server.end(signal.SIGTERM)
        events = list[Event]()
        for shard in shards_of(folder / FILE):
            log = EventLog(shard)
            events += log.events_of_kinds({ANSWERED})
            log.close()
        posts = [post for client in clients for post in client.posts]
        readings = [reading for client in clients for reading in client.readings]
        wrong = check(served, events, posts, readings)
    late = sum(b.order < a.order for a, b in pairwise(events))
    refused = sum(post.status != 200 for post in posts)
    figure = len(wrong) + (code != 0)
    must = (
        f"of {len(readings):,} states that {CLIENTS} clients read of {STUDENTS} students, over "
        f"{killed} kills and clock jumps{of(shards)}, not a replay of the log bit for bit; and "
        "events that are not there as they were answered"
    )
    return [Goal(goal, figure, must, figure == 0 and bool(readings))], {
        "wrong": wrong[:20], "readings": len(readings), "events": len(events), "late": late,
        "posts refused": refused, "printed": output[-2000:],
    }  # fmt: skip
