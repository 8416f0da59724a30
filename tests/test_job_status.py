"""How far a job is: a file, a line, and what the controller of a TrainJob takes."""

import shutil
import subprocess
import urllib.error
from pathlib import Path

import pytest

from tests.launch_status import TOKEN, controller
from torchedu.job_status import JobStatus, TrainJobStatus

STATUS = JobStatus(42, 3725, 3, 100, {"val/auc": 0.75, "train/loss": 0.5, "val/log_loss": 0.6})


def test_a_status_is_a_line_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "job" / JobStatus.FILE
    assert JobStatus.read(file) is None
    STATUS.write(file)
    assert JobStatus.read(file) == STATUS
    assert str(STATUS) == "42 %, epoch 3, 1 h 2 min left | val/auc 0.7500, train/loss 0.5000"
    assert str(JobStatus(0, 59, 1)) == "0 %, epoch 1, 59 s left"
    for damaged in ('{"percent": 1', "[1]", '{"other": 1}'):
        file.write_text(damaged, "utf-8")
        assert JobStatus.read(file) is None


def test_the_request_is_what_the_published_models_read() -> None:
    models = pytest.importorskip("kubeflow_trainer_api.models", reason="needs kubeflow-trainer-api")
    read = models.TrainerV1alpha1UpdateTrainJobStatusRequest.from_dict(STATUS.to_train_job())
    assert read.trainer_status.progress_percentage == 42
    assert read.trainer_status.estimated_remaining_seconds == 3725
    assert read.trainer_status.last_updated_time.utcoffset() is not None
    metrics = {metric.name: metric.value for metric in read.trainer_status.metrics}
    assert metrics == {"val/auc": "0.75", "train/loss": "0.5", "val/log_loss": "0.6"}


def test_nobody_is_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrainJobStatus.of_environment() is None
    monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_URL", "file:///etc/passwd")
    assert TrainJobStatus.of_environment() is None


def test_a_token_that_is_renewed_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("expired\n", "utf-8")
    with controller() as state:
        job = TrainJobStatus(state.url, "", str(token))
        with pytest.raises(urllib.error.HTTPError, match="403"):
            job.send(STATUS)
        token.write_text(f"{TOKEN}\n", "utf-8")
        job.send(STATUS)
    assert (len(state.told), state.refused) == (1, [403])


def test_a_controller_is_known_by_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make a certificate")
    certificate, key, token = (tmp_path / name for name in ("ca.crt", "key", "token"))
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=controller"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)]
    subprocess.run(["openssl", *words, "-out", str(certificate)], check=True, capture_output=True)
    token.write_text(TOKEN, "utf-8")
    with controller(certificate, key) as state:
        monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_URL", state.url)
        monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_TOKEN", str(token))
        stranger = TrainJobStatus.of_environment()
        assert stranger is not None
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.send(STATUS)
        monkeypatch.setenv("KUBEFLOW_TRAINER_STATUS_CA_CERT", str(certificate))
        known = TrainJobStatus.of_environment()
        assert known is not None
        known.send(STATUS)
    assert [told["trainerStatus"]["progressPercentage"] for told in state.told] == [42]
