"""Does reading cost anything beside training, and do more workers cost more memory?

    python benchmarks/loader.py            # two minutes
    python benchmarks/loader.py --short    # one minute, a smaller class

The first figure compares processor time on one thread: how many answers a second the loader builds
into batches (order, gather, padding), against how many DKT of width 200 trains on in bfloat16, both
in steps of 20,000 answers, in turns. The second is the memory of a training process and its workers
together after all of them went through the class, eight workers against one; shared pages are
counted once (``Pss``), the pages of the mapped files among them. A worker has about 15 MiB of its
own, whatever the class, so that the ratio is the smaller the larger the class.
"""

import json
import os
import statistics
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import torch
from harness import Goal, Job
from kt_versus import KEEP_MEMORY
from trainer_overhead import Loader, bare, students

import torchedu
from torchedu import models
from torchedu.datasets.simulator import simulate

TURNS = 7
TIMES = 200
MORE = 1.2
WORKERS = (1, 8)


def speed(turns: int) -> None:
    """Print as JSON how many answers a CPU-second are read, and trained on, in each turn."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    found: dict[str, list[float]] = {"read": [], "trained": []}
    with TemporaryDirectory() as folder:
        data = students(Path(folder))
        num_answers = int((data.parts["train"].stop - data.parts["train"].first).sum())
        task = torchedu.KnowledgeTracing(models.DKT, data.num_items, data.num_skills)
        for _ in range(turns):
            loader = data.train_dataloader()
            begin = time.process_time()
            for _ in loader:
                pass
            found["read"].append(num_answers / (time.process_time() - begin))
            begin = time.process_time()
            bare(task, Loader(data.train_dataloader()))
            found["trained"].append(num_answers / (time.process_time() - begin))
    print(json.dumps(found))


def memory(path: str, workers: int) -> None:
    """Print how many MiB this process and its workers hold once they have read everything."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    data = torchedu.Interactions(path, batch_size=128, context=0, num_workers=workers)
    most = 0.0
    for i, _ in enumerate(loader := data.train_dataloader()):
        if i >= len(loader) - 2 * workers - 2:  # workers are still there
            most = max(most, sum(map(pss, [os.getpid(), *children()])))
    print(most / 2**10)


def children() -> list[int]:
    """Return the processes that this one has started."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text().split()]


def pss(process: int) -> int:
    """Return the KiB of a process, a page that n processes share counted as 1/n of one."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def fast(goal: str, turns: int) -> tuple[list[Goal], Any]:
    """Compare the loader with training."""
    found = json.loads(_output(f"speed({turns})", KEEP_MEMORY))
    read, trained = (statistics.median(found[name]) for name in ("read", "trained"))
    print(f"  answers a CPU-second: read {read / 1e6:.1f} M, trained on {trained / 1e6:.3f} M")
    ratio = read / trained
    must = f"answers are read at least {TIMES} times as fast as they are trained on"
    return [Goal(goal, round(ratio), must, ratio >= TIMES)], {"answers_a_cpu_second": found}


def shared(goal: str, size: int) -> tuple[list[Goal], Any]:
    """Compare the memory of many workers with that of one."""
    if sys.platform != "linux":
        raise harness.Skip("shared pages are told apart on Linux alone")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "class.store"
        simulate(path, students=size, skills=100, items=5000, answers=100, seed=0)
        mib = {n: float(_output(f"memory({str(path)!r}, {n})", {})) for n in WORKERS}
        size_mib = sum(file.stat().st_size for file in path.rglob("*")) / 2**20
    one, many = mib.values()
    print(f"  {one:,.0f} MiB with one worker, {many:,.0f} with eight, data {size_mib:,.0f}")
    must = f"eight workers in less than {MORE} times the memory of one"
    return [Goal(goal, round(many / one, 3), must, many < MORE * one)], {
        "mib": mib,
        "data_mib": round(size_mib),
    }


def _output(call: str, environment: dict[str, str]) -> str:
    """Return what a function of this module prints last in a process of its own."""
    words = [sys.executable, "-c", f"import loader; loader.{call}"]
    return harness.run(words, Path(__file__).parent, environment).output.splitlines()[-1]


JOBS = [
    Job(("fast.loader",), partial(fast, "fast.loader", TURNS)),
    Job(("fast.loader_memory",), partial(shared, "fast.loader_memory", 300_000)),
    Job(("fast.loader_short",), partial(fast, "fast.loader_short", 3), short=True),
    Job(
        ("fast.loader_memory_short",),
        partial(shared, "fast.loader_memory_short", 200_000),
        short=True,
    ),
]

if __name__ == "__main__":
    sys.exit(harness.main("loader", JOBS, __doc__.splitlines()[0]))
