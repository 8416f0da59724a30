"""What no client should send: damaged bodies, and what a document of routes suggests."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from harness import ROOT, Goal
from peers.environment import interpreter

sys.path.insert(0, str(ROOT))
from serve_load import served_run

from tests.serve.damaged_bodies import damaged
from tests.serve.test_processes import Server

HEADERS = {"Content-Type": "application/json", "X-Experience-API-Version": "1.0.3"}


def own_kib(process: int) -> int:
    """Return the memory of a process, what it shares counted in parts."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _memory(server: Server) -> float:
    """Return the MiB of all processes of a service."""
    return sum(own_kib(p) for p in (server.process.pid, *server.children())) / 1024


def _send(server: Server, number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Send damaged bodies, and return how each kind was answered, and what was a failure."""
    netloc = urlsplit(server.address).netloc
    connection, answers, failures = HTTPConnection(netloc, timeout=60), Counter[str](), []
    for path, body, kind in damaged(number, seed):
        try:
            connection.request("POST", path, body, HEADERS)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, HTTPException) as error:
            failures.append(f"{path} {kind}: {error!r} {body[:200]!r}")
            connection = HTTPConnection(netloc, timeout=60)
            continue
        answers[f"{kind} {reply.status // 100}xx"] += 1
        fine = reply.status < 400 or json.loads(content).get("status") == reply.status
        if reply.status >= 500 or not fine:
            failures.append(f"{path} {kind}: {reply.status} {body[:200]!r} {content[:200]!r}")
    connection.close()
    return answers, failures


def _by_document(server: Server, examples: int, folder: Path) -> tuple[int, str]:
    """Let schemathesis try every route from its document, and return how many failed."""
    tool = interpreter("schemathesis", torch=False).parent / "st"
    words = [
        tool, "run", f"{server.address}/openapi.json", "--checks", "not_a_server_error",
        "--max-examples", str(examples), "--seed", "0", "--continue-on-failure", "--no-shrink",
        "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "60",
    ]  # fmt: skip
    words += ["-H", f"X-Experience-API-Version: {HEADERS['X-Experience-API-Version']}"]
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False
    )
    failed = re.search(r"(\d+) failed", done.stdout) or re.search(r"(\d+) errors?", done.stdout)
    failures = int(failed[1]) if failed else int(done.returncode != 0)
    return failures, done.stdout[-3000:]


def fuzz(goal: str, number: int, examples: int) -> tuple[list[Goal], Any]:
    """Send damaged bodies to a service, and what its document suggests."""
    with TemporaryDirectory() as home, ExitStack() as ends:
        folder = Path(home)
        server = Server(served_run(folder), folder)
        ends.callback(server.process.terminate)  # where something here fails
        began = server.children()
        _send(server, max(500, number // 10), 1)  # what is made once is there
        before = _memory(server)
        answers, failures = _send(server, number, 0)
        after = _memory(server)
        failed, said = _by_document(server, examples, folder)
        died = len(set(began) - set(server.children()))
        status, _ = server.ask("/health")
        code, output = server.end(signal.SIGTERM)
    growth = 100 * (after / before - 1)
    bad = len(failures) + died + (status != 200) + (code != 0)
    routes = f"failures of any route in {examples} examples each of schemathesis from the document"
    return [
        Goal(goal, bad, f"failures (500) and processes that died in {number:,} bodies damaged in "
             "ten ways", bad == 0),
        Goal(f"{goal}_memory", growth, "percent by which memory grew meanwhile; below 5",
             growth < 5),
        Goal(f"{goal}_document", failed, routes, failed == 0),
    ], {"answers": dict(sorted(answers.items())), "failures": failures[:20], "MiB": [before, after],
        "document": said, "printed": output[-2000:]}  # fmt: skip
