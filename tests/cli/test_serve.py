"""What `torchedu serve` refuses before it takes a request."""

import socket
from pathlib import Path

import pytest

from torchedu.cli import main
from torchedu.serve import opening
from torchedu.serve.stores import hold


def test_a_store_in_use_and_a_port_in_use_are_told(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "s.db"
    words = ["serve", str(trained_run), "--store", str(store), "--port"]
    with hold(store):
        assert main([*words, "0"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"--store {store} is in use by another service."
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main([*words, str(taken.getsockname()[1])]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "cannot be listened to" in first
    assert "--port" in first
    assert "another port" in second


def test_runs_that_cannot_be_served_are_told(
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text("skill,requires\nmagic,magic\n", "utf-8")
    cases = {
        "two runs that are called": [str(trained_run), str(trained_run)],
        "does not exist": ["nowhere"],
        "which others reach": [str(trained_run), "--host", "0.0.0.0"],
        "'magic' is no skill": [str(trained_run), "--prerequisites", "pairs.csv"],
        "--rate is 0": [str(trained_run), "--rate", "0"],
        "--workers is 0": [str(trained_run), "--workers", "0"],
    }
    for said, words in cases.items():
        assert main(["serve", *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 2


def test_a_run_of_another_task_is_told(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opening, "open_task", lambda run: object())  # no task it knows
    assert main(["serve", str(trained_run)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "which a service does not know" in first
    assert "Tracing" in second
