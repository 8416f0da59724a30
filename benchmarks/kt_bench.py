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
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
from harness import Goal, Job

MINUTES = 30
"""Most that ``bench kt --quick`` may take by the clock, on two cores."""
BEFORE = "01bab74"
"""The commit whose ``fit`` is to take no less."""
STUDENTS, ANSWERS, SECONDS, TURNS = 300_000, 60, 173, 3
"""Students, answers of each, what the whole command of that commit took of CPU, and turns."""


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


def many(goal: str, students: int = STUDENTS, turns: int = TURNS) -> tuple[list[Goal], Any]:
    """Train the default on simulated students, as a command, in turns with an earlier commit's.

    That one trains for a pass of all answers, as it did when it took ``SECONDS``.
    """
    with TemporaryDirectory(prefix="kt-many-") as scratch:
        tree = Path(scratch) / "before"
        harness.run(["git", "-C", harness.ROOT, "worktree", "add", "--detach", tree, BEFORE])
        try:
            sides: dict[str, tuple[Path, list[str]]] = {
                "now": (harness.ROOT, []), BEFORE: (tree, ["--trainer.max_epochs", "1"])
            }  # fmt: skip
            stores = {side: Path(scratch) / f"{side}.store" for side in sides}
            for side, (code, _) in sides.items():
                size = ["--students", students, "--answers", ANSWERS]
                _command(code, "data", "simulate", stores[side], *size)
            spent: dict[str, list[float]] = {side: [] for side in sides}
            raw: dict[str, Any] = {"fits": spent}
            for turn in range(turns):
                for side, (code, words) in sides.items():
                    run = Path(scratch) / f"{side}-{turn}"
                    fit = ["fit", "--data.path", stores[side], "--run", run, *words]
                    ran = _command(code, *fit, "--trainer.accelerator", "cpu")
                    spent[side].append(round(ran.cpu_seconds, 1))
                    scored = json.loads((run / "evaluation.json").read_text("utf-8"))["scores"]
                    auc = {row["name"]: row["auc"] for row in scored}
                    raw[side] = {"peak_mib": round(ran.peak_mib), "auc": auc}
                    print(f"  {side}: {spent[side][-1]} CPU-s, {raw[side]}", flush=True)
        finally:
            harness.run(["git", "-C", harness.ROOT, "worktree", "remove", "--force", tree])
    mine, theirs = (median(each) for each in spent.values())
    must = (
        f"at most 1: CPU-seconds of a fit ({mine:.0f}) by those of commit {BEFORE}'s, in turns "
        f"({theirs:.0f}; {SECONDS * students / STUDENTS:.0f} on another day's machine)"
    )
    return [Goal(goal, round(mine / theirs, 3), must, mine <= theirs)], raw


def _command(code: Path, *words: object) -> harness.Finished:
    command = [harness.script("torchedu"), *map(str, words)]
    return harness.run(command, code, {"PYTHONPATH": str(code)})


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
