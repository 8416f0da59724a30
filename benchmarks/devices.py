"""Does every network work in every precision, on devices that are not here, in threads that fit?

    python benchmarks/devices.py           # hours: 200 cases of growth a network, all options
    python benchmarks/devices.py --short   # minutes

Nothing here needs a GPU, and nothing here has met one: what a GPU would refuse is found out on a
CPU (``torchedu.testing.Pretended``). What one can do is measured by ``gpu_campaign.py``.
"""

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import harness
from devices_clock import FILE
from devices_options import GOES, IMPORTED, TASKS, WORKS, Trials, write_data
from harness import Goal, Job

from torchedu.strategies.named import STRATEGIES
from torchedu.testing.launch import LaunchServer

BUSY = 4
"""Processes that compute beside a training."""
SHARE = 0.8
CASES = 200
PRECISIONS = "tests/strategies/test_precisions.py"
MATRIX = "tests/strategies/test_matrix.py::test_what_is_not_refused_works"
GROWN = "tests/domains/test_grown.py"


def run_tests(
    goal: str, file: str, must: str, cases: int = 1, only: str = ""
) -> tuple[list[Goal], Any]:
    """Run a file of tests, and count what fails."""
    ran, failed = counted(file, {"TORCHEDU_CASES": str(cases)}, only)
    return [Goal(goal, failed, must, not failed and ran > 0)], {"tests": ran, "cases": cases}


