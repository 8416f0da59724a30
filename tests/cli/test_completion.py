import shutil
import subprocess

import pytest

from torchedu.cli import main
from torchedu.cli.completion import SCRIPTS, offered


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["f"], ["fit"]),
        (["fit", "--config", "ak"], ["akt"]),
        (["fit", "--model.net", "SA"], ["SAKT", "SASRec"]),
        (["fit", "--data.batch_s"], ["--data.batch_size"]),
        (["predict", "runs/a", "--stud"], ["--student"]),
        (["fit", "--data.path", ""], []),
        (["serve", "--allow"], ["--allow_download"]),
        (["nothing", ""], []),
    ],
)
def test_what_may_come_is_offered(words: list[str], some: list[str]) -> None:
    assert offered(words)[: len(some) or None] == some


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_s_script_is_one(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "torchedu completion words" in script
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n", "-c", script], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_how_it_is_used_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 0
    assert "~/.bashrc" in capsys.readouterr().out
    assert main(["completion", "csh"]) == 2
