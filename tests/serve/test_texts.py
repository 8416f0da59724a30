"""Essays graded, lessons tagged and problems explained over HTTP, as the engines do it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.encoders import write_encoder
from tests.engine.test_grading import engine_of as grading_engine
from tests.engine.test_lessons import engine_of as lessons_engine
from tests.essays import write_essays
from torchedu.datasets.prompts import Profile
from torchedu.domains import Domain
from torchedu.engine import open_engine
from torchedu.serve.app import create_app
from torchedu.serve.service import Message, Reply
from torchedu.serve.texts import TextRuns

MASTERY = {"adding": 0.2, "area": 0.9}


def client_of(domains: Mapping[str, Domain]) -> TestClient:
    """Return a client of a service in which anybody may ask, and all master the same."""

    async def ask(message: Message) -> Reply:
        return Reply(200, {"skills": MASTERY} if message["do"] == "mastery" else {})

    return TestClient(create_app(ask, TextRuns(domains)))


def test_essays_and_lessons_are_read_by_their_runs(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    essays = grading_engine(write_essays(tmp_path / "essays.csv", 20), encoder)
    lessons = lessons_engine(encoder)
    client = client_of({"essays": essays.domain, "lessons": lessons.domain})
    texts = [{"text": "the gap is closed", "prompt": "cats"}, {"text": "a cat", "prompt": "cats"}]
    told = client.post("/grades", json=texts).json()
    assert told["run"] == "essays"
    assert told["grades"] == [{"scores": grade.scores} for grade in essays.grade_many(texts)]
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
