"""A whole task of a package of one's own works as torchedu's own do, with no edit there."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

import tests.own_task.duration
from torchedu.checkpoints import open_checkpoint
from torchedu.cli import main
from torchedu.engine import open_engine
from torchedu.errors import ConfigError, DataError
from torchedu.export import open_export
from torchedu.export.entries import entries
from torchedu.testing.launch import LaunchServer

TASK = [
    "--model", "tests.own_task.duration.ExerciseDuration", "--data.batch_size", "4",
    "--trainer.accelerator", "cpu", "--trainer.max_epochs", "20", "--model.lr", "0.1",
    "--save.every_n_steps", "1",
]  # fmt: skip
SECONDS = 60.0


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file of 40 students' durations."""
    drawn = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("own") / "class.durations"
    rows = ["learner,task,duration"]
    for student in range(40):
        pace = drawn.normal(0, 0.3)
        for exercise in drawn.permutation(9):
            seconds = np.exp(3 + exercise / 5 + pace + drawn.normal(0, 0.1))
            rows.append(f"s{student},e{exercise},{seconds:.2f}")
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def run(raw: Path) -> Path:
    """Give a run that was never interrupted."""
    folder = raw.parent / "whole"
    assert main(["fit", *TASK, "--data.path", str(raw), "--run", str(folder)]) == 0
    return folder


class Killed(Callback):
    """Kills its process at the beginning of a step."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        if trainer.global_step == 8:
            os.kill(os.getpid(), signal.SIGKILL)


def fit(*words: str) -> int:
    assert tests.own_task.duration  # its importer is known once it is imported
    return main(["fit", *TASK, *words])


def test_it_is_trained_and_scored_beside_its_baseline(run: Path) -> None:
    found = json.loads((run / "evaluation.json").read_text("utf-8"))
    network, baseline = found["scores"]
    assert (network["kind"], baseline["name"]) == ("network", "usual time")
    assert network["r2"] > baseline["r2"] > 0
    page = (run / "report.html").read_text("utf-8")
    assert "What takes longest" in page
    assert "e8" in page
    assert "To plan lessons." in (run / "model_card.md").read_text("utf-8")


def test_it_goes_on_bit_by_bit_after_a_kill(
    run: Path, raw: Path, launch: LaunchServer, tmp_path: Path
) -> None:
    words = ["--data.path", str(raw), "--run", str(tmp_path / "run")]
    callback = ["--trainer.callbacks+", "tests.test_own_task.Killed"]
    killed = launch.start(fit, *words, *callback)
    (code,) = killed.wait(SECONDS)
    assert code == -signal.SIGKILL, killed.output()
    assert fit(*words, "--resume", "auto") == 0
    for name in ("best.ckpt", "last.ckpt"):
        one, other = (open_checkpoint(folder, name) for folder in (run, tmp_path / "run"))
        for key, value in one.content["state_dict"].items():
            assert torch.equal(value, other.content["state_dict"][key]), key
    curves = [(folder / "metrics.csv").read_text() for folder in (run, tmp_path / "run")]
    assert curves[0] == curves[1]


def test_a_trained_one_is_scored_and_predicts(run: Path, tmp_path: Path) -> None:
    assert main(["test", str(run), "--run", str(tmp_path / "scores")]) == 0
    assert (tmp_path / "scores" / "report.html").is_file()
    assert main(["predict", str(run), "--run", str(tmp_path / "said")]) == 0
    table = pq.read_table(tmp_path / "said" / "predictions.parquet").to_pydict()
    assert {"student", "position", "said", "true", "exercise"} <= set(table)
    assert table["student"][0].startswith("s")


def test_two_ranks_come_to_the_same(
    run: Path, raw: Path, launch: LaunchServer, tmp_path: Path
) -> None:
    words = ["--data.path", str(raw), "--run", str(tmp_path / "run"), "--trainer.devices", "2"]
    started = launch.start(fit, *words, "--trainer.strategy", "ddp", ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    one, two = (
        json.loads((folder / "evaluation.json").read_text("utf-8"))["scores"][0]["r2"]
        for folder in (run, tmp_path / "run")
    )
    assert two == pytest.approx(one, abs=1e-4)


def test_it_is_exported_as_a_graph_and_opens_with_its_names(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["export", str(run), str(tmp_path / "out"), "--format", "onnx"]) == 0
    assert "forward.onnx equal the checkpoint to 1e-05" in capsys.readouterr().out
    task = open_export(tmp_path / "out")
    assert type(task) is tests.own_task.duration.Duration
    assert task.vocabulary is not None
    assert sorted(task.vocabulary["exercise"]) == [f"e{i}" for i in range(9)]
    assert entries(task)["forward"].inputs == ("exercise", "minutes")


def test_it_answers_in_an_engine_about_rows_of_its_own(run: Path) -> None:
    engine = open_engine(run)
    rows = [{"student": "zoe", "exercise": f"e{i}", "minutes": 1.0 + i} for i in range(3)]
    said = engine.predict([*rows, {"student": "zoe", "exercise": "e8"}])
    assert (said["exercise"], said["position"]) == (["e8"], [3])
    assert np.isfinite(said["said"]).all()
    with pytest.raises(DataError, match="row 3: the exercise 'e9' is not known"):
        engine.predict([*rows, {"student": "zoe", "exercise": "e9"}])
    with pytest.raises(ConfigError, match="an engine of Duration has no 'answer'"):
        engine.answer("zoe", "e8", 1)
