"""What `torchedu versions` asks a service, and what it says of the answers."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.serve.services import NOW, histories, post, tracing_engine
from torchedu.cli import main, versions
from torchedu.domains import Domain, Tracing
from torchedu.errors import CheckpointError
from torchedu.serve import candidates
from torchedu.serve.access import Access, Keys
from torchedu.serve.app import create_app
from torchedu.serve.follower import Follower
from torchedu.serve.log import EventLog
from torchedu.serve.service import Message, Reply, Service
from torchedu.serve.tracing import TracingFollower
from torchedu.serve.versions import Serving, Versions


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Give a service that the command reaches at any address, with a key that it is given."""
    monkeypatch.chdir(tmp_path)
    known = {str(tmp_path / name): tracing_engine(seed=n) for n, name in enumerate(("a", "b"))}

    def task(path: str) -> Domain:
        if path not in known:
            raise CheckpointError(f"{path} does not exist.", "Give a run's folder.")
        return known[path].domain

    monkeypatch.setattr(candidates, "open_task", task)
    log, keys = EventLog("service.db"), Keys("service.db")
    monkeypatch.setenv(versions.KEY, keys.add("admin", ["admin"]))
    followers: list[Follower] = [TracingFollower("small", tracing_engine(), log)]
    at = {"small": str(tmp_path / "small")}
    what = Versions(followers, log, Serving({"small": Tracing}, at, at), clock=lambda: NOW)
    access = Access(keys, log)
    service = Service(followers, log, clock=lambda: NOW, access=access, versions=what)

    async def ask(message: Message) -> Reply:
        return service.handle([message])[0]

    client = TestClient(create_app(ask))

    def opened(request: Request, timeout: float) -> Any:
        assert timeout
        reply = client.request(
            request.get_method(), request.selector, content=request.data,
            headers=dict(request.header_items()),
        )  # fmt: skip
        body = io.BytesIO(reply.content)
        if reply.status_code >= 400:
            raise HTTPError(request.full_url, reply.status_code, "", {}, body)  # type: ignore[arg-type]
        return body

    monkeypatch.setattr(versions, "urlopen", opened)
    yield service
    service.close()
    keys.close()


def test_versions_are_swapped_shadowed_promoted_and_dropped(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        assert main(["versions", *words]) == 0
        return capsys.readouterr().out

    assert said("show") == f"small: {tmp_path / 'small'} answers\n"
    assert f"small: {tmp_path / 'a'} answers, since 2033-05-18" in said("swap", "a")
    assert "b, in shadow: ready" in said("shadow", "b", "--run", "small")
    access, service._access = service._access, None
    for event in histories(3, 5, np.random.default_rng(0)):
        assert post(service, [event]).status == 200
    service._access = access
    shown = said("show")
    assert "too few to judge: by" in shown
    assert "log loss:" in shown
    assert "events of 3 students" in said("drift", "--run", "small")
    assert "in shadow" not in said("drop")
    said("shadow", "b")
    assert f"small: {tmp_path / 'b'} answers" in said("promote")


def test_what_a_service_refuses_is_two_lines(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*words: str) -> str:
        assert main(["versions", *words]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        return lines[0]

    assert "no other version" in error("promote")
    assert "no run 'other' is here" in error("swap", "a", "--run", "other")
    assert "none does not exist" in error("swap", "none")
    assert error("show", "--service", "school").startswith("--service is 'school'")
    monkeypatch.setenv(versions.KEY, "tedu_wrong")
    assert "no key that holds" in error("show")
    monkeypatch.undo()
    assert "does not answer" in error("show", "--service", "http://127.0.0.1:1")
