"""Answers sent with their recordings: graded as the engine grades them, damaged ones refused."""

import io
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from tests.engine.plain_rows import built
from tests.picture_files import coded, drawn, write_sums
from tests.serve.test_processes import Server
from tests.serve.test_texts import client_of
from tests.spoken_files import RATE, tone, write_answers
from torchedu.cli import main
from torchedu.datamodules import SpokenAnswers
from torchedu.datasets.audio import wave_file
from torchedu.domains import Spoken
from torchedu.engine import open_engine
from torchedu.engine.engine import Engine
from torchedu.models import SpokenGrader
from torchedu.serve import spoken_routes

WAV = wave_file(tone(300), RATE)
BOUNDARY = "a--b"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
SPOKEN = 'name="audio"; filename="a.wav"'
TYPED = 'name="text"'
PNG = coded(drawn("1+1=2"))
SEEN = 'name="image"; filename="a.png"'


def form(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of parts, each a heading and its content."""
    pieces = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {heading}\r\n\r\n".encode() + content
        for heading, content in parts
    ]
    return b"\r\n".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def listed(*recordings: bytes) -> bytes:
    """Return answers as JSON."""
    return json.dumps([{"audio": b64encode(each).decode()} for each in recordings]).encode()


def file_of(kind: str, samples: NDArray[np.int16], **more: Any) -> bytes:
    """Return a file of samples."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, **more)
    return file.getvalue()


def steady(seconds: float) -> bytes:
    """Return a recording of which a minute takes some hundred bytes."""
    return file_of("FLAC", np.full(round(seconds * RATE), 5000, np.int16))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine[Any]:
    raw = write_answers(tmp_path_factory.mktemp("spoken") / "in", 24)
    return built_of(SpokenAnswers(str(raw), traits=["length"], bands=12, window=1.0))


def built_of(data: SpokenAnswers) -> Engine[Any]:
    """Return an engine of a network that learnt nothing yet."""
    sizes = {name: getattr(data, name) for name in Spoken.sizes}
    bound = data.own.bound(tuple(Spoken.binds), Spoken.fixed)
    engine = built(Spoken, SpokenGrader, bound, **sizes)
    engine.domain.agree(data, training=True)
    return engine


@pytest.fixture(scope="module")
def client(engine: Engine[Any]) -> TestClient:
    return client_of({"spoken": engine.domain})


def test_answers_are_graded_as_the_engine_grades_them(
    engine: Engine[Any], client: TestClient
) -> None:
    answers: list[dict[str, Any]]
    answers = [{"text": "it is low", "audio": WAV}, {"audio": WAV}, {"text": "it is high"}]
    grades = [
        {"scores": {name: pytest.approx(score._asdict(), abs=1e-5) for name, score in all.items()}}
        for all in engine.grade(answers)
    ]
    body = [
        {name: b64encode(value).decode() if name == "audio" else value
         for name, value in answer.items()}
        for answer in answers
    ]  # fmt: skip
    reply = client.post("/grades/spoken", json=body)
    assert (reply.status_code, reply.json()) == (200, {"run": "spoken", "grades": grades})
    headings = {"text": TYPED, "audio": SPOKEN}
    for answer, grade in zip(answers, grades, strict=True):
        parts = [
            (headings[name], value.encode() if name == "text" else value)
            for name, value in answer.items()
        ]
        reply = client.post("/grades/spoken?run=spoken", content=form(*parts), headers=HEADERS)
        assert (reply.status_code, reply.json()["grades"]) == (200, [grade])


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "WAV"])
def test_every_kind_of_file_is_heard(client: TestClient, kind: str) -> None:
    both = np.stack([tone(300), tone(500)], 1)
    content = file_of(kind, both, **({"subtype": "PCM_U8"} if kind == "WAV" else {}))
    sent = {"content": form((SPOKEN, content)), "headers": HEADERS}
    assert client.post("/grades/spoken", **sent).status_code == 200


DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "no sound": lambda: b"no sound at all",
    "cut": lambda: WAV[:1000],
    "a header alone": lambda: WAV[:44],
    "silent": lambda: wave_file(np.zeros(RATE, np.int16), RATE),
    "short": lambda: wave_file(tone(300)[:99], RATE),
    "a wrong rate": lambda: WAV[:24] + b"\xff\xff\xff\xff" + WAV[28:],
    "too long": lambda: steady(601),
    "noise": lambda: np.random.default_rng(0).bytes(5000),
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(500),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_recording_is_named(client: TestClient, kind: str) -> None:
    content = DAMAGED[kind]()
    for body, headers, row in (
        (form((SPOKEN, content)), HEADERS, 0), (listed(WAV, content), {}, 1),
    ):  # fmt: skip
        reply = client.post("/grades/spoken", content=body, headers=headers)
        problem = reply.json()
        assert reply.headers["content-type"] == "application/problem+json"
        assert (reply.status_code, problem["field"], problem["row"]) == (422, "audio", row)
        assert "recording" in problem["remedy"]


def test_flipped_and_cut_bodies_are_answered(client: TestClient) -> None:
    drawn = np.random.default_rng(0)
    whole = {"form": form((TYPED, b"it is low"), (SPOKEN, WAV)), "list": listed(WAV)}
    for number in range(60):
        kind = ("form", "list")[number % 2]
        damaged = bytearray(whole[kind])
        if number % 3 == 0:
            del damaged[drawn.integers(len(damaged)) :]
        else:
            for place in drawn.integers(len(damaged) if number % 3 == 1 else 200, size=4):
                damaged[place] ^= 1 << drawn.integers(8)
        headers = HEADERS if kind == "form" else {}
        reply = client.post("/grades/spoken", content=bytes(damaged), headers=headers)
        assert reply.status_code in (200, 400, 422), (number, reply.text)
        assert reply.status_code == 200 or reply.json()["remedy"]


BAD_FORMS: dict[str, tuple[bytes, dict[str, str], int]] = {
    "two files": (form((SPOKEN, WAV), (SPOKEN, WAV)), HEADERS, 400),
    "two texts": (form((TYPED, b"a"), (TYPED, b"b")), HEADERS, 400),
    "no boundary": (b"", {"Content-Type": "multipart/form-data"}, 400),
    "no name": (form(("filename=a", WAV)), HEADERS, 400),
    "another name": (form(('name="photo"; filename="a.png"', WAV)), HEADERS, 422),
    "the text is a file": (form(('name="text"; filename="a.txt"', b"a")), HEADERS, 422),
    "the audio is a text": (form(('name="audio"', b"a")), HEADERS, 422),
    "the image is a text": (form(('name="image"', b"a")), HEADERS, 422),
    "two images": (form((SEEN, PNG), (SEEN, PNG)), HEADERS, 400),
    "no base64 of an image": (b'[{"image": "a b"}]', {}, 422),
    "nothing": (form(), HEADERS, 422),
    "blanks": (form((TYPED, b"  ")), HEADERS, 422),
    "a long text": (form((TYPED, b"a" * 100_001)), HEADERS, 422),
    "no JSON": (b"audio", {}, 400),
    "no list": (b"{}", {}, 422),
    "no base64": (b'[{"audio": "a b"}]', {}, 422),
    "letters": (json.dumps([{"audio": "é"}]).encode(), {}, 422),
    "a number": (b'[{"audio": 1}]', {}, 422),
    "many": (json.dumps([{"text": "a"}] * 101).encode(), {}, 422),
}


def test_a_part_of_another_kind_is_named(client: TestClient) -> None:
    for name, heading in (("text", 'name="text"; filename="a"'), ("audio", 'name="audio"'),
                          ("image", 'name="image"')):  # fmt: skip
        reply = client.post("/grades/spoken", content=form((heading, b"a")), headers=HEADERS)
        assert (reply.status_code, reply.json()["field"]) == (422, name)


def test_a_network_without_photographs_refuses_one(client: TestClient) -> None:
    reply = client.post("/grades/spoken", content=form((SEEN, PNG)), headers=HEADERS)
    assert (reply.status_code, reply.json()["field"]) == (422, "image")
    assert "never saw photographs" in reply.json()["remedy"]


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Engine[Any]:
    return built_of(SpokenAnswers(str(write_sums(tmp_path_factory.mktemp("sums") / "in", 24))))


