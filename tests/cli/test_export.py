"""``torchedu export``: what it prints, and mistakes in two lines."""

from pathlib import Path

import pytest

from torchedu.cli import main


def test_the_files_and_what_was_checked_are_printed(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(trained_run), str(tmp_path / "out")]) == 0
    *files, checked = capsys.readouterr().out.splitlines()
    for file in ("config.json", "model.safetensors", "companions.json"):
        size = (tmp_path / "out" / file).stat().st_size
        assert f"{tmp_path / 'out' / file}: {size:,} bytes" in files
    assert checked.startswith("model.safetensors equal the checkpoint bit for bit: ")
    assert checked.endswith(" answers in 5 random batches")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs/none", "out"], "holds no checkpoint"),
        (["{run}", "{run}"], "exists"),
        (["{run}", "out", "--format", "torch-export"], "Did you mean torch_export?"),
        (["{run}"], "out"),
        ([], "checkpoint"),
        (["{run}", "out", "--formats", "all"], "--format"),
    ],
)
def test_mistakes_are_told_in_two_lines(
    words: list[str],
    said: str,
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *(word.format(run=trained_run) for word in words)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []
