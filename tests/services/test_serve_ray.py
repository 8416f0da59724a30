"""A service on a Ray cluster with a token: it answers as processes of a host do, over kills too."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from tests.serve.conftest import BENCHMARKS, new_database, place  # noqa: F401 - fixtures
from tests.serve.services import histories
from tests.serve.test_processes import Server
from torchedu import open_engine
from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.schema import ITEM
from torchedu.serve.access import Keys
from torchedu.serve.processes import Settings
from torchedu.serve.stores import hold, open_tables, shards_of
from torchedu.serve.tables import EVENTS

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20"),  # Ray's own models
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]
pytest.importorskip("ray", reason="needs the package ray")

CLIENTS = 3
PATIENT = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "240",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "240",
    "RAY_raylet_start_wait_time_s": "240",
    "RAY_worker_niceness": "0",
}
"""A busy machine takes longer than Ray waits."""


@pytest.fixture(scope="module")
def on_cluster() -> Iterator[None]:
    """Let commands find a cluster of two nodes, of a CPU each, that lets in who has its token."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(BENCHMARKS))
        patched.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        for name, value in PATIENT.items():
            patched.setenv(name, value)
        from tune_ray import cluster

        with cluster() as own:
            for name, value in own.items():
                patched.setenv(name, value)
            yield


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def below(process: int) -> list[int]:
    """Return the processes that a process has begun, and those that these have."""
    try:
        tasks = [task / "children" for task in Path(f"/proc/{process}/task").iterdir()]
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it has ended
        return []
    return children + [process for child in children for process in below(child)]


def called(name: str) -> list[int]:
    """Return the processes of this test's cluster that Ray calls by some name."""
    titles = {}
    for process in below(os.getpid()):
        try:
            titles[process] = Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            continue
    return [process for process, title in titles.items() if title.startswith(f"ray::{name}")]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def patiently(server: Server, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask again, as clients do, where a process was lost on the way."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        try:
            status, said = server.ask(path, body)
        except (OSError, HTTPException, ValueError):  # Ray's own answers are no JSON
            continue
        if status not in (500, 503):
            return status, said
    raise TimeoutError(path)


def answers(server: Server, students: list[str], items: list[str]) -> list[Any]:
    some, time = "&".join(f"item={item}" for item in items[:5]), 2 * 10**12
    asked = ("mastery?history=5", f"chances?time={time}&{some}", f"next?time={time}&count=4")
    paths = [f"/{path}&student={student}" for student in students for path in asked]
    return [patiently(server, path) for path in [*paths, "/overview?class=7b"]]


def test_it_answers_as_processes_of_a_host_do_over_kills(
    on_cluster: None,
    place: str,  # noqa: F811
    trained_run: Path,
    tmp_path: Path,
) -> None:
    items = list(open_engine(trained_run).companions.vocabulary[ITEM])
    events: list[dict[str, Any]] = [
        {**event, "item": items[n % len(items)], "class": "7b"}
        for n, event in enumerate(histories(8, 12, np.random.default_rng(1)))
    ]
    students = sorted({event["student"] for event in events})
    plain = Server(trained_run, tmp_path, "--store", "plain.db")
    assert plain.ask("/events", events)[0] == 200
    wanted = answers(plain, students, items)
    assert plain.end()[0] == 0

    words = ("--engine", "ray", "--store", place, "--workers", "2", "--shards", "2")
    server = Server(trained_run, tmp_path, *words, "--port", free_port())
    try:
        assert patiently(server, "/events", events)[0] == 200
        assert answers(server, students, items) == wanted
        assert "cluster serves a store already" in refused(trained_run, tmp_path)
        assert all(status == 200 for status, _ in wanted)
        acknowledged = _killed_under_load(server, items)
        assert answers(server, students, items)[:-1] == wanted[:-1]
        assert patiently(server, "/events", events) == (200, {"ids": [e["id"] for e in events]})
        keys = Keys(place)
        keys.add("school", ["read"])  # from now on nobody is answered without one
        keys.close()
        assert server.ask("/mastery?student=s1")[0] == 401
        server.process.terminate()
        output, _ = server.process.communicate(timeout=240)
        assert server.process.returncode == 0, output
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)
    written = _written(place)
    assert len(written) == len(set(written))
    assert set(written) == acknowledged | {event["id"] for event in events}


