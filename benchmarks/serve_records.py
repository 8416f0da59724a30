"""Learning records told to a service and to Ralph's store: the same statuses and headers."""

import json
import socket
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
from harness import ROOT, Goal, run, script
from peers.environment import PEERS, interpreter

sys.path.insert(0, str(ROOT))
from serve_load import FILE, served_run

from tests.serve.record_forms import FORMS, made
from tests.serve.test_processes import Server

PATH = "/xAPI/statements"
OWN = {"date", "server", "content-length", "connection"}
"""Headers that say nothing of statements."""
JSON = ("application/json", "application/problem+json")
"""A problem document is JSON too."""


class Asked(NamedTuple):
    """A request to both.

    Attributes:
        what: What is asked, for the record.
        method: Of HTTP.
        path: With its query.
        body: What is sent.
        login: Whether with the right login (True), a wrong one (False) or none (None).
    """

    what: str
    method: str
    path: str
    body: Any = None
    login: bool | None = True


class Store:
    """A record store, asked over a connection that is kept."""

    def __init__(self, address: str, login: tuple[str, str]) -> None:
        self._connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._login = login

    def ask(self, asked: Asked) -> tuple[int, dict[str, str]]:
        """Return the status and the headers."""
        headers = {"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}
        if asked.login is not None:
            user, password = self._login
            word = f"{user}:{password if asked.login else 'wrong'}"
            headers["Authorization"] = f"Basic {b64encode(word.encode()).decode()}"
        body = asked.body if isinstance(asked.body, bytes | None) else json.dumps(asked.body)
        self._connection.request(asked.method, asked.path, body, headers)
        reply = self._connection.getresponse()
        reply.read()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}


def asked_of(form: Any, number: int, seed: int) -> list[Asked]:
    """Return requests that tell statements of a form: put, posted, in batches, again, changed."""
    drawn = np.random.default_rng(seed)
    statements = made(form, number, drawn)
    first, second = number // 3, 2 * number // 3
    asked = []

    def changed(statement: dict[str, Any]) -> dict[str, Any]:
        return statement | {"result": {"response": "another", "completion": False}}

    for statement in statements[:first]:
        path = f"{PATH}?statementId={statement['id']}"
        asked += [Asked("put", "PUT", path, statement), Asked("put again", "PUT", path, statement)]
        asked.append(Asked("put changed", "PUT", path, changed(statement)))
    for statement in statements[first:second]:
        asked += [Asked(f"posted {how}", "POST", PATH, statement) for how in ("", "again")]
        asked.append(Asked("posted changed", "POST", PATH, changed(statement)))
        asked.append(Asked("read", "GET", f"{PATH}?statementId={statement['id']}"))
    for begin in range(second, number, 10):
        batch = statements[begin : begin + 10]
        asked.append(Asked("a name twice", "POST", PATH, [*batch, batch[0]]))
        asked += [Asked(f"a batch {how}", "POST", PATH, batch) for how in ("", "again")]
        asked.append(
            Asked("a changed one in a batch", "POST", PATH, [*batch[1:], changed(batch[0])])
        )
    return asked + _wrong(statements[0], made(form, 1, drawn)[0])


def _wrong(known: dict[str, Any], new: dict[str, Any]) -> list[Asked]:
    """Return requests that cannot be.

    Not among them is an address that is none (``"mbox": "ann"``), at which the other store fails
    (500), and a question with a value that cannot be, which it answers with 422 where the
    specification has 400.
    """
    asked = [
        Asked(f"without {part}", "POST", PATH, {k: v for k, v in new.items() if k != part})
        for part in ("actor", "verb", "object")
    ]
    other = str(UUID(int=7))
    return [
        *asked,
        Asked("half of JSON", "POST", PATH, b'{"actor":'),
        Asked("an empty list", "POST", PATH, []),
        Asked("a number", "POST", PATH, 7),
        Asked("a name that is none", "POST", PATH, new | {"id": "7"}),
        Asked("nobody", "POST", PATH, new | {"actor": {"name": "Ann"}}),
        Asked("another name", "PUT", f"{PATH}?statementId={other}", known),
        Asked("an unknown word", "POST", f"{PATH}?statement={other}", new),
        Asked("an unknown question", "GET", f"{PATH}?statement={other}"),
        Asked("two questions", "GET", f"{PATH}?statementId={other}&verb=https://a.org/b"),
        Asked("one or the other", "GET",
              f"{PATH}?statementId={other}&voidedStatementId={other}"),
        Asked("no login", "POST", PATH, new, None),
        Asked("a wrong login", "POST", PATH, new, False),
        Asked("nobody asks", "GET", PATH, None, None),
    ]  # fmt: skip


def _differ(ours: tuple[int, dict[str, str]], theirs: tuple[int, dict[str, str]]) -> list[str]:
    """Return what an answer has otherwise than the other store: every header that it sends."""
    differ = [] if ours[0] == theirs[0] else [f"status {ours[0]}, not {theirs[0]}"]
    for name, value in theirs[1].items():
        mine = ours[1].get(name)
        same = mine == value or (name == "content-type" and {mine, value} <= set(JSON))
        if name not in OWN and not same:
            differ.append(f"{name} {mine}, not {value}")
    return differ


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve_ralph(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the other store, and return it with its address once it answers."""
    port = _free_port()
    command = [interpreter("ralph", torch=False), PEERS / "ralph_serve.py", folder, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("Ralph has ended as it began") from None
            time.sleep(0.1)
        else:
            return process, f"http://127.0.0.1:{port}"


def records(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Tell both stores statements of each form."""
    differ: dict[str, list[str]] = {}
    asked = 0
    with TemporaryDirectory() as home, ExitStack() as ends:
        folder = Path(home)
        served = served_run(folder)
        words = [script("torchedu"), "keys", "add", FILE, "moodle", "--scopes", '["write","read"]']
        key = run(words, folder).output.strip().splitlines()[-1]
        server = Server(served, folder)
        ends.callback(server.end)
        process, address = _serve_ralph(folder)
        ends.callback(process.wait)
        ends.callback(process.terminate)
        ours = Store(server.address, ("moodle", key))
        theirs = Store(address, ("moodle", "secret"))
        for seed, form in enumerate(FORMS):
            for path in (folder / "statements").glob("*"):
                path.unlink()
            for request in asked_of(form, number, seed):
                asked += 1
                apart = _differ(ours.ask(request), theirs.ask(request))
                if apart:
                    differ.setdefault(f"{form.__name__}, {request.what}", []).extend(apart)
    different = sum(map(len, differ.values()))
    must = (
        f"answers to {asked:,} requests, which tell {number} statements of each of {len(FORMS)} "
        "forms, whose status or a header is not that of Ralph's"
    )
    return [Goal(goal, different, must, different == 0)], {"differ": differ, "asked": asked}
