import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)

from torchedu.callbacks import AnswersProgressBar
from torchedu.checkpoints import open_checkpoint
from torchedu.cli import main
from torchedu.datamodules import Interactions
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import SAKT, LogisticDKT
from torchedu.run import Run, RunConfig, build, trainer
from torchedu.run.options import _batches
from torchedu.run.words import DEFAULT_TASK
from torchedu.run_folder import RunFolder
from torchedu.tasks import open_task


def built(store: Path, *words: str) -> Run:
    return build(RunConfig(["--data.path", str(store), "--trainer.accelerator", "cpu", *words]))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_words_build_task_data_and_trainer(class_store: Path) -> None:
    run = built(class_store, "--model.net", "SAKT", "--model.net.heads", "2", "--run", "mine")
    assert isinstance(run.task.net, SAKT)
    assert run.task.net.heads == 2
    assert run.task.net.num_items == run.data.num_items == 14
    assert run.folder == Path("mine")


@pytest.mark.parametrize("words", [["--config", "sakt"], ["--config=sakt"], ["-c", "sakt"]])
def test_a_recipe_is_named_without_its_path(class_store: Path, words: list[str]) -> None:
    assert isinstance(built(class_store, *words).task.net, SAKT)


def test_words_go_before_a_configuration(class_store: Path) -> None:
    run = built(class_store, "--config", "sakt", "--model.net.dim", "12", "--model.lr", "0.5")
    assert (run.task.net.dim, run.task.net.heads, run.task.lr) == (12, 4, 0.5)


