"""Processes join a study; the trials of those that are killed go on from their checkpoints."""

import contextlib
import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from tests.tune.conftest import SHORT, WORDS
from torchedu.checkpoints import STOPPED
from torchedu.testing.launch import LaunchServer
from torchedu.tune.objectives import Goals
from torchedu.tune.rungs import Rungs
from torchedu.tune.space import Space
from torchedu.tune.study import Asked, Study
from torchedu.tune.workers import gpus_of, work

SECONDS = 400.0
GOALS = Goals.parse("val/auc", "", "")
SPACE = "model.lr: {float: [0.001, 0.1], log: true}"
TRIALS = 2


def joined(folder: Path, data: Path, trials: int = TRIALS) -> Study:
    words = (*WORDS, *SHORT, "--trainer.max_epochs", "3", "--data.path", str(data))
    study = Study(folder, Asked(words, SPACE, sampler="random", pruner="none"), GOALS)
    work(study, Space.parse(SPACE), trials)
    return study


def stands_still(folder: Path, data: Path, number: int, step: int) -> None:
    """Work on a study, and stand still for good where a trial has come to a step."""
    keeps = Rungs.keeps

    def standing(self: Rungs, trial: "object", at: int, measured: dict[str, float]) -> bool:
        going_on = keeps(self, trial, at, measured)  # type: ignore[arg-type]
        if (trial.number, at) == (number, step):  # type: ignore[attr-defined]
            (folder / f"still-{number}-{step}").touch()
            time.sleep(10 * SECONDS)
        return going_on

    Rungs.keeps = standing  # type: ignore[method-assign]
    joined(folder, data)


def searched_by_processes(words: list[str]) -> None:
    from torchedu.cli import main

    raise SystemExit(main(words))


def until(seen: Path) -> None:
    while not seen.exists():
        time.sleep(0.02)


def epochs(study: Study, number: int) -> list[str]:
    file = study.run_folder(number) / "metrics.csv"
    with file.open(newline="", encoding="utf-8") as rows:
        return [row["epoch"] for row in csv.DictReader(rows) if row["val/auc"]]


@pytest.mark.timeout(SECONDS)
def test_a_killed_workers_trial_goes_on_as_if_it_had_not_been_killed(
    launch: LaunchServer, class_store: Path, tmp_path: Path
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    for number, step in ((0, 2), (1, 1)):
        started = launch.start(stands_still, broken, class_store, number, step)
        until(broken / f"still-{number}-{step}")
        started.kill(signal.SIGKILL)
        assert started.wait(SECONDS) == [-signal.SIGKILL]
    study, same = joined(broken, class_store), joined(whole, class_store)
    assert [trial.state.name for trial in study.trials()] == ["COMPLETE"] * TRIALS
    assert [trial.number for trial in study.trials()] == list(range(TRIALS))
    # Each was taken up after it had come to a step.
    assert [trial.user_attrs["taken up"] for trial in study.trials()] == [[1, 2], [1, 1]]
    assert [trial.values for trial in study.trials()] == [t.values for t in same.trials()]
    assert [trial.params for trial in study.trials()] == [t.params for t in same.trials()]
    for trial in study.trials():
        assert epochs(study, trial.number) == epochs(same, trial.number) == ["0", "1", "2"]


def test_each_worker_has_gpus_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert [gpus_of(place, 1) for place in range(5)] == [("0",), ("1",), ("2",), ("3",), ("0",)]
    assert [gpus_of(place, 2) for place in range(2)] == [("0", "1"), ("2", "3")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert [gpus_of(place, 1) for place in range(3)] == [("GPU-a",), ("GPU-b",), ("GPU-a",)]
    assert gpus_of(0, 3) == ("GPU-a", "GPU-b")  # there are no more
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_of(1, 1) == ()


@pytest.mark.timeout(SECONDS)
def test_workers_that_are_killed_are_replaced(
    launch: LaunchServer, class_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "space.yaml").write_text(SPACE, "utf-8")
    folder = tmp_path / "study"
    words = ["tune", "--space", str(tmp_path / "space.yaml"), "--study", str(folder)]
    words += ["--workers", "2", "--seeds", "0", "--sampler", "random", "--pruner", "none"]
    words += [*WORDS, *SHORT, "--data.path", str(class_store), "--trials", "5"]
    started = launch.start(searched_by_processes, words)
    for number in (0, 2):
        lock = folder / "claims" / f"{number:04d}" / ".lock"
        run = folder / "trials" / f"{number:04d}"
        while not (run / "metrics.csv").exists():  # it trains
            time.sleep(0.02)
        with contextlib.suppress(OSError, ValueError):  # it may have ended this moment
            os.kill(json.loads(lock.read_text("utf-8"))["process"], signal.SIGKILL)
    assert started.wait(SECONDS) == [0], started.output()
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as rows:
        table = list(csv.DictReader(rows))
    assert [(row["trial"], row["state"]) for row in table] == [(n, "whole") for n in "01234"]
    assert len({row["model.lr"] for row in table}) == 5


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_search_that_is_stopped_says_how_it_goes_on(
    launch: LaunchServer, class_store: Path, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "space.yaml").write_text(SPACE, "utf-8")
    folder = tmp_path / "study"
    words = ["tune", "--space", str(tmp_path / "space.yaml"), "--study", str(folder)]
    words += ["--workers", workers, "--trials", "9", "--pruner", "none", *WORDS, *SHORT]
    words += ["--trainer.max_epochs", "400", "--data.path", str(class_store)]
    started = launch.start(searched_by_processes, words)
    until(folder / "trials" / "0000" / "metrics.csv")
    started.kill(signal.SIGTERM)
    assert started.wait(SECONDS) == [STOPPED], started.output()
    assert "To go on: the same words\n" in started.output()
    assert "--run" not in started.output()
    assert (folder / "trials" / "0000" / "checkpoints" / "last.ckpt").is_file()
