from pathlib import Path

import pytest

from torchedu.cli import main
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.parsing import LOGS, check_log
from torchedu.run.logs import log_of


@pytest.mark.parametrize("word", LOGS)
def test_a_log_without_its_package_names_the_extra(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torchedu.parsing.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=LOGS[word][0]):
        log_of(word, tmp_path)
    assert main(["fit", "--log", word]) == 2
    assert f"pip install 'torchedu[{LOGS[word][1]}]'" in capsys.readouterr().err


def test_another_log_is_not_known() -> None:
    with pytest.raises(ConfigError, match="wandbb") as error:
        check_log("wandbb")
    assert "wandb" in error.value.remedy


def test_a_log_lies_in_the_run_s_folder_beside_its_own(class_store: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the package tensorboard")
    run = tmp_path / "run"
    words = ["--model.net", "DKT", "--model.net.dim", "4", "--trainer.max_epochs", "1"]
    words += ["--trainer.accelerator", "cpu", "--log", "tensorboard"]
    assert main(["fit", "--data.path", str(class_store), "--run", str(run), *words]) == 0
    assert list(run.glob("tensorboard/events.*"))
    assert (run / "metrics.csv").is_file()
    assert (run / "report.html").is_file()


@pytest.mark.service
@pytest.mark.parametrize("word", ["wandb", "mlflow"])
def test_other_programs_keep_their_files_there_offline(
    word: str, class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(word, reason=f"needs the package {word}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = tmp_path / "run"
    words = ["--model.net", "DKT", "--model.net.dim", "4", "--trainer.max_epochs", "1"]
    words += ["--trainer.accelerator", "cpu", "--log", word]
    assert main(["fit", "--data.path", str(class_store), "--run", str(run), *words]) == 0
    assert (run / {"wandb": "wandb", "mlflow": "mlruns"}[word]).is_dir()
    assert (run / "metrics.csv").is_file()