@pytest.mark.parametrize(
    ("words", "epochs"),
    [
        (["--model.net", "DKT", "--enough.epochs", "4", "--enough.steps", "0"], 4),
        (["--model.net", "DKT", "--enough.epochs", "4", "--enough.steps", "21"], 7),
        (["--model.net", "DKT", "--enough.epochs", "9", "--enough.steps", "21"], 9),
        (["--model.net", "DKT", "--enough.epochs", "4", "--enough.steps", "100000"], 100),
        (["--config", "sakt", "--enough.steps", "60"], 20),
        (["--config", "sakt", "--enough.steps", "60", "--trainer.max_epochs", "2"], 2),
        (["--config", "sakt", "--trainer.max_epochs", "40"], 40),
        (["--enough.steps", "60"], 8),  # the default network knows
        (["--enough.steps", "60", "--enough.epochs", "4"], 20),
    ],
)
def test_small_data_is_passed_over_more_often(
    words: list[str], epochs: int, class_store: Path
) -> None:
    size = len(built(class_store).data.training()[1].lengths)
    run = built(class_store, *words, "--data.batch_size", str(-(-size // 3)))
    assert run.data.steps_per_epoch == 3
    assert run.trainer.max_epochs == epochs
    (stop,) = run.trainer.early_stopping_callbacks
    assert stop.patience == (5 if epochs < 18 else epochs // 3)


@pytest.mark.parametrize(
    ("passes", "words", "steps", "epochs"),
    [
        (4, [], 7, 8),
        (8, [], 14, 8),
        (1e-9, [], 1, 8),
        (4, ["--trainer.accumulate_grad_batches", "3"], 7, 8),
        (4, ["--enough.epochs", "4", "--enough.steps", "0"], 14, 4),
        (4, ["--trainer.max_epochs", "3"], 14, 3),
        (4, ["--trainer.limit_train_batches", "5"], 5, 8),
        (4, ["--model.net", "ItemDKT", "--enough.steps", "0"], 14, 12),  # it knows no number
    ],
)
def test_of_large_data_a_share_is_passed_over(
    passes: float,
    words: list[str],
    steps: int,
    epochs: int,
    class_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = Interactions(str(class_store)).answered.sum()
    monkeypatch.setattr(LogisticDKT, "most_answers", passes * answered)
    run = built(class_store, *words, "--data.batch_size", "4")
    assert run.data.steps_per_epoch == 14
    assert _batches(run.data, run.trainer) == steps * run.trainer.accumulate_grad_batches
    assert run.trainer.max_epochs == epochs


class Break(Callback):
    """Breaks training off after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *rest: Any) -> None:
        if trainer.global_step == self.step:
            raise InterruptedError


def test_a_run_of_shares_goes_on_as_it_began(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Interactions(str(class_store)).answered.sum()
    monkeypatch.setattr(LogisticDKT, "most_answers", 4 * answered)

    def trained(run: str, *words: str, stop: int = -1) -> dict[str, torch.Tensor]:
        seed_everything(0, verbose=False)
        words = ("--data.batch_size", "9", "--save.every_n_steps", "1", "--run", run, *words)
        made = built(class_store, *words)
        assert _batches(made.data, made.trainer) == 4  # of the seven of a pass
        made.trainer.callbacks.append(Break(stop))
        with contextlib.suppress(InterruptedError):
            made.trainer.fit(made.task, made.data, ckpt_path=made.resume, weights_only=True)
        return made.task.net.state_dict()

    whole = trained("whole")
    trained("broken", stop=6)
    again = trained("broken", "--resume", "auto")
    assert all(torch.equal(again[name], value) for name, value in whole.items())
    with pytest.raises(ConfigError, match="limit_train_batches"):
        trained("other", "--resume", "broken", "--trainer.max_epochs", "8")


@pytest.mark.parametrize(("option", "least"), [("epochs", 1), ("steps", 0)])
def test_what_is_never_enough_is_told(option: str, least: int, class_store: Path) -> None:
    with pytest.raises(ConfigError) as told:
        built(class_store, f"--enough.{option}", str(least - 1))
    assert told.value.problem == f"⟦enough.{option}⟧ is {least - 1}."
    assert told.value.remedy == f"It is at least {least}."


@pytest.mark.parametrize("option", ["seed_everything", "data.seed"])
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_what_is_no_seed_is_told(option: str, seed: int, class_store: Path) -> None:
    with pytest.raises(ConfigError, match=f"seed.* is {seed}") as error:
        built(class_store, f"--{option}={seed}")
    assert "at most 4,294,967,295" in error.value.remedy


def test_a_trainer_for_python_keeps_a_run_as_the_command_does() -> None:
    made = trainer("mine", max_epochs=3, patience=2, accelerator="cpu")
    kinds = {type(callback) for callback in made.callbacks}
    assert {EarlyStopping, ModelCheckpoint, AnswersProgressBar} <= kinds
    (stop,) = [callback for callback in made.callbacks if isinstance(callback, EarlyStopping)]
    assert (stop.monitor, stop.mode, stop.patience) == (DEFAULT_TASK.monitor, "max", 2)
    assert RunFolder.of_trainer(made).path == Path("mine")
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
    checkpoint = open_checkpoint(trained_run)
    kept = build(RunConfig(["--trainer.accelerator", "cpu"], "test", checkpoint))
    assert kept.data.batch_size == 16
    assert main(["data", "simulate", str(tmp_path / "b.store"), "--students", "30"]) == 0
    words = ["--data.path", str(tmp_path / "b.store"), "--trainer.accelerator", "cpu"]
    other = build(RunConfig(words, "test", checkpoint))
    assert other.data.store.num_students == 30
    assert not other.task.training


def test_a_configuration_is_built_alike_as_often_as_asked(class_store: Path) -> None:
    words = ["--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    config = RunConfig([*words, "--trainer.logger", "false", "--run", "mine"])
    first, second = build(config), build(config)
    weights, others = first.task.state_dict(), second.task.state_dict()
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert [type(one) for one in first.trainer.callbacks] == [
        type(one) for one in second.trainer.callbacks
    ]
    assert not {id(one) for one in first.trainer.callbacks} & {
        id(one) for one in second.trainer.callbacks
    }


@pytest.mark.parametrize("net", ["DKT", "SAKT", "ItemDKT"])
def test_a_run_on_the_meta_device_has_shapes_and_no_numbers(class_store: Path, net: str) -> None:
    wide = ["--model.net", net, "--model.net.dim", "1000000"]  # terabytes, if they were there
    words = ["--data.path", str(class_store), "--trainer.accelerator", "cpu", *wide]
    run = build(RunConfig(words), meta=True)
    assert all(one.is_meta for one in run.task.net.parameters())
    assert sum(one.numel() for one in run.task.net.parameters()) > 10**12
    assert run.data.num_items == 14
