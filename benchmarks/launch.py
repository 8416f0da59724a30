"""Trainings that are launched: on a real SLURM, under torchrun on two machines, on Ray; manifests.

python benchmarks/launch.py [--only GOAL ... --keep]

As root on Linux: SLURM's daemons and network namespaces need it. ``launch.manifests`` reads what is
written for SkyPilot by its own parser where TORCHEDU_SKYPILOT names a Python that has it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import launch_elastic
import launch_ray
from harness import ROOT, Goal, Job, main
from launch_jobs import LONG, WORDS, alone, class_of, variables
from launch_requeue import Job as Submitted
from launch_requeue import in_folder, requeued, same, stopped_twice
from launch_slurm import slurm

TIMES = 20
KILLS = 10
MANIFESTS = ("tests/launch/test_kubernetes.py", "tests/launch/test_cloud.py",
             "tests/launch/test_slurm.py", "tests/launch/test_torchrun.py")  # fmt: skip


@contextmanager
def cluster() -> Iterator[Path]:
    """Run a SLURM, and work in a folder of it."""
    before, environment = Path.cwd(), {**os.environ}
    with TemporaryDirectory(prefix="launch-") as folder, slurm(Path(folder) / "slurm") as own:
        try:
            in_folder(Path(folder) / "work", {**variables(), **own})
            yield Path(folder) / "work"
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)


def measure_slurm() -> tuple[list[Goal], Any]:
    with cluster() as folder:
        store = class_of(folder)
        words = ["--data.path", str(store), *WORDS]

        def meanwhile() -> None:
            few = [*words, "--trainer.max_epochs", "1"]
            Submitted(["--partition", "high", "--nodes", "2"], "before", few)

        job = stopped_twice(words, meanwhile)
        equal = same(job, alone(store, folder / "whole"))
        said = job.said()
        stops = [f"Stopped by {name} after step" in said for name in ("SIGUSR1", "SIGTERM")]
        kept = {"state": job.job.state().said, "saved at the limit, at preemption": stops}
    differing = 2 - sum(stops) + (not equal)
    must = "0 of 2 stops leave a trace: a time limit and a preemption, on two nodes"
    return [Goal("launch.slurm", differing, must, differing == 0)], kept


def measure_requeue() -> tuple[list[Goal], Any]:
    with cluster() as folder:
        store = class_of(folder)
        words = ["--data.path", str(store), *LONG]
        went_on, in_save, job = requeued(words, TIMES)
        equal = same(job, alone(store, folder / "whole", 1, LONG))
        kept = {"state": job.job.state().said, "in a save": in_save, "curve equal": equal}
    figure = went_on if equal else 0
    must = f"{TIMES} of {TIMES} requeues go on, and the curve is that of a run that nobody stopped"
    return [Goal("launch.requeue20", figure, must, figure == TIMES)], kept


def measure_elastic() -> tuple[list[Goal], Any]:
    with TemporaryDirectory(prefix="launch-") as folder:
        went_on, equal = launch_elastic.killed(Path(folder) / "work", KILLS)
    figure = went_on if equal else 0
    must = f"{KILLS} of {KILLS} killed workers, and the curve is that of a run that nobody stopped"
    goal = Goal("launch.elastic10", figure, must, figure == KILLS)
    return [goal], {"went on": went_on, "curve equal": equal}


def measure_ray() -> tuple[list[Goal], Any]:
    with TemporaryDirectory(prefix="launch-") as folder:
        equal = launch_ray.as_alone(Path(folder) / "work")
    must = "0 numbers differ between Ray Train on two nodes and a plain run"
    return [Goal("launch.ray", int(not equal), must, equal)], {"equal": equal}


def measure_manifests() -> tuple[list[Goal], Any]:
    words = [sys.executable, "-m", "pytest", "-q", "-rs", *MANIFESTS]
    words += ["-k", "letter or valid or schemas or parser"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    wrong = 0 if done.returncode == 0 and "skipped" not in last else 1
    must = "0 manifests that their schemas refuse, or that are not the pinned ones"
    return [Goal("launch.manifests", wrong, must, wrong == 0)], {"said": last}


JOBS = [
    Job(("launch.manifests",), measure_manifests),
    Job(("launch.slurm",), measure_slurm),
    Job(("launch.requeue20",), measure_requeue),
    Job(("launch.elastic10",), measure_elastic),
    Job(("launch.ray",), measure_ray),
]

if __name__ == "__main__":
    sys.exit(main("launch", JOBS, __doc__ or ""))
