"""A real service: its processes are killed under load, and what it acknowledged is there, once."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from torchedu.cli import main
from torchedu.serve.stores import shards_of

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


class Server:
    """A service that runs in processes of its own."""

    def __init__(
        self, runs: Path | Sequence[Path], folder: Path, *words: str, before: Sequence[str] = ()
    ) -> None:
        code = "import sys; from torchedu.cli import main; sys.exit(main(sys.argv[1:]))"
        served = [runs] if isinstance(runs, Path) else runs
        command = [*before, sys.executable, "-c", code, "serve", *map(str, served), "--port", "0"]
        command += words
        self.process = subprocess.Popen(
            command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self.process.stdout
        lines = [self.process.stdout.readline()]
        while not (address := re.search(r"http://[\d.:]+", lines[-1])):
            assert lines[-1], "".join(lines)
            lines.append(self.process.stdout.readline())
        self.address = address[0]

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.address + path, data), timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def children(self) -> list[int]:
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in task.read_text().split()]

    def end(self, number: int = signal.SIGTERM, process: int | None = None) -> tuple[int, str]:
        os.kill(process or self.process.pid, number)
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output


@pytest.fixture
def server(trained_run: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(trained_run, tmp_path)
    yield server
    if server.process.poll() is None:
        server.end(signal.SIGKILL)


@pytest.fixture(params=[1, 3])
def of_shards(
    request: pytest.FixtureRequest, trained_run: Path, tmp_path: Path
) -> Iterator[Server]:
    server = Server(trained_run, tmp_path, "--shards", str(request.param), "--workers", "2")
    yield server
    if server.process.poll() is None:
        server.end(signal.SIGKILL)


def in_file(folder: Path) -> list[str]:
    ids = list[str]()
    for shard in shards_of(folder / "torchedu.db"):
        with sqlite3.connect(shard.file) as connection:
            ids += [id for (id,) in connection.execute("SELECT id FROM events")]
        connection.close()
    return ids


def test_killed_processes_lose_and_double_nothing(of_shards: Server, tmp_path: Path) -> None:
    server = of_shards
    acknowledged: list[set[str]] = [set() for _ in range(4)]
    item = server.ask("/next?student=ann")[1]["items"][0]["item"]
    stop = threading.Event()

    def post(client: int) -> None:
        number = 0
        while not stop.is_set():
            ids = [f"{client} {number} {i}" for i in range(3)]
            whose = [f"s{client}", "ann", "bo"]
            events = [
                {"id": id, "student": student, "item": item, "correct": 1}
                for id, student in zip(ids, whose, strict=True)
            ]
            number += 1
            for _ in range(100):  # a kill may close the connection; the same is sent again
                try:
                    status, _ = server.ask("/events", events)
                except (OSError, HTTPException):
                    continue
                if status == 503:  # one that is being replaced on a busy machine
                    continue
                assert status == 200
                acknowledged[client].update(ids)
                break

    clients = [threading.Thread(target=post, args=(client,)) for client in range(4)]
    for client in clients:
        client.start()
    for _ in range(4):
        time.sleep(1)
        for child in server.children():
            os.kill(child, signal.SIGKILL)
    time.sleep(1)
    stop.set()
    for client in clients:
        client.join()
    told = set().union(*acknowledged)
    assert all(acknowledged)
    written = in_file(tmp_path)
    assert len(written) == len(set(written))
    assert told == set(written)
    code, output = server.end()
    assert (code, output) == (0, "")


def test_after_the_whole_is_killed_it_begins_where_it_was(
    server: Server, trained_run: Path, tmp_path: Path
) -> None:
    item = server.ask("/next?student=ann")[1]["items"][0]["item"]
    answer = {"student": "ann", "item": item}
    events = [{**answer, "id": str(n), "correct": n % 2} for n in range(40)]
    assert server.ask("/events", events)[0] == 200
    before = server.ask("/mastery?student=ann")
    assert before[1]["answers"] == 40
    children = server.children()
    server.end(signal.SIGKILL)
    end = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children):  # they see that it is gone
        assert time.monotonic() < end
        time.sleep(0.05)
    again = Server(trained_run, tmp_path)
    assert again.ask("/mastery?student=ann") == before
    assert again.ask("/events", events)[0] == 200
    assert again.ask("/mastery?student=ann") == before
    assert len(in_file(tmp_path)) == 40
    assert again.end() == (0, "")


def test_a_version_that_took_a_place_has_it_after_kills_and_starts(
    server: Server, trained_run: Path, tmp_path: Path
) -> None:
    def answered_by(server: Server) -> str:
        (about,) = server.ask("/versions")[1]["runs"]
        assert about["candidate"] is None or about["candidate"]["state"] == "failed"
        return str(about["path"])

    item = server.ask("/next?student=ann")[1]["items"][0]["item"]
    events = [{"id": str(n), "student": "ann", "item": item, "correct": 1} for n in range(40)]
    assert server.ask("/events", events)[0] == 200
    before = server.ask("/mastery?student=ann")
    following = copytree(trained_run, tmp_path / "next")
    assert main(["versions", "swap", str(following), "--service", server.address]) == 0
    assert answered_by(server) == str(following)
    for child in server.children():
        os.kill(child, signal.SIGKILL)
    assert server.ask("/mastery?student=ann") == before
    assert answered_by(server) == str(following)
    assert main(["versions", "swap", str(tmp_path / "none"), "--service", server.address]) == 2
    assert answered_by(server) == str(following)
    server.end()
    again = Server(trained_run, tmp_path)
    assert answered_by(again) == str(following)
    assert again.ask("/mastery?student=ann") == before
    rmtree(following)
    for child in again.children():  # what cannot be opened any more is as the watcher opened it
        os.kill(child, signal.SIGKILL)
    assert again.ask("/mastery?student=ann") == before
    again.end()
