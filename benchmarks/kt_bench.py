"""How long a first comparison of all networks takes, and the default on very many students.

    python benchmarks/kt_bench.py            # the campaign: an hour on two cores
    python benchmarks/kt_bench.py --short    # two networks on one set

The real data sets are looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
from harness import Goal, Job

MINUTES = 30
"""Most that ``bench kt --quick`` may take by the clock, on two cores."""
STUDENTS, ANSWERS, SECONDS = 300_000, 60, 173
"""Students, answers of each, and what the whole command of commit 01bab74 took of CPU."""


def quick(
    goal: str, sets: Sequence[str] = tuple(kt_scores.SETS), nets: str = ""
) -> tuple[list[Goal], Any]:
    """Compare networks on data sets as a first look does, by the clock."""
    with TemporaryDirectory(prefix="kt-bench-") as scratch:
        folder = Path(scratch)
        stores = [kt_scores.imported(name, folder / f"{name}.store") for name in sets]
        words = [
            "bench",
            "kt",
            *map(str, stores),
            "--quick",
            "true",
            "--run",
            str(folder / "bench"),
        ]
        words += ["--nets", nets] if nets else []
        begin = time.perf_counter()
        spent = harness.run([harness.script("torchedu"), *words])
        minutes = (time.perf_counter() - begin) / 60
        results = json.loads((folder / "bench" / "results.json").read_text("utf-8"))["sets"]
    raw = {
        "cpu_seconds": round(spent.cpu_seconds),
        "sets": {
            title: {row["name"]: row.get("cpu_seconds") for row in compared["models"]}
            for title, compared in results.items()
        },
    }
    must = f"below {MINUTES} minutes by the clock, {len(sets)} sets ({spent.cpu_seconds:.0f} CPU-s)"
    return [Goal(goal, round(minutes, 2), must, minutes < MINUTES)], raw


def many(goal: str, students: int = STUDENTS) -> tuple[list[Goal], Any]:
    """Train the default on simulated students, as a command."""
    with TemporaryDirectory(prefix="kt-many-") as scratch:
        store, run = Path(scratch) / "class.store", Path(scratch) / "run"
        torchedu = harness.script("torchedu")
        size = ["--students", str(students), "--answers", str(ANSWERS), "--truth", "false"]
        harness.run([torchedu, "data", "simulate", str(store), *size])
        words = [
            "fit",
            "--data.path",
            str(store),
            "--run",
            str(run),
            "--trainer.accelerator",
            "cpu",
        ]
        spent = harness.run([torchedu, *words])
        scored = json.loads((run / "evaluation.json").read_text("utf-8"))["scores"]
    most = SECONDS * students / STUDENTS
    ratio = spent.cpu_seconds / most
    must = f"at most 1: CPU-seconds ({spent.cpu_seconds:.0f}) of a fit by {most:.0f}"
    raw = {"cpu_seconds": round(spent.cpu_seconds), "peak_mib": round(spent.peak_mib)}
    return [Goal(goal, round(ratio, 3), must, ratio <= 1)], {**raw, "scores": scored}


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""
    two = partial(quick, "kt.bench_minutes_short", sets=("statics",), nets="bkt,re_kt")
    return [
        Job(("kt.bench_minutes",), partial(quick, "kt.bench_minutes")),
        Job(("kt.fast_many",), partial(many, "kt.fast_many")),
        Job(("kt.bench_minutes_short",), two, short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_bench", jobs(), __doc__.splitlines()[0]))
