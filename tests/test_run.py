from pathlib import Path

import pytest
import yaml
from lightning.pytorch.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)

from torchedu.callbacks import AnswersProgressBar
from torchedu.cli import main
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import SAKT
from torchedu.run import DEFAULT_TASK, RunCLI, run_folder, trainer
from torchedu.tasks import open_task


def built(store: Path, *words: str) -> RunCLI:
    return RunCLI(["--data.path", str(store), "--trainer.accelerator", "cpu", *words], "fit")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_words_build_task_data_and_trainer(class_store: Path) -> None:
    cli = built(class_store, "--model.net", "SAKT", "--model.net.heads", "2", "--run", "mine")
    assert isinstance(cli.model.net, SAKT)
    assert cli.model.net.heads == 2
    assert cli.model.net.num_items == cli.datamodule.num_items == 14
    assert run_folder(cli.trainer) == Path("mine")


@pytest.mark.parametrize("words", [["--config", "sakt"], ["--config=sakt"], ["-c", "sakt"]])
def test_a_recipe_is_named_without_its_path(class_store: Path, words: list[str]) -> None:
    assert isinstance(built(class_store, *words).model.net, SAKT)


def test_words_go_before_a_configuration(class_store: Path) -> None:
    cli = built(class_store, "--config", "sakt", "--model.net.dim", "12", "--model.lr", "0.5")
    assert (cli.model.net.dim, cli.model.net.heads, cli.model.lr) == (12, 4, 0.5)


def test_a_trainer_for_python_keeps_a_run_as_the_command_does() -> None:
    made = trainer("mine", max_epochs=3, patience=2, accelerator="cpu")
    kinds = {type(callback) for callback in made.callbacks}
    assert {EarlyStopping, ModelCheckpoint, AnswersProgressBar} <= kinds
    (stop,) = [callback for callback in made.callbacks if isinstance(callback, EarlyStopping)]
    assert (stop.monitor, stop.mode, stop.patience) == (DEFAULT_TASK.monitor, "max", 2)
    assert run_folder(made) == Path("mine")
    assert made.max_epochs == 3


@pytest.mark.parametrize(
    ("words", "bars"),
    [
        ([], [AnswersProgressBar]),
        (["--trainer.enable_progress_bar", "false"], []),
        (["--trainer.callbacks+", "TQDMProgressBar"], [TQDMProgressBar]),
    ],
)
def test_the_bar_makes_way(class_store: Path, words: list[str], bars: list[type]) -> None:
    callbacks = built(class_store, *words).trainer.callbacks
    assert [type(one) for one in callbacks if isinstance(one, ProgressBar)] == bars


def test_a_run_in_use_is_refused_in_python_too(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(ConfigError, match="mine is in use"):
        trainer("mine", accelerator="cpu")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04" + bytes(99)])
def test_what_is_no_checkpoint_is_told_in_two_lines(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "best.ckpt"
    file.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        open_task(file)
    assert str(file) in caught.value.problem
    assert str(caught.value).count("\n") == 1


def test_other_data_takes_the_place_of_the_run_s_own(
    trained_run: Path, class_store: Path, tmp_path: Path
) -> None:
    config = yaml.safe_load((trained_run / "config.yaml").read_text("utf-8"))
    assert config["data"]["init_args"]["path"] == str(class_store)
    checkpoint = trained_run / "checkpoints" / "best.ckpt"
    kept = RunCLI(["--trainer.accelerator", "cpu"], "test", checkpoint)
    assert kept.datamodule.batch_size == 16
    assert main(["data", "simulate", str(tmp_path / "b.store"), "--students", "30"]) == 0
    words = ["--data.path", str(tmp_path / "b.store"), "--trainer.accelerator", "cpu"]
    other = RunCLI(words, "test", checkpoint)
    assert other.datamodule.store.num_students == 30
    assert not other.model.training