def test_photographs_are_graded_and_damaged_ones_named(seer: Engine[Any]) -> None:
    client = client_of({"sums": seer.domain})
    (grade,) = seer.grade([{"image": PNG}])
    scores = {name: pytest.approx(score._asdict(), abs=1e-5) for name, score in grade.items()}
    as_json = json.dumps([{"image": b64encode(PNG).decode()}]).encode()
    for body, headers in ((form((SEEN, PNG)), HEADERS), (as_json, {})):
        reply = client.post("/grades/spoken", content=body, headers=headers)
        assert (reply.status_code, reply.json()["grades"]) == (200, [{"scores": scores}])
    for content in (b"", b"no photograph", PNG[:200], WAV):
        reply = client.post("/grades/spoken", content=form((SEEN, content)), headers=HEADERS)
        assert (reply.status_code, reply.json()["field"]) == (422, "image")
        assert "photograph" in reply.json()["remedy"]


def test_pixels_of_a_request_are_limited(
    seer: Engine[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoken_routes, "MOST_PIXELS", 3 * 96 * 40)
    client = client_of({"sums": seer.domain})
    for number, status in ((3, 200), (4, 422)):
        reply = client.post("/grades/spoken", json=[{"image": b64encode(PNG).decode()}] * number)
        assert reply.status_code == status, reply.text
    assert (reply.json()["row"], reply.json()["field"]) == (3, "image")
    assert "too many pixels" in reply.json()["remedy"]


@pytest.mark.parametrize("kind", BAD_FORMS)
def test_what_cannot_be_is_refused(client: TestClient, kind: str) -> None:
    body, headers, status = BAD_FORMS[kind]
    reply = client.post("/grades/spoken", content=body, headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.json()["detail"]
    assert reply.json()["remedy"]


def test_bytes_and_seconds_are_limited(engine: Engine[Any]) -> None:
    domains = {"spoken": engine.domain}
    client = client_of(domains, limit=len(WAV), audio_limit=1.0)
    reply = client.post("/grades/spoken", content=form((SPOKEN, WAV)), headers=HEADERS)
    assert (reply.status_code, reply.json()["status"]) == (413, 413)
    client = client_of(domains, audio_limit=1.0)
    assert client.post("/grades/spoken", content=listed(WAV, WAV, WAV)).status_code == 200
    reply = client.post("/grades/spoken", content=listed(WAV, WAV, WAV, WAV))
    assert (reply.status_code, reply.json()["row"]) == (422, 3)
    assert "too long" in reply.json()["remedy"]


def test_a_page_of_another_site_sends_nothing(client: TestClient) -> None:
    headers = {**HEADERS, "Origin": "https://example.org"}
    reply = client.post("/grades/spoken", content=form((TYPED, b"a")), headers=headers)
    assert (reply.status_code, reply.json()["field"]) == (403, "Origin")


@pytest.mark.service
@pytest.mark.timeout(300)
def test_a_service_grades_files_for_those_who_have_a_key(tmp_path: Path) -> None:
    raw, run = write_answers(tmp_path / "in", 24), tmp_path / "run"
    words = ["fit", "--config", "spoken", "--data.path", str(raw), "--run", str(run),
             "--data.options.rate", "8000", "--model.net.dim", "16", "--model.net.blocks", "1",
             "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]  # fmt: skip
    assert main(words) == 0
    (score,) = open_engine(run).grade([{"text": "it is low", "audio": WAV}])
    server = Server(run, tmp_path, "--audio_limit", "5", "--body_limit", "200000")

    def sent(body: bytes, **headers: str) -> tuple[int, Any]:
        address = f"{server.address}/grades/spoken"
        try:
            with urlopen(Request(address, body, HEADERS | headers), timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    try:
        whole = form((TYPED, b"it is low"), (SPOKEN, WAV))
        status, answer = sent(whole)
        assert (status, answer["run"]) == (200, "run")
        assert answer["grades"][0]["scores"]["score"] == pytest.approx(
            score["score"]._asdict(), abs=1e-5
        )
        assert sent(form((SPOKEN, WAV[:900])))[0] == 422
        assert sent(form((SPOKEN, steady(6))))[0] == 422
        assert sent(form((SPOKEN, bytes(200_001))))[0] == 413
        with urlopen(f"{server.address}/metrics", timeout=30) as reply:
            assert 'torchedu_questions_total{asked="grade_spoken"}' in reply.read().decode()
        assert main(["keys", "add", str(tmp_path / "torchedu.db"), "platform"]) == 0
        assert sent(whole)[0] == 401
    finally:
        assert server.end()[0] == 0
