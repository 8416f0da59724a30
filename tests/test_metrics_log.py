import csv
import errno
import os
from pathlib import Path

import pytest
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from torchedu.errors import ConfigError
from torchedu.metrics_log import metrics_log
from torchedu.run_folder import RunFolder


def log(run: Path, values: dict[int, dict[str, float]], step: int | None = None) -> None:
    logger = metrics_log(str(run), step, again=step is not None)
    for at, metrics in values.items():
        logger.log_metrics(metrics, at)
        logger.save()
    logger.finalize("success")


def read(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_log_goes_on_with_the_steps_that_its_checkpoint_has(tmp_path: Path) -> None:
    run = tmp_path / "run"
    log(run, {9: {"loss": 3.0}, 19: {"loss": 2.0}, 29: {"loss": 1.0}})
    (run / ".metrics.csv.7.part").write_text("half")
    with (run / "metrics.csv").open("a") as file:
        file.write("1")  # of a row that a kill cut short
    log(run, {29: {"loss": 1.5, "auc": 0.7}}, step=20)
    assert read(run) == [
        {"step": "9", "loss": "3.0", "auc": ""},
        {"step": "19", "loss": "2.0", "auc": ""},
        {"step": "29", "loss": "1.5", "auc": "0.7"},
    ]
    assert [file.name for file in run.iterdir()] == ["metrics.csv"]


def test_a_run_that_came_to_no_checkpoint_logs_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    log(run, {9: {"loss": 3.0}})
    logger = metrics_log(str(run), again=True)
    logger.log_metrics({"loss": 2.0}, 4)
    logger.save()
    assert [row["step"] for row in read(run)] == ["4"]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for again in (False, True):
        with pytest.raises(ConfigError, match="in use"):
            metrics_log(str(tmp_path), again=again)
    with pytest.raises(ConfigError, match="in use"):
        metrics_log(str(tmp_path / "mine.txt"))


def test_a_full_disk_costs_no_row_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    logger = metrics_log(str(run))
    logger.log_metrics({"loss": 3.0}, 1)
    logger.save()

    def full(self: ExperimentWriter) -> None:
        with Path(self.metrics_file_path).open("a") as file:
            file.write("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ExperimentWriter, "save", full)
    logger.log_metrics({"loss": 2.0}, 2)
    with pytest.warns(UserWarning, match="No space left"):
        logger.save()
    monkeypatch.undo()
    logger.save()
    assert [row["step"] for row in read(run)] == ["1", "2"]


def test_a_run_that_goes_on_writes_through_no_link(tmp_path: Path) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim.txt"
    run.mkdir()
    victim.write_text("mine")
    (run / "config.yaml").symlink_to(victim)
    (run / "metrics.csv").symlink_to(tmp_path / "nowhere.csv")
    log = metrics_log(str(run), 0, True)
    log.log_metrics({"x": 1.0}, 0)
    log.save()
    assert victim.read_text() == "mine"
    assert not (tmp_path / "nowhere.csv").exists()
    assert (run / "metrics.csv").is_file()
    assert not (run / "metrics.csv").is_symlink()


def test_what_was_half_written_is_swept_from_every_folder_of_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for folder in (run, run / "checkpoints", run / "pictures"):
        folder.mkdir()
        (folder / ".roc.png.7.part").write_bytes(b"half")
    (run / "config.yaml").touch()
    log = metrics_log(str(run), 0, True)
    assert log.experiment, "what writes to the folder, alone"
    log.finalize("success")
    assert not list(run.rglob("*.part"))


def test_a_failed_runs_name_is_free_and_nothing_of_it_stays(tmp_path: Path) -> None:
    run = tmp_path / "mine"
    run.mkdir()
    for name in RunFolder.FAILED:
        (run / name).write_text("of the failed run")
    log = metrics_log(str(run))
    assert not any(run.iterdir())
    log.log_metrics({"a": 1.0}, 0)
    log.save()
    assert (run / "metrics.csv").read_text().splitlines() == ["a,step", "1.0,0"]
