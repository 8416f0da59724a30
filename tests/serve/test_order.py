"""From the system calls of a real service: nothing is acknowledged before the disk has it."""

import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.serve.test_processes import Server

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not there"),
]
CALL = re.compile(r"([\d.]+) (\w+)\(\d+<([^>]*)>(.*)\) += \d+ <([\d.]+)>")


class Call(NamedTuple):
    """A system call: when it began and ended, on what, and with what."""

    began: float
    ended: float
    name: str
    file: str
    content: str


def calls(folder: Path) -> list[Call]:
    """Return the calls of all processes, in the order in which they began."""
    found = []
    for file in folder.glob("trace.*"):
        for line in file.read_text("utf-8", "replace").splitlines():
            if match := CALL.match(line):
                began, name, on, content, took = match.groups()
                found.append(Call(float(began), float(began) + float(took), name, on, content))
    return sorted(found)


def test_no_answer_is_written_before_the_sync_that_covers_its_events(
    trained_run: Path, tmp_path: Path
) -> None:
    traced = "trace=pwrite64,fdatasync,write,writev,sendto,sendmsg"
    strace = ["strace", "-ff", "-ttt", "-T", "-y", "-s", "9000", "-e", traced]
    server = Server(trained_run, tmp_path, before=[*strace, "-o", str(tmp_path / "trace")])
    names = [f"order-{n:03d}" for n in range(60)]
    item = server.ask("/next?student=ann")[1]["items"][0]["item"]

    def post(name: str) -> int:
        event = {"id": name, "student": f"s{name[-1]}", "item": item, "correct": 1}
        return server.ask("/events", [event])[0]

    try:
        with ThreadPoolExecutor(4) as clients:
            assert set(clients.map(post, names)) == {200}
    finally:
        server.end(signal.SIGTERM, server.children()[0])  # strace itself would let it run
    made = calls(tmp_path)
    syncs = [call for call in made if call.name == "fdatasync" and call.file.endswith("-wal")]
    for name in names:
        written = next(c for c in made if c.file.endswith("-wal") and name in c.content)
        synced = min(sync.ended for sync in syncs if sync.began >= written.ended)
        told = [c for c in made if "socket" in c.file and name in c.content and "ids" in c.content]
        assert len(told) >= 2, name  # by the process with the states, and to the client
        assert told[0].began >= synced, name
