"""Hosts that share a database: who owns a shard, who takes it over, and what cannot be reached."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.serve.test_log import events_of
from tests.serve.test_processes import Server
from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.stores import Store, hold, shards_of

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]


def test_a_shard_has_one_owner_who_writes(new_database: Callable[[], str]) -> None:
    store, other = shards_of(new_database(), 2)
    first, second = EventLog(store), EventLog(store)
    assert first.own()
    assert not second.own()
    assert EventLog(other).own()
    with pytest.raises(ConfigError, match="in use by a service"), hold(store):
        pass
    first.append(events_of("a"))
    engine = create_engine(first.tables.url)
    with engine.begin() as connection:  # as the server ends the sessions of a host that is gone
        ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        connection.execute(text(ended)).all()
    engine.dispose()
    assert second.own()
    assert second.next_seq == 2
    second.append(events_of("b", first=2))
    for _ in range(2):  # it does not begin another session unawares
        with pytest.raises(Unwritable):
            first.append(events_of("c", first=3))
    assert first.lost
    assert set(second.digests(["a", "b", "c"])) == {"a", "b"}


def test_commits_wait_for_the_disk_of_the_server(new_database: Callable[[], str]) -> None:
    address = new_database()
    for synchronous, on in (("FULL", "on"), ("NORMAL", "off")):
        log = EventLog(address, synchronous)  # type: ignore[arg-type]
        with log.tables.connect() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == on
        log.close()


def test_what_cannot_be_reached_is_told_without_its_password(
    new_database: Callable[[], str], trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = new_database().replace("torchedu@", "torchedu:secret@")
    host, _, name = address.rpartition("/")
    cases = {
        "Connection refused": "postgresql://torchedu:secret@127.0.0.1:1/d",
        "does not exist": f"{host}/nowhere",
        'role "stranger" does not exist': address.replace("torchedu:", "stranger:"),
        "is an address of no database": f"{host}/",
        "begins with 'mysql'": f"mysql://a:secret@b/{name}",
    }
    for said, store in cases.items():
        for words in (["serve", str(trained_run), "--store", store], ["keys", "list", store]):
            assert main(words) == 2, store
            error = capsys.readouterr().err
            assert said in error
            assert "secret" not in error
            assert len(error.splitlines()) == 2
    assert "secret" not in str(Store(address))


def test_another_host_takes_over_from_one_that_is_killed(
    new_database: Callable[[], str], trained_run: Path, tmp_path: Path
) -> None:
    words = ("--store", new_database(), "--shards", "2")
    first = Server(trained_run, tmp_path, *words)
    item = first.ask("/next?student=ann")[1]["items"][0]["item"]
    events = [{"id": str(n), "student": f"s{n % 8}", "item": item, "correct": 1} for n in range(40)]
    assert first.ask("/events", events)[0] == 200
    before = [first.ask(f"/mastery?student=s{n}") for n in range(8)]
    second = Server(trained_run, tmp_path, *words)
    assert second.ask("/health")[0] == 503  # it waits
    first.end(signal.SIGKILL)
    deadline = time.monotonic() + 120
    while second.ask("/health")[0] != 200:
        assert time.monotonic() < deadline
    assert [second.ask(f"/mastery?student=s{n}") for n in range(8)] == before
    assert second.ask("/events", events) == (200, {"ids": [e["id"] for e in events]})
    assert second.ask("/health")[1]["events"] == 40
    code, output = second.end()
    assert code == 0
    assert "this one waits until it is gone" in output
    assert main(["service", "decisions", words[1]]) == 0


def test_without_its_driver_the_extra_is_named(trained_run: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['psycopg'] = None; from torchedu.cli import main; "
    code += "sys.exit(main(sys.argv[1:]))"
    words = ["keys", "list", "postgresql://a@127.0.0.1/b"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "torchedu[postgresql]" in done.stderr
