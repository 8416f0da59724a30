from pathlib import Path

import pytest

from torchedu.cli import main


def test_runs_are_listed_with_their_scores(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(trained_run)
    damaged = tmp_path / "runs" / "damaged"
    damaged.mkdir()
    (damaged / "config.yaml").write_text("{}")
    (damaged / "evaluation.json").write_text("{")
    (tmp_path / "runs" / "no run").mkdir()
    assert main(["runs", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert "ItemDKT" in said
    assert "scored" in said
    assert "damaged" in said
    assert "no run" not in said


def test_a_folder_without_runs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
