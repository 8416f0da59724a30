"""What campaigns of jobs share: a class, the words of a training on it, and how ends compare."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import ROOT

import torchedu
from torchedu.checkpoints import open_checkpoint
from torchedu.datasets.simulator import simulate
from torchedu.job_status import JobStatus
from torchedu.launch.slurm import SlurmJob
from torchedu.run_folder import RunFolder

CLASS = {"students": 80, "skills": 3, "items": 12, "answers": 15}
WORDS = (
    *("--model.net", "ItemDKT", "--model.net.dim", "8", "--model.net.dropout", "0.1"),
    *("--data.batch_size", "8", "--trainer.accelerator", "cpu", "--trainer.log_every_n_steps", "1"),
    *("--trainer.max_epochs", "10", "--early_stopping.patience", "100"),
    *("--trainer.enable_progress_bar", "false"),
)
"""A training of 70 steps whose every loss is in its log."""
LONG = (*WORDS, "--trainer.max_epochs", "32")
"""The same of 224 steps, for many stops."""


def variables() -> dict[str, str]:
    """Return what processes of a job need to find torchedu and the pace of a campaign."""
    package = Path(torchedu.__file__).parents[1]
    path = [str(package), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "OMP_NUM_THREADS": "1"}


def class_of(folder: Path) -> Path:
    """Return a small class's store."""
    return simulate(folder / "class.store", **CLASS).path


def paced(seconds: float) -> list[str]:
    """Return the words that let a training wait after every step."""
    return ["--trainer.callbacks+=launch_paced.Paced", f"--trainer.callbacks.seconds={seconds}"]


def alone(store: Path, run: Path, ranks: int = 2, training: Sequence[str] = WORDS) -> str:
    """Train on some ranks without a stop, and return what it came to."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    program = str(Path(sys.executable).parent / "torchedu")
    words = ["--run", str(run), "--data.path", str(store), *training]
    words += ["--trainer.devices", str(ranks)]
    done = subprocess.run(
        [sys.executable, *torchrun, "--no-python", "--", program, "fit", *words],
        env={**os.environ, **variables()},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-1000:] + done.stderr[-3000:])
    return outcome(run)


def outcome(run: Path) -> str:
    """Return what tells a training from any other: its whole log and its last weights."""
    digest = hashlib.sha256((run / RunFolder.METRICS).read_bytes())
    weights = open_checkpoint(RunFolder(run).last).content["state_dict"]
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].numpy().tobytes())
    return digest.hexdigest()


def step_of(folder: Path) -> int:
    """Return the step that a job's training has told last; -1 where it has told none."""
    status = JobStatus.read(folder / JobStatus.FILE)
    return -1 if status is None else status.step


def until(holds: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    """Wait until something holds.

    Raises:
        RuntimeError: It does not in time; ``why`` says what there is instead.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(why())
        time.sleep(0.1)


def shown(job: SlurmJob, field: str) -> str:
    """Return what SLURM shows of a job."""
    said = subprocess.run(
        ["scontrol", "show", "job", "--oneliner", job.name.rpartition(" ")[2]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return said.partition(f" {field}=")[2].split()[0]


def restarts(job: SlurmJob) -> int:
    """Return how often a job has begun again."""
    return int(shown(job, "Restarts"))


def limit(job: SlurmJob) -> None:
    """Give a job a time limit that comes in one to two minutes; SLURM counts them whole."""
    hours, minutes, _ = map(int, shown(job, "RunTime").rpartition("-")[2].split(":"))
    number = job.name.rpartition(" ")[2]
    soon = f"timelimit={60 * hours + minutes + 2}"
    subprocess.run(["scontrol", "update", f"jobid={number}", soon], check=True)