def counted(file: str, environment: dict[str, str], only: str = "") -> tuple[int, int]:
    """Run a file of tests, and return how many ran and how many of them failed."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
        words += [f"--junitxml={report}", *(["-k", only] if only else [])]
        every = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        subprocess.run(words, cwd=harness.ROOT, env=every, check=False)
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
        ran = int(suite.get("tests", 0)) - int(suite.get("skipped", 0))
        return ran, sum(int(suite.get(name, 0)) for name in ("failures", "errors"))


def matrix(goal: str) -> Iterator[tuple[list[Goal], Any]]:
    """Try all cells, a strategy after the other; what was tried of this commit is not again."""
    tests, failed = counted(PRECISIONS, {})
    counts = Counter(works=0)
    folder = harness.ROOT / "runs" / "cells" / harness.commit()
    for strategy in STRATEGIES:
        ran, wrong = counted(f"{MATRIX}[{strategy}]", {"TORCHEDU_CELLS": str(folder)})
        tests, failed = tests + ran, failed + wrong
        files = sorted((folder / strategy).glob("rank-*.jsonl"))
        said: dict[tuple[str, ...], bool] = {}
        for line in (json.loads(x) for file in files for x in file.read_text("utf-8").splitlines()):
            where = (line["network"], line["precision"], line["action"])
            said[where] = said.get(where, True) and line["outcome"] == "works"
        counts.update("works" if works else "wrong" for works in said.values())
        counts["not there"] += not ran
        wrongs = max(failed, counts["wrong"])
        whole = strategy == [*STRATEGIES][-1] and not counts["not there"]
        yield [Goal(goal, wrongs, CELL, whole and not wrongs)], {"tests": tests, "cells": counts}


def options(goal: str, short: bool) -> Iterator[tuple[list[Goal], Any]]:
    """Try all options of the trainer, alone and in pairs; those of this commit are not again."""
    must = "0 tracebacks, and no refusal of more or less than two lines or after training began"
    counts: Counter[str] = Counter()
    wrong: list[dict[str, Any]] = []
    with TemporaryDirectory() as place, LaunchServer(IMPORTED) as launch:
        files = write_data(Path(place))
        folder = Path(place) if short else harness.ROOT / "runs" / "options" / harness.commit()
        folder.mkdir(parents=True, exist_ok=True)
        for task in list(TASKS)[: 1 if short else None]:
            trials = Trials(task, files[task], launch, folder)
            alone = [*trials.singles(9 if short else 1)]
            working = [word for tried in alone for word in tried.words if tried.outcome == WORKS]
            for kind, runs in {"": alone, "pairs: ": trials.pairs(working)}.items():
                for tried in () if kind and short else runs:
                    counts[f"{kind}{tried.outcome}"] += 1
                    if tried.outcome not in GOES:
                        wrong.append({"task": task, **tried._asdict()})
            whole = short or task == [*TASKS][-1]
            yield (
                [Goal(goal, len(wrong), must, whole and not wrong)],
                {
                    "runs": counts,
                    "wrong": wrong,
                },
            )


def rate(store: Path, folder: Path, threads: int | None) -> dict[str, float]:
    """Return how fast a command trains, by processor time and by the clock.

    Args:
        store: What it trains on.
        folder: For its run.
        threads: As the environment says; None where it says nothing.
    """
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    clock = folder / "passes.jsonl"
    clock.unlink(missing_ok=True)
    here = str(Path(__file__).parent)
    environment |= {
        FILE: str(clock),
        "PYTHONPATH": os.pathsep.join([str(harness.ROOT), here]),
        **({} if threads is None else {"OMP_NUM_THREADS": str(threads)}),
    }
    words = [
        str(harness.script("torchedu")), "fit", "--data.path", str(store), "--model.net", "DKT",
        "--trainer.max_epochs", "3", "--run", str(folder / f"run {threads}"),
        "--trainer.accelerator", "cpu", "--trainer.callbacks+=devices_clock.PassClock",
    ]  # fmt: skip
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    passes = [json.loads(line) for line in clock.read_text("utf-8").splitlines()]
    told = [line for line in done.stderr.splitlines() if line.startswith("Computing with")]
    by_cpu, by_clock = (
        statistics.median(each["answers"] / each[name] for each in passes)
        for name in ("cpu", "seconds")
    )
    print(f"  {threads or 'chosen'}: {by_cpu:,.0f} answers a CPU-second {told}", flush=True)
    return {"by_cpu": round(by_cpu), "by_clock": round(by_clock)}


def threads(goal: str, students: int) -> tuple[list[Goal], Any]:
    """Compare what a command chooses beside others' work with the best that could be said."""
    from torchedu.datasets.simulator import simulate

    with TemporaryDirectory() as place:
        folder = Path(place)
        simulate(folder / "class.store", students=students, skills=20, items=100, answers=60)
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY)]
        try:
            measure = partial(rate, folder / "class.store", folder)
            rates = {str(number or "chosen"): measure(number) for number in (None, 1, 2)}
        finally:
            for other in others:
                other.kill()
                other.wait()
    best = max(at["by_cpu"] for at in rates.values())
    share = rates["chosen"]["by_cpu"] / best
    must = f"at least {SHARE} of the answers a CPU-second of the best setting, beside {BUSY} others"
    return [Goal(goal, round(share, 3), must, share >= SHARE)], {"answers_a_second": rates}


CELL = "0 cells that neither work nor are refused: networks, precisions, strategies, actions"
STEP = "0 networks with mixed devices or what CUDA bans under autocast or determinism"
OLD = "0 networks whose old names predict otherwise by 1e-6 after growing"
JOBS = [
    Job(("device.threads",), partial(threads, "device.threads", 2000)),
    Job(("device.matrix",), partial(matrix, "device.matrix")),
    Job(("device.meta",), partial(run_tests, "device.meta", "tests/testing/test_devices.py", STEP)),
    Job(("device.grow",), partial(run_tests, "device.grow", GROWN, OLD, CASES)),
    Job(("device.options",), partial(options, "device.options", False)),
    Job(("device.threads_short",), partial(threads, "device.threads_short", 300), short=True),
    Job(
        ("device.matrix_short",),
        partial(run_tests, "device.matrix_short", PRECISIONS, CELL, only="bf16-true and not KT"),
        short=True,
    ),
    Job(
        ("device.grow_short",),
        partial(run_tests, "device.grow_short", GROWN, OLD, 3),
        short=True,
    ),
    Job(("device.options_short",), partial(options, "device.options_short", True), short=True),
]

if __name__ == "__main__":
    sys.exit(harness.main("devices", JOBS, __doc__.splitlines()[0]))
