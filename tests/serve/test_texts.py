"""Essays graded, lessons tagged and problems explained over HTTP, as the engines do it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from tests.encoders import write_encoder
from tests.engine.test_grading import engine_of as grading_engine
from tests.engine.test_lessons import engine_of as lessons_engine
from tests.essays import write_essays
from torchedu.datasets.prompts import Profile
from torchedu.domains import Domain
from torchedu.engine import open_engine
from torchedu.errors import CheckpointError
from torchedu.serve import texts
from torchedu.serve.app import create_app
from torchedu.serve.service import Message, Reply
from torchedu.serve.texts import TextRuns

MASTERY = {"adding": 0.2, "area": 0.9}


def client_of(
    domains: Mapping[str, Domain], at: dict[str, str] | None = None, **limits: Any
) -> TestClient:
    """Return a client of a service in which anybody may ask, and all master the same."""

    async def ask(message: Message) -> Reply:
        return Reply(200, {"skills": MASTERY} if message["do"] == "mastery" else {"at": at or {}})

    return TestClient(create_app(ask, TextRuns(domains, dict(at or {})), **limits))


def test_essays_and_lessons_are_read_by_their_runs(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    essays = grading_engine(write_essays(tmp_path / "essays.csv", 20), encoder)
    lessons = lessons_engine(encoder)
    client = client_of({"essays": essays.domain, "lessons": lessons.domain})
    sent = [{"text": "the gap is closed", "prompt": "cats"}, {"text": "a cat", "prompt": "cats"}]
    told = client.post("/grades", json=sent).json()
    assert told["run"] == "essays"
    assert told["grades"] == [{"scores": grade.scores} for grade in essays.grade_many(sent)]
    lesson = [{"speaker": "Ms. Lee", "sentence": "So the gap is closed."}, {"sentence": "a cat"}]
    told = client.post("/tags?run=lessons", json=lesson).json()
    assert told["tags"] == [pytest.approx(tag._asdict()) for tag in lessons.tag(lesson)]
    bad: list[tuple[str, Any, int, str | None]] = [
        ("/grades", [{"text": "a cat", "prompt": "dogs"}], 422, "prompt"),
        ("/grades", [{"prompt": "cats"}], 422, "text"),
        ("/grades", [], 422, None),
        ("/tags?run=essays", lesson, 404, "run"),
        ("/tags", [{"sentence": "a", "role": "parent"}], 422, "role"),
        ("/explanations", {"problem": "1 + 1"}, 404, None),
    ]
    for path, body, status, field in bad:
        reply = client.post(path, json=body)
        assert reply.status_code == status, (path, reply.json())
        assert reply.headers["content-type"] == "application/problem+json"
        if field:
            assert reply.json()["field"] == field


def test_a_version_that_takes_a_place_answers_and_one_that_is_gone_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    lesson = [{"speaker": "Ms. Lee", "role": "teacher", "sentence": "So the gap is closed."}]
    first, second = lessons_engine(encoder), lessons_engine(encoder)
    with torch.no_grad():
        for parameter in second.domain.net.parameters():
            parameter.add_(torch.randn_like(parameter))
    at = {"lessons": "/runs/first"}

    def opened(path: str) -> Domain:
        if path != "/runs/second":
            raise CheckpointError(f"{path} does not exist.", "Give a run's folder.")
        return second.domain

    monkeypatch.setattr(texts, "open_task", opened)
    client = client_of({"lessons": first.domain}, at)
    for path, engine in (("first", first), ("second", second), ("gone", second)):
        at["lessons"] = f"/runs/{path}"
        for _ in range(2):
            tags = client.post("/tags", json=lesson).json()["tags"]
            assert tags == [pytest.approx(tag._asdict()) for tag in engine.tag(lesson)]
    assert first.tag(lesson) != second.tag(lesson)
    assert capsys.readouterr().err.count("CheckpointError: /runs/gone") == 1  # it is tried once


def test_a_problem_is_explained_to_a_student_who_is_known(explaining_run: Path) -> None:
    engine = open_engine(explaining_run)
    client = client_of({"tutor": engine.domain})
    asked: dict[str, Any] = {"problem": "7 + 1?", "intent": "hint", "max_new_tokens": 8}
    told = client.post("/explanations", json=asked).json()
    assert told["text"] == engine.explain("7 + 1?", intent="hint", max_new_tokens=8)
    tutor = engine.tutor(max_new_tokens=8)
    tutor.begin("7 + 1?", "hint", Profile(MASTERY))
    known = client.post("/explanations", json={**asked, "student": "ann"}).json()
    assert known["text"] == tutor.speak(lambda piece: None)