def _killed_under_load(server: Server, items: list[str]) -> set[str]:
    """Kill the actor of a shard and a replica while clients post; return what was acknowledged."""
    acknowledged: list[list[str]] = [[] for _ in range(CLIENTS)]
    stop = threading.Event()

    def post(client: int) -> None:
        for number in range(10**6):
            if stop.is_set():
                return
            posted = [
                {"id": f"{client} {number} {n}", "student": student, "item": items[0], "correct": 1}
                for n, student in enumerate((f"t{client}", "ann", "bo"))
            ]
            assert patiently(server, "/events", posted)[0] == 200
            acknowledged[client] += [event["id"] for event in posted]

    clients = [threading.Thread(target=post, args=(client,)) for client in range(CLIENTS)]
    for thread in clients:
        thread.start()
    try:
        for name in ("States", "ServeReplica"):
            killed, *others = called(name)
            assert len(others) == 1
            os.kill(killed, signal.SIGKILL)
            until(partial(_there_again, name, {killed, *others}))
            until(partial(_more, acknowledged, [*map(len, acknowledged)]))
    finally:
        stop.set()
        for thread in clients:
            thread.join()
    return {id for some in acknowledged for id in some}


def _there_again(name: str, before: set[int]) -> bool:
    return len({*called(name)} - before) == 1


def _more(acknowledged: list[list[str]], before: list[int]) -> bool:
    return all(len(ids) > count for ids, count in zip(acknowledged, before, strict=True))


def _written(address: str) -> list[str]:
    ids = list[str]()
    for store in shards_of(address):
        tables = open_tables(store)
        with tables.connect() as connection:
            ids += connection.scalars(select(EVENTS.c.id))
        tables.dispose()
    return ids


def test_a_shard_is_its_actor_s_and_outlives_questions_that_are_given_up(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchedu.serve.on_ray import States

    monkeypatch.chdir(tmp_path)
    (store,) = shards_of("s.db", 1)
    states = States(Settings([str(trained_run)], "s.db"), store, str(tmp_path))

    async def asked() -> int:
        await states.opened()
        given_up: Future[tuple[int, Any]] = Future()
        given_up.cancel()
        states._asked.put(({"do": "health"}, given_up))
        status, _ = await states.ask({"do": "health"})
        with pytest.raises(ConfigError, match="in use by another service"), hold(store):
            pass
        await states.close()
        return status

    assert asyncio.run(asked()) == 200
    states._end()
    with hold(store):
        pass


def refused(run: Path, folder: Path, *words: str, **environment: str) -> str:
    """Return what is said where a service is refused by a cluster, in two lines."""
    code = "import sys; from torchedu.cli import main; sys.exit(main(sys.argv[1:]))"
    given = ["serve", str(run), "--engine", "ray", "--port", free_port(), *words]
    done = subprocess.run(  # a process asks by one token alone
        [sys.executable, "-c", code, *given],
        env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 2
    return done.stderr


def test_who_has_another_token_or_asks_for_too_much_is_refused(
    on_cluster: None, trained_run: Path, tmp_path: Path
) -> None:
    said = refused(trained_run, tmp_path, RAY_AUTH_TOKEN="0" * 64)
    assert "RAY_AUTH_TOKEN" in said
    said = refused(trained_run, tmp_path, "--shards", "3")
    assert "--shards is 3, and the node here has 2 CPUs" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "0"], "--port is 0"),
        (["--forward", "http://a:b@c.org/xAPI"], "--forward tells a login"),
    ],
)
def test_what_no_cluster_can_do_is_told_before_it_is_joined(
    words: list[str],
    said: str,
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = str(tmp_path / "s.db")
    assert main(["serve", str(trained_run), "--engine", "ray", "--store", store, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 2
    assert not list(tmp_path.iterdir())
