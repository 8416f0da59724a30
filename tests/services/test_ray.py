"""Ray Train on a cluster of two nodes, known by a token: the numbers of a plain run."""

from pathlib import Path

import pytest

from torchedu.launch.job import Job
from torchedu.launch.launcher import LOGS
from torchedu.launch.ray import Ray

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]
pytest.importorskip("ray", reason="needs the package ray")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CPU = ("--run", "runs/x", "--trainer.accelerator", "cpu")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def asked(
    job: Job, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """Return the exit code of a job that was asked for, and what it said."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    launcher = Ray()
    launcher.check(job)
    (job.folder / LOGS).mkdir(parents=True, exist_ok=True)
    for name, text in launcher.files(job).items():
        (job.folder / name).write_text(text, "utf-8")
    started = launcher.start(job)
    started._process.wait(400)  # type: ignore[attr-defined]
    code = started.state().code
    assert code is not None
    return code, "".join(log.read_text() for log in sorted((job.folder / LOGS).glob("*.log")))


def test_two_nodes_train_what_two_processes_do(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import launch_jobs
    from launch_ray import cluster, has_nodes

    words = ("--data.path", str(class_store), *launch_jobs.WORDS)
    with cluster(Path("/tmp/torchedu-ray")) as own:
        launch_jobs.until(lambda: has_nodes(own, 2), 240, lambda: "no second node")
        job = Job(("--run", "runs/ray", *words), nodes=2, here=tmp_path)
        code, said = asked(job, own, monkeypatch)
        assert code == 0, said
        whole = launch_jobs.alone(class_store, tmp_path / "whole")
        assert launch_jobs.outcome(tmp_path / "runs" / "ray") == whole

        few = Job(CPU, nodes=3, here=tmp_path, name="few")
        code, said = asked(few, own, monkeypatch)
        assert (code, said.count("\n")) == (2, 2), said
        assert "--nodes is 3, and 2 of 2 here have 1 CPU" in said

        with monkeypatch.context() as patch:
            patch.setattr("torchedu.launch.job.__version__", "9.9")
            code, said = asked(Job(CPU, here=tmp_path, name="other"), own, monkeypatch)
        assert code == 2, said
        assert "and 9.9 where the job was written" in said

        stranger = {**own, "RAY_AUTH_TOKEN": "0" * 32}
        code, said = asked(Job(CPU, here=tmp_path, name="stranger"), stranger, monkeypatch)
        assert code == 2, said
        assert "that this user may use" in said


def test_a_cluster_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import launch_jobs

    job = Job(CPU, here=tmp_path)
    away = {**launch_jobs.variables(), "RAY_ADDRESS": "127.0.0.1:1"}
    code, said = asked(job, away, monkeypatch)
    assert code == 2, said
    assert "there is no Ray cluster at auto" in said
