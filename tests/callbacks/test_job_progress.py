"""A run that belongs to a job tells how far it is, and trains as it would alone."""

from pathlib import Path

import pytest

from tests.conftest import FAST
from tests.launch_status import TOKEN, controller
from torchedu.callbacks import JobProgress
from torchedu.cli import main
from torchedu.job_status import JobStatus

WORDS = ["--model.net", "ItemDKT", "--model.net.dim", "8", "--data.batch_size", "16", *FAST]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN, "utf-8")
    monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_TOKEN", str(file))
    return file


def test_a_job_is_told_from_the_first_step_to_the_last(
    class_store: Path,
    trained_run: Path,
    tmp_path: Path,
    token: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, run = tmp_path / "job" / JobStatus.FILE, tmp_path / "run"
    monkeypatch.setenv(JobStatus.VARIABLE, str(file))
    with controller() as state:
        monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_URL", state.url)
        assert main(["fit", "--data.path", str(class_store), "--run", str(run), *WORDS]) == 0
    assert not state.refused
    told = [body["trainerStatus"] for body in state.told]
    percents = [status["progressPercentage"] for status in told]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert told[-1]["estimatedRemainingSeconds"] == 0
    assert told[-1]["metrics"][0]["name"] == "val/auc"
    kept = JobStatus.read(file)
    assert kept is not None
    assert (kept.percent, kept.epoch, kept.seconds_left) == (100, 2, 0)
    # It trained as the run that belongs to no job.
    curve = (run / "metrics.csv").read_bytes()
    assert curve == (trained_run / "metrics.csv").read_bytes()


def test_training_goes_on_where_nobody_listens(
    class_store: Path, tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with controller() as gone:
        pass
    monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_URL", gone.url)
    words = ["--data.path", str(class_store), "--run", str(tmp_path / "run"), *WORDS]
    with pytest.warns(UserWarning, match="cannot be told how far this run is .*training goes on"):
        assert main(["fit", *words]) == 0


def test_a_run_of_no_job_tells_nobody() -> None:
    assert not JobProgress().is_asked
