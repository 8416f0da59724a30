"""Does a search lose no trial to kills, and does it end in a front where it matters?

    python benchmarks/tune.py            # an hour on 2 cores
    python benchmarks/tune.py --short    # fewer trials and kills, within 5 minutes

``tune.workers`` is the number of failures: four processes work on 200 trials, which stand in a
journal, and in PostgreSQL for ``tune.workers_postgresql``; one of them is killed every 20 seconds.
``tune.ddp`` is the number of strategies under which trials of two ranks fail, hang or are never
stopped. ``tune.ray`` counts what a search on two nodes of a Ray cluster loses where it is killed,
or where it has other scores than one of processes. ``tune.pareto`` is by how much the front of
accuracy and fairness is wider than those of unpruned TPE and NSGA-II, and not narrower than those
of syne-tune and NePS, on a table of configurations trained once (``tune_table.py``). ``tune.real``
is the minutes of one search of the early warning's accuracy and ABROCA on OULAD.
"""

import csv
import json
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers share the machine's cores

import harness
from harness import Goal, Job, Skip, real_data, run, script
from tune_pareto import replayed
from tune_ray import cluster, same
from tune_workers import command, postgresql, workers

MINUTES = 20.0
REAL = harness.ROOT / "examples" / "early_warning_search" / "space.yaml"


def survived(
    goal: str, trials: int, every: float, kills: int, server: bool = False
) -> tuple[list[Goal], Any]:
    """Count what is lost or doubled where workers are killed."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(TemporaryDirectory(prefix="torchedu-tune-")))
        storage = ends.enter_context(postgresql()) if server else ""
        problems, raw = workers(folder, storage, trials, every, kills)
    for problem in problems:
        print(f"  {problem}", flush=True)
    where = "PostgreSQL" if server else "a journal"
    must = f"0 of {trials} trials in {where} lost or doubled, at {kills} kills or more"
    return [Goal(goal, len(problems), must, not problems)], {"failures": problems, **raw}


def together(trials: int, strategies: tuple[str, ...]) -> tuple[list[Goal], Any]:
    """Count the trials of two ranks that do not come to an end, or are not stopped where due."""
    problems: list[str] = []
    raw: dict[str, Any] = {}
    for strategy in strategies:
        with TemporaryDirectory(prefix="torchedu-tune-") as name:
            folder = Path(name)
            more = ["--trainer.devices", 2, "--trainer.strategy", strategy, "--pruner", "asha"]
            begin = time.monotonic()
            run(command(folder, trials, 4, more), folder)
            with (folder / "study" / "trials.csv").open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        states = Counter(row["state"] for row in rows)
        raw[strategy] = {**states, "seconds": round(time.monotonic() - begin)}
        whole = states["whole"] + states["stopped"]
        if whole != trials or not states["stopped"]:
            problems.append(f"{strategy}: {dict(states)}")
    for problem in problems:
        print(f"  {problem}", flush=True)
    must = f"0: of {len(strategies) * trials} trials of two ranks all end, some stopped early"
    return [Goal("tune.ddp", len(problems), must, not problems)], {"failures": problems, **raw}


def on_ray() -> tuple[list[Goal], Any]:
    """Count what is lost or differs where a cluster searches, and is killed."""
    if find_spec("ray") is None:
        raise Skip("needs the package ray")
    with TemporaryDirectory(prefix="torchedu-tune-") as name, cluster() as variables:
        problems, raw = same(Path(name), variables, 8, 6)
    for problem in problems:
        print(f"  {problem}", flush=True)
    must = "0 trials of two nodes lost, or with other scores than in processes of one host"
    return [Goal("tune.ray", len(problems), must, not problems)], {"failures": problems, **raw}


def real(trials: int) -> tuple[list[Goal], Any]:
    """Search the early warning's options on OULAD, as a user does."""
    with TemporaryDirectory(prefix="torchedu-tune-") as name:
        folder = Path(name)
        words = ["tune", "--config", "at_risk", "--space", REAL]
        words += ["--data.path", real_data() / "atrisk" / "oulad", "--data.fair_to", "disability"]
        words += ["--objectives", "val/auc,val/abroca.disability", "--trials", trials]
        words += ["--workers", 2, "--seeds", 1, "--study", folder / "study"]
        words += ["--trainer.accelerator", "cpu", "--enough.epochs", 9, "--enough.steps", 0]
        done = run([script("torchedu"), *words], folder)
        with (folder / "study" / "trials.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        tested = json.loads((folder / "study" / "test.json").read_text("utf-8"))
        reports = list((folder / "study" / "best").glob("*/report.html"))
        print(done.output[-3000:], flush=True)
    ended = bool(reports) and any(row["front"] for row in rows)
    minutes = done.seconds / 60
    must = f"at most {MINUTES:g} minutes to a front, a winner and a report"
    goal = Goal("tune.real", minutes, must, ended and minutes <= MINUTES)
    return [goal], {"trials": rows, "test": tested, "cpu_minutes": done.cpu_seconds / 60}


JOBS = [
    Job(("tune.workers",), partial(survived, "tune.workers", 200, 20.0, 20)),
    Job(
        ("tune.workers_postgresql",),
        partial(survived, "tune.workers_postgresql", 200, 20.0, 20, server=True),
    ),
    Job(("tune.workers",), partial(survived, "tune.workers", 12, 5.0, 2), short=True),
    Job(("tune.ddp",), partial(together, 25, ("ddp", "fsdp"))),
    Job(("tune.ddp",), partial(together, 3, ("ddp",)), short=True),
    Job(("tune.ray",), on_ray),
    Job(("tune.pareto",), replayed),
    Job(("tune.real",), partial(real, 20)),
]

if __name__ == "__main__":
    sys.exit(harness.main("tune", JOBS, __doc__.splitlines()[0]))
