"""``torchedu data check`` and ``example``: what a file is, and which command comes next."""

import shlex
from pathlib import Path

import pytest

from tests.datasets.importers.layouts import canvas_gradebook, moodle_gradebook
from torchedu.cli import main
from torchedu.cli.first_look import TASKS
from torchedu.datasets.examples import EXAMPLES
from torchedu.datasets.importers import formats, guess_format, import_data
from torchedu.leaks import check


def run(words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(shlex.split(words)) == code
    said = capsys.readouterr()
    return said.err if code else said.out


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_of_its_kind_and_without_leaks(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(f"data example {kind} --out a.txt", capsys)
    said = run("data check a.txt", capsys)
    holds = next(name for name in TASKS if kind in name)
    assert TASKS[holds].tells in said
    assert "moodle" not in said  # a student and a time are no log of a platform
    assert "leaks     none found" in said
    assert "torchedu fit" in said.splitlines()[-1]
    assert {file.name for file in tmp_path.iterdir()} == {"a.txt"}
    store = next(one.store for one in formats().values() if one.store.holds == holds)
    made = import_data(str(guess_format("a.txt", store)), "a.txt", "a.store")
    assert made.holds == holds
    assert not check(made)


def test_the_kinds_of_examples_are_those_of_tasks() -> None:
    ours = [kind for kind in formats().values() if kind.__module__.startswith("torchedu.")]
    assert len(EXAMPLES) == len(TASKS) == len({kind.store for kind in ours})


def test_an_example_replaces_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("mine")
    assert "is there already" in run(f"data example answers --out {tmp_path}/a.csv", capsys, 2)
    assert "Did you mean answers?" in run(f"data example answer --out {tmp_path}/b.csv", capsys, 2)
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_what_is_missing_and_what_else_would_fit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = canvas_gradebook(tmp_path, "en")
    said = run(f"data check {file}", capsys)
    assert "format    canvas" in said
    assert "without   skill, time" in said
    assert "also      gradebook" in said
    assert "rows of no student" in said
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.csv"]


def test_a_remedy_of_a_check_is_a_command_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    moodle_gradebook(tmp_path, "de")
    said = run("data check grades.csv --format gradebook", capsys, 2)
    assert "--pass_mark 50" in said
    command = "data import gradebook grades.csv grades.store"
    assert f"torchedu {command}." in said
    run(f"{command} --pass_mark 45", capsys)
    said = run("data check grades.store", capsys)
    assert "students at risk" in said
    assert "torchedu fit --config at_risk --data.path grades.store" in said


def test_what_nothing_tells_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    assert "holds zero bytes" in run(f"data check {tmp_path}/a.bin", capsys, 2)
    assert "no such file" in run(f"data check {tmp_path}/nothing", capsys, 2)
    (tmp_path / "a.bin").write_text("a word")
    said = run(f"data check {tmp_path}/a.bin", capsys, 2)
    assert "nothing tells the format of" in said
    assert "--format" in said
    assert "no such file" in run(f"data check {tmp_path}/none.csv --format csv", capsys, 2)
    assert "Did you mean csv?" in run(f"data check {tmp_path}/a.bin --format csw", capsys, 2)
