"""``torchedu explain``: a session by lines, and mistakes in two lines."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from torchedu import MathExplanation, open_task
from torchedu.checkpoints import open_checkpoint
from torchedu.cli import main
from torchedu.datasets.prompts import Profile
from torchedu.engine import open_engine
from torchedu.engine.explanation import Tutor

PROBLEM = "Ann has 7 apples and gets one more. How many has she?"


def test_a_session_goes_on_until_the_student_says_nothing(
    explaining_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PROBLEM}\nWhy?\n\nnot read\n"))
    assert main(["explain", str(explaining_run), "--max_new_tokens", "8"]) == 0
    shown = capsys.readouterr().out
    tutor = open_engine(explaining_run).tutor(max_new_tokens=8)
    tutor.begin(PROBLEM, "explanation")
    pieces: list[str] = []
    first = tutor.speak(pieces.append)
    assert "".join(pieces) == first
    assert len(pieces) > 1
    tutor.hear("Why?")
    second = tutor.speak(pieces.append)
    assert shown == f"{first}\n{second}\n"
    assert [one.role for one in tutor.messages] == ["user", "assistant", "user", "assistant"]


def test_a_long_session_forgets_what_was_said_first(explaining_run: Path) -> None:
    tutor = open_engine(explaining_run).tutor(max_new_tokens=8)
    tutor.begin("7 + 1?", "hint")
    for _ in range(9):  # the model reads 128 tokens
        tutor.speak(lambda _: None)
        tutor.hear("Why is that so?")
    assert tutor.speak(lambda _: None)
    assert len(tutor.messages) == 20


def test_a_student_is_told_of_by_what_tracing_knows(
    explaining_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Profile | None] = []
    monkeypatch.setattr(Tutor, "begin", lambda self, asked, intent, profile: begun.append(profile))
    monkeypatch.setattr(Tutor, "speak", lambda self, told: "")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    table = {"student": ["ann", "ann", "bo"], "skill": ["adding", "area", "adding"],
             "mastery": [0.25, 0.75, 0.5]}  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "mastery.parquet")
    words = ["--mastery", str(tmp_path / "mastery.parquet"), "--student", "ann"]
    assert main(["explain", str(explaining_run), "--problem", PROBLEM, "--work", "8", *words]) == 0
    assert begun == [Profile({"adding": 0.25, "area": 0.75}, "8", "")]


def test_mistakes_are_told_in_two_lines(
    explaining_run: Path,
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "mastery.parquet"
    pq.write_table(pa.table({"student": ["ann"], "skill": ["a"], "mastery": [0.5]}), table)
    cases = [
        ([str(trained_run), "--problem", "1+1"], "an engine of Tracing has no 'tutor'"),
        ([str(explaining_run), "--problem", "1 + 1 " * 200], "and the model reads 128"),
        ([str(explaining_run), "--max_new_tokens", "0"], "max_new_tokens is 0"),
        ([str(explaining_run), "--mastery", str(table), "--student", "anne"], "Did you mean ann?"),
        ([str(explaining_run), "--mastery", "none.parquet"], "no table of mastery"),
        ([str(explaining_run), "--intent", "answer"], "--intent"),
    ]
    for words, said in cases:
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert main(["explain", *words]) == 2, words
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 2, error


def test_training_goes_on_from_a_run_with_its_own_tokens(
    explaining_run: Path, chat_store: Path, tmp_path: Path
) -> None:
    words = ["--init_from", str(explaining_run)]
    words += ["--data.path", str(chat_store), "--data.max_tokens", "128", "--data.packing", "true"]
    words += ["--data.batch_tokens", "500", "--run", str(tmp_path / "run")]
    assert main(["fit", *words, "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]) == 0
    first, later = (open_task(open_checkpoint(run)) for run in (explaining_run, tmp_path / "run"))
    assert isinstance(first, MathExplanation)
    assert isinstance(later, MathExplanation)
    assert later.tokenizer == first.tokenizer
    assert later.net.arguments() == first.net.arguments()
