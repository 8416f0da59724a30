"""Jobs of SLURM that are stopped: at a time limit, for others, by hand, in mid-save, twice."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from launch_jobs import limit, outcome, paced, restarts, step_of, until

from torchedu.cli import main
from torchedu.launch.slurm import SlurmJob
from torchedu.run_folder import RunFolder

PATIENCE = 900.0


def scontrol(*words: str) -> None:
    subprocess.run(["scontrol", *words], check=True, capture_output=True, text=True)


def scancel(*words: str) -> None:
    # A job that is just ending takes no signal; what came of it is looked at, not this.
    subprocess.run(["scancel", *words], check=False, capture_output=True, text=True)


class Job:
    """A job that was submitted.

    Args:
        options: Those of the launcher.
        run: The name of its run.
        words: The training, without its run.
    """

    def __init__(self, options: list[str], run: str, words: list[str]) -> None:
        training = ["--", "fit", "--run", f"runs/{run}", *words]
        asked = ["launch", "slurm", *options, "--name", run, "--probe", "0", "--submit", "--detach"]
        known = _jobs()
        assert main([*asked, *training]) == 0
        [self.number] = _jobs() - known
        self.job = SlurmJob(self.number)
        self.folder = Path("jobs", run).absolute()
        self.run = Path("runs", run).absolute()

    def said(self) -> str:
        """Return what it has said so far."""
        logs = sorted((self.folder / "logs").glob("*"))
        return f"{self.job.state()}\n" + "".join(f"{log.name}:\n{log.read_text()}" for log in logs)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, or the job has ended."""
        until(lambda: holds() or self.job.state().code is not None, PATIENCE, self.said)

    def goes_on(self, steps: int = 1) -> None:
        """Wait until it has trained for some steps more."""
        reached = step_of(self.folder)
        self.until(lambda: step_of(self.folder) >= reached + steps)

    def begins_again(self, times: int) -> None:
        """Wait until it has begun again so often."""
        self.until(lambda: restarts(self.job) >= times)


def _jobs() -> set[str]:
    words = ["squeue", "--noheader", "--format=%A", "--states=all"]
    return {*subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()}


def stopped_twice(words: list[str], meanwhile: Callable[[], None]) -> Job:
    """Train on two nodes, with a time limit and a preemption on the way, to the end.

    Args:
        words: The training.
        meanwhile: Puts a job into the partition that comes before.
    """
    options = ["--nodes", "2", "--time", "60", "--warn", "100"]
    job = Job(options, "mine", [*words, *paced(0.3)])
    job.goes_on(5)
    limit(job.job)  # of which the last 100 s have begun
    job.begins_again(1)
    scontrol("update", f"jobid={job.number}", "timelimit=60")
    job.goes_on(3)
    meanwhile()
    job.begins_again(2)
    job.until(lambda: False)
    return job


def requeued(words: list[str], times: int) -> tuple[int, int, Job]:
    """Train on a node, and be made to begin again, in four ways by turns.

    Args:
        words: The training.
        times: How often.

    Returns:
        How often it went on, how many signals fell into a save, and the job.
    """
    often = ["--save.every_n_steps", "1"]
    options = ["--time", "60", "--restarts", str(times + 2)]
    job = Job(options, "again", [*words, *often, *paced(0.4)])
    saving = RunFolder(job.run).checkpoints
    went_on = in_save = 0
    for turn in range(times):
        job.goes_on(2)
        kind = turn % 4
        if kind == 0:
            scontrol("requeue", job.number)
        elif kind == 1:  # in mid-save
            end = time.monotonic() + 20
            while time.monotonic() < end and not any(saving.glob(".*.part")):
                pass
            in_save += any(saving.glob(".*.part"))
            scontrol("requeue", job.number)
        elif kind == 2:  # asked by the script to stop, and once more while it does
            scancel("--signal=USR1", "--batch", job.number)
            time.sleep(0.2)
            scancel("--signal=USR1", "--batch", job.number)
        else:
            scancel("--signal=TERM", job.number)
        job.begins_again(turn + 1)
        went_on += job.job.state().code is None
    job.until(lambda: False)
    return went_on, in_save, job


def same(job: Job, whole: str) -> bool:
    """Say whether a job has ended well, as the training does that nobody stopped."""
    with suppress(OSError):
        return job.job.state().code == 0 and outcome(job.run) == whole
    return False


def in_folder(folder: Path, environment: dict[str, str]) -> None:
    """Work in a folder from here on, with some variables."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ.update(environment)
