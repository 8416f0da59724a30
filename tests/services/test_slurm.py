"""A real SLURM of two nodes: a time limit and a preemption leave no trace in what is trained."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.launch.job import Job
from torchedu.launch.slurm import SCRIPT, Slurm, SlurmJob
from torchedu.testing.launch import LaunchServer

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PATIENCE = 240.0


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a cluster of SLURM, installed where it is missing, and a folder to work in."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import launch_jobs
    from harness import Skip
    from launch_slurm import slurm

    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name, value in launch_jobs.variables().items():
        monkeypatch.setenv(name, value)
    try:
        running = slurm(tmp_path / "slurm")
        for name, value in running.__enter__().items():
            monkeypatch.setenv(name, value)
    except Skip as reason:
        pytest.skip(str(reason))
    try:
        yield
    finally:
        running.__exit__(None, None, None)


def fitted(words: list[str]) -> None:
    raise SystemExit(main(["fit", *words]))


def scontrol(*words: str) -> None:
    subprocess.run(["scontrol", *words], check=True, capture_output=True, text=True)


def submitted(said: str) -> SlurmJob:
    """Return the job that the command says has begun."""
    return SlurmJob(said.partition("SLURM job ")[2].split()[0])


def logs(job: Path) -> str:
    return "".join(f"{log.name}:\n{log.read_text()}" for log in sorted((job / "logs").glob("*")))


def test_a_stopped_job_goes_on_as_if_nothing_had_been(
    class_store: Path, cluster: None, launch: LaunchServer, capsys: pytest.CaptureFixture[str]
) -> None:
    import launch_jobs as jobs

    words = ["--data.path", str(class_store), *jobs.WORDS]
    folder = Path("jobs/mine").absolute()
    options = ["--nodes", "2", "--time", "60", "--warn", "100", "--submit", "--detach"]
    training = ["--", "fit", "--run", "runs/mine", *words, *jobs.paced(0.3)]
    assert main(["launch", "slurm", *options, *training]) == 0
    job = submitted(capsys.readouterr().out)
    number = job.name.rpartition(" ")[2]

    def told() -> str:
        return f"{job.state()}\n{logs(folder)}"

    def waited(holds: Callable[[], bool]) -> None:
        jobs.until(holds, PATIENCE, told)

    whole = ["--run", str(Path("runs/whole").absolute()), *words, "--trainer.devices", "2"]
    alone = launch.start(fitted, whole, ranks=2)
    waited(lambda: jobs.step_of(folder) >= 5)
    jobs.limit(job)  # of which the last 100 s have begun
    waited(lambda: jobs.restarts(job) == 1)
    scontrol("update", f"jobid={number}", "timelimit=60")
    stopped = jobs.step_of(folder)
    waited(lambda: jobs.step_of(folder) > stopped + 3)

    # An array of two small jobs, in a partition that comes before.
    array = ["--partition", "high", "--array", "0-1", "--submit", "--detach", "--probe", "0"]
    small = ["--", "fit", "--run", "runs/seed-{task}", "--seed_everything", "{task}", *words]
    assert main(["launch", "slurm", *array, "--name", "seeds", *small, "--enough.steps", "0"]) == 0
    seeds = submitted(capsys.readouterr().out)
    waited(lambda: jobs.restarts(job) == 2)
    waited(lambda: seeds.state().code is not None)
    assert seeds.state().said == "2 COMPLETED", logs(Path("jobs/seeds"))
    waited(lambda: job.state().code is not None)
    assert job.state() == ("COMPLETED, begun again 2 x", 0), told()
    said = logs(folder)
    assert "Stopped by SIGUSR1 after step" in said
    assert "Stopped by SIGTERM after step" in said
    assert alone.wait(PATIENCE) == [0, 0], alone.output()
    assert jobs.outcome(Path("runs/mine")) == jobs.outcome(Path("runs/whole"))
    assert [Path(f"runs/seed-{seed}/evaluation.json").is_file() for seed in (0, 1)] == [True, True]


def test_what_the_cluster_refuses_is_told_before_anything_is_submitted(
    class_store: Path,
    cluster: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["--", "fit", "--run", "runs/x", "--data.path", str(class_store)]
    cpu = [*words, "--trainer.accelerator", "cpu"]
    for options, said in (
        (["--partition", "lowe", *cpu], "Did you mean low?"),
        (["--nodes", "3", *cpu], "the partition low has 2"),
        (["--time", "2h", *cpu], "the partition low allows 60 minutes"),
        (words, "the partition low has no GPUs"),
        (["--account", "x", "--sbatch=--mem=900000M", *cpu], "SLURM refuses: "),
    ):
        assert main(["launch", "slurm", "--submit", *options]) == 2
        error = capsys.readouterr().err
        assert said in error, error
        assert error.count("\n") == 2, error

    def other(job: Job, shared: bool) -> dict[str, Any]:
        return {**known(job, shared), "versions": {"torchedu": "9.9"}}

    known = Job.expected
    monkeypatch.setattr(Job, "expected", other)
    job = Job(("--run", "runs/x", "--trainer.accelerator", "cpu"), nodes=2)
    job.folder.mkdir(parents=True, exist_ok=True)
    for name, content in Slurm().files(job).items():
        (job.folder / name).write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=r"node \S+: torchedu is \S+ there, and 9.9"):
        Slurm().start(job)
    # Where the nodes are busy, the job itself looks at them.
    began = time.monotonic()
    started = Slurm(probe=0)
    busy = started.start(job)
    while busy.state().code is None and time.monotonic() - began < PATIENCE:
        time.sleep(0.2)
    assert busy.state() == ("FAILED", 2), (job.folder / SCRIPT).read_text()
    assert "and 9.9 where the job was written" in logs(job.folder)
