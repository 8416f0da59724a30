"""How fast do networks of knowledge tracing train on a GPU, and what does the trainer cost there?

    python benchmarks/gpu_kt.py            # under eight minutes on one GPU; none, and it says so
    python benchmarks/gpu_kt.py --short    # one pass less, DKT alone

Each network trains on the same simulated class in steps of 100,000 answers, with
``torchedu.trainer`` and in a bare loop, in turns. Noted are answers a second by the clock, of whole
passes but the first, with all work on the device awaited at both ends. The figure of a network is
the trainer's rate as a share of the bare loop's.
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
import trainer_overhead
from ddp_scaling import Clock, await_device
from harness import Goal, Job
from lightning import seed_everything
from trainer_overhead import Loader, bare, students

import torchedu
from torchedu import models

SMALL = "TORCHEDU_SMALL" in os.environ
"""Whether it only has to run, on whatever there is: for a try before minutes of a GPU are spent."""
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
ANSWERS = 500 if SMALL else 100_000  # of a step
TURNS, PASSES = (1, 2) if SMALL else (3, 4)
if SMALL:
    trainer_overhead.STUDENTS, trainer_overhead.EACH, trainer_overhead.SKILLS = 250, 10, 20
LEAST = 0.9
KINDS = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}
NETS = {"DKT": models.DKT, "SAKT": partial(models.SAKT, blocks=4)}


def rates(net: str, turns: int) -> dict[str, dict[str, float]]:
    """Return answers a second, bare and under the trainer, by precision."""
    warnings.filterwarnings("ignore")
    seed_everything(0, verbose=False)
    torch.set_float32_matmul_precision("high")
    told: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        data = students(Path(folder), ANSWERS)
        answers = int((data.parts["train"].stop - data.parts["train"].first).sum())
        for precision, kind in KINDS.items():
            seconds: dict[str, list[float]] = {"bare": [], "trainer": []}
            for turn in range(turns):
                task = torchedu.KnowledgeTracing(NETS[net], data.num_items, data.num_skills)
                seconds["bare"] += _bare(task.to(DEVICE), data, kind)
                clock = Clock()
                trainer = torchedu.trainer(
                    f"{folder}/{precision}-{turn}",
                    max_epochs=PASSES,
                    accelerator="gpu" if ON_GPU else "cpu",
                    devices=1,
                    precision=precision,
                    callbacks=[clock],
                )
                task = torchedu.KnowledgeTracing(NETS[net], data.num_items, data.num_skills)
                trainer.fit(task, data)
                seconds["trainer"] += [wall for wall, _ in clock.each[1:]]
            told[precision] = {
                side: round(answers / statistics.median(each)) for side, each in seconds.items()
            }
            print(f"  {net}, {precision}: {told[precision]} answers a second", flush=True)
    return told


def _bare(task: Any, data: torchedu.Interactions, kind: torch.dtype) -> list[float]:
    seconds = []
    for _ in range(PASSES):
        await_device()
        begin = time.perf_counter()
        bare(task, Loader(data.train_dataloader()), DEVICE, kind)
        await_device()
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def near(goal: str, net: str, turns: int) -> tuple[list[Goal], Any]:
    """Compare the trainer with a bare loop."""
    told = rates(net, turns)
    share = min(one["trainer"] / one["bare"] for one in told.values())
    must = f"the trainer at least {LEAST} times as fast as a bare loop"
    return [Goal(goal, round(share, 3), must, share >= LEAST)], {
        "answers_a_second": told,
        "gpu": torch.cuda.get_device_name() if ON_GPU else None,
    }


JOBS = [
    Job(("fast.gpu_dkt",), partial(near, "fast.gpu_dkt", "DKT", TURNS)),
    Job(("fast.gpu_sakt",), partial(near, "fast.gpu_sakt", "SAKT", TURNS)),
    Job(("fast.gpu_dkt_short",), partial(near, "fast.gpu_dkt_short", "DKT", 1), short=True),
]

if __name__ == "__main__":
    if not (ON_GPU or SMALL):
        print("There is no GPU here: nothing is measured.")
        print(json.dumps({"benchmark": "gpu_kt", "goals": []}))
        sys.exit(0)
    sys.exit(harness.main("gpu_kt", JOBS, __doc__.splitlines()[0]))
