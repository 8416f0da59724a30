from pathlib import Path

import pytest

from torchedu.cli import main


def test_the_page_is_written_again_and_its_place_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("seed_everything: 1\n")
    assert main(["report", str(tmp_path)]) == 0
    page = tmp_path / "report.html"
    card = page.with_name("model_card.md")
    assert capsys.readouterr().out == f"report: {page}\nmodel card: {card}\n"
    assert "Not evaluated yet" in page.read_text("utf-8")


def test_a_folder_that_is_no_run_is_told_in_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 2
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_is_told_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "run", "--colour", "red"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
