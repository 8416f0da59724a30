"""What `torchedu service` says of a service's file, and forgets there."""

from pathlib import Path

import pytest

from tests.serve.test_learning import served
from torchedu.cli import main
from torchedu.engine import open_engine
from torchedu.schema import ITEM
from torchedu.serve.stores import hold


@pytest.fixture
def store(trained_run: Path, tmp_path: Path) -> str:
    service = served(trained_run, tmp_path)
    item = next(iter(open_engine(trained_run).companions.vocabulary[ITEM]))
    answer = {"event": "answered", "item": item, "correct": 1.0, "time": 10**12}
    for student in ("ann", "bo"):
        event = {"id": student, "student": student, **answer}
        service.handle([{"do": "post", "events": [event]}, {"do": "mastery", "student": student}])
    reason = {"student": "ann", "decision": 1, "reason": "She was ill."}
    service.handle([{"do": "overrule", **reason}])
    service.close()
    return str(tmp_path / "service.db")


def test_decisions_are_listed_and_made_again(
    store: str, trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "decisions", store, "--student", "ann"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert f"ann: mastery  by {trained_run.name}" in first
    assert second.endswith("She was ill.")
    assert main(["service", "replay", store, f"[{trained_run}]"]) == 0
    assert capsys.readouterr().out == "2 of 2 decisions are equal to the last bit\n"


def test_students_of_whom_nothing_is_held_are_named(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "forget", store, "--students", "[Ann, ann, ann]"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "nothing was held of 'Ann': names are compared letter by letter"
    assert said[1] == "1 students and 1 events forgotten"


@pytest.mark.parametrize("beside", ["", "-wal", ".lock", ".1", ".1-wal"])
def test_the_service_s_own_files_are_not_written_over(
    beside: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(store).read_bytes()
    for words in (
        ["service", "export", store, store + beside, "--student", "ann"],
        ["data", "from-service", store, store + beside],
    ):
        assert main(words) == 2
        assert "is the service's own file" in capsys.readouterr().err
    assert Path(store).read_bytes() == before
    assert main(["data", "from-service", store, f"{store}.jsonl"]) == 0


def test_students_are_exported_and_forgotten(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "ann.json")
    assert main(["service", "export", store, out, "--student", "ann"]) == 0
    assert "1 events, 1 decisions" in capsys.readouterr().out
    assert main(["service", "export", store, out, "--student", "cy"]) == 2
    assert "holds nothing of 'cy'" in capsys.readouterr().err
    with hold(Path(store)):
        assert main(["service", "forget", store, "--students", "[ann]"]) == 2
    assert "in use by another service" in capsys.readouterr().err
    assert main(["service", "forget", store, "--students", "[ann]"]) == 0
    assert "1 students and 1 events forgotten" in capsys.readouterr().out
    assert not Path(out).exists()
    assert main(["service", "forget", store, "--older_than", "400d"]) == 0
    assert "1 students and 1 events forgotten" in capsys.readouterr().out
    assert main(["service", "acts", store]) == 0
    assert [line.split(": ")[1].split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "forget", "forget", "export",
    ]  # fmt: skip


def test_what_is_no_service_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["acts"], ["decisions"], ["forget", "--students", "[ann]"]):
        assert main(["service", words[0], str(tmp_path / "no.db"), *words[1:]]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 2
