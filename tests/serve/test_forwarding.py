"""Learning records sent on: each arrives, whatever the other store answers meanwhile."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from tests.serve.record_forms import made, moodle_answer
from tests.serve.services import post, service_of, tracing_engine
from tests.serve.test_statements import record
from torchedu.errors import ConfigError
from torchedu.serve.forwarding import AT_ONCE, PASSWORD, USER, Forwarder, address_of, forward
from torchedu.serve.service import Service


class Store:
    """Another store, which answers what it is told to, and 200 after that."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.came: list[list[dict[str, Any]]] = []
        self.headers: list[Any] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = store.answers.pop(0) if store.answers else 200
                store.headers.append(self.headers)
                if status == 200:
                    store.came.append(json.loads(body))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/xAPI"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def ids(self) -> list[str]:
        return [statement["id"] for body in self.came for statement in body]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = service_of(tracing_engine(), tmp_path)
    yield service
    service.close()


def recorded(service: Service, number: int, seed: int = 0) -> list[str]:
    some = made(moodle_answer, number, np.random.default_rng(seed))
    assert record(service, *some).status == 200
    return [statement["id"] for statement in some]


def test_all_arrives_once_and_in_order(store: Store, service: Service) -> None:
    ids = recorded(service, AT_ONCE + 5)
    forwarder = Forwarder(service.log, store.address, ("moodle", "secret"))
    assert forwarder.step()
    assert not forwarder.step()
    assert store.ids == ids
    assert store.headers[0]["Authorization"] == "Basic bW9vZGxlOnNlY3JldA=="
    assert store.headers[0]["X-Experience-API-Version"] == "1.0.3"
    post(service, [{"id": "1", "event": "answered", "student": "s", "item": "i1", "correct": 1.0}])
    assert not forwarder.step()
    more = recorded(service, 2, 1)
    again = Forwarder(service.log, store.address)  # after a start
    again.step()
    assert store.ids == ids + more
    assert store.headers[-1]["Authorization"] is None
    assert "s1" not in service.log.store.file.with_name("service.db.forwarded").read_text()
    elsewhere = Forwarder(service.log, store.address + "/v2")  # which has none yet
    elsewhere.step()
    assert store.ids[-AT_ONCE:] == ids[:AT_ONCE]


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
def test_what_a_store_does_not_take_now_is_sent_again(
    store: Store, service: Service, status: int
) -> None:
    ids = recorded(service, 3)
    forwarder = Forwarder(service.log, store.address)
    store.answers = [status]
    with pytest.raises(OSError, match=str(status)):
        forwarder.step()
    assert store.ids == []
    forwarder.step()
    assert store.ids == ids


def test_what_a_store_never_takes_holds_nothing_up(
    store: Store, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = recorded(service, 4)
    store.answers = [400, 200, 409, 422, 200]  # the four; then each alone
    forwarder = Forwarder(service.log, store.address)
    forwarder.step()
    assert store.ids == [ids[0], ids[3]]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{ids[2]} is not forwarded" in said
    forwarder.step()
    assert store.ids == [ids[0], ids[3]]


def test_it_goes_on_until_it_is_told(
    store: Store, service: Service, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("torchedu.serve.forwarding.PAUSE", 0.01)
    monkeypatch.setenv(USER, "a")
    monkeypatch.setenv(PASSWORD, "b")
    store.answers = [503, 500]
    ids = recorded(service, 2)
    gone, end = socket.socketpair()
    running = Thread(target=forward, args=(service.log.store.file, store.address, gone))
    running.start()
    while len(store.ids) < 2:
        running.join(0.01)
        assert running.is_alive()
    end.close()
    running.join()
    gone.close()
    assert store.ids == ids
    assert store.headers[-1]["Authorization"] == "Basic YTpi"
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 1)[1][:22] for line in said] == [
        "takes no statements no", "takes statements again"[:22],
    ]  # fmt: skip


def test_a_new_log_begins_anew(store: Store, service: Service, tmp_path: Path) -> None:
    note = {"address": address_of(store.address), "seq": 1000}
    for text in (json.dumps(note), "{", "[]"):
        service.log.store.file.with_name("service.db.forwarded").write_text(text)
        store.came.clear()
        ids = recorded(service, 2, len(text))
        Forwarder(service.log, store.address).step()
        assert store.ids[-2:] == ids


@pytest.mark.parametrize(
    "url", ["lrs.example.org", "ftp://a/b", "https://", "https://a:b@c.org/", "https://a?b", "http://[",
            "http://a:x/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="forward"):
        address_of(url)


def test_an_address_is_that_of_statements() -> None:
    for url in ("https://a.org/xAPI", "https://a.org/xAPI/", "https://a.org/xAPI/statements"):
        assert address_of(url) == "https://a.org/xAPI/statements"
