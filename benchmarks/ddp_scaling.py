"""How much faster do two processes of one thread train than one?

    python benchmarks/ddp_scaling.py            # about six minutes
    python benchmarks/ddp_scaling.py --short    # two minutes, one turn each

DKT of width 200 in bfloat16, gradients exchanged by gloo. All sides train on the same class, and
take turns. The figure is the ratio of the medians of the wall time of a pass, so that it needs two
cores that nobody else uses; the processor time beside it tells what training together costs.

The goal's figure is weak scaling, as usual: each process goes through batches of 40,000 answers,
whether it is alone or one of two, who then take steps of 80,000 together. Told beside it are the
same with 20,000 each, and strong scaling: the same batches of 40,000, divided between two. A
recurrent network's steps then have half as many rows on each rank, and what a step costs besides
its rows weighs twice.
"""

import json
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
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from trainer_overhead import students

import torchedu
from torchedu import models

PASSES = 4  # of a turn; the first finds its memory and is left out
TURNS = 3
LEAST = 1.8
# Answers in a step of one process, and of two together.
SCALINGS = {
    "weak, 40,000 each": (40_000, 80_000),  # the goal's
    "weak, 20,000 each": (20_000, 40_000),
    "strong, 40,000 together": (40_000, 40_000),
}


class Clock(Callback):
    """Notes the seconds of each pass, by the clock and of this rank's processor."""

    def __init__(self) -> None:
        self.each: list[tuple[float, float]] = []

    def on_train_epoch_start(self, trainer: Trainer, *given: Any) -> None:
        trainer.strategy.barrier()
        await_device()
        self._begin = time.perf_counter(), time.process_time()

    def on_validation_start(self, trainer: Trainer, *given: Any) -> None:
        if not trainer.sanity_checking:
            await_device()
            wall, cpu = self._begin
            self.each.append((time.perf_counter() - wall, time.process_time() - cpu))


def await_device() -> None:
    """Wait for what a GPU still has to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(folder: str, turn: int, ranks: int, answers: int) -> None:
    """Train, and print as JSON the seconds of each pass on the first rank."""
    torch.set_num_threads(1)
    seed_everything(0, verbose=False)
    warnings.filterwarnings("ignore")
    data, clock = students(Path(folder), answers), Clock()
    task = torchedu.KnowledgeTracing(models.DKT, data.num_items, data.num_skills)
    trainer = torchedu.trainer(
        f"{folder}/run-{turn}-{ranks}-{answers}",
        max_epochs=PASSES,
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        precision="bf16-mixed",
        callbacks=[clock],
    )
    trainer.fit(task, data)
    if trainer.is_global_zero:
        print(json.dumps(clock.each[1:]), flush=True)


def scaling(goal: str, turns: int) -> tuple[list[Goal], Any]:
    """Train in turns on one rank and on two."""
    here = Path(__file__).parent
    sides = sorted({side for pair in SCALINGS.values() for side in enumerate(pair, start=1)})
    seconds: dict[tuple[int, int], list[tuple[float, float]]] = {side: [] for side in sides}
    with TemporaryDirectory(prefix="ddp-scaling-") as folder:
        students(Path(folder))
        code = Path(folder) / "measure.py"
        for turn in range(turns):
            for side in sides:
                asked = (folder, turn, *side)
                code.write_text(f"import ddp_scaling\nddp_scaling.measure(*{asked!r})\n")
                words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", side[0]]
                environment = {**KEEP_MEMORY, "PYTHONPATH": str(here)}
                done = harness.run([sys.executable, *words, code], Path(folder), environment)
                line = next(one for one in done.output.splitlines() if one.startswith("[["))
                seconds[side] += json.loads(line)
    told = {name: _told(seconds[1, one], seconds[2, two]) for name, (one, two) in SCALINGS.items()}
    for name, figures in told.items():
        print(f"  {name}: {figures}", flush=True)
    ratio = next(iter(told.values()))["times_as_fast"]
    must = f"two ranks at least {LEAST} times as fast as one, each on batches of 40,000 answers"
    return [Goal(goal, ratio, must, ratio >= LEAST)], {
        "scalings": told,
        "passes": {f"{ranks} of {answers}": each for (ranks, answers), each in seconds.items()},
    }


def _told(one: list[tuple[float, float]], two: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = (
        [statistics.median(seconds[i] for seconds in passes) for passes in (one, two)]
        for i in (0, 1)
    )
    return {
        "seconds_on_one": round(wall[0], 2),
        "seconds_on_two": round(wall[1], 2),
        "times_as_fast": round(wall[0] / wall[1], 3),
        "cpu_of_two_to_one": round(2 * cpu[1] / cpu[0], 3),
    }


JOBS = [
    Job(("fast.ddp",), partial(scaling, "fast.ddp", TURNS)),
    Job(("fast.ddp_short",), partial(scaling, "fast.ddp_short", 1), short=True),
]

if __name__ == "__main__":
    sys.exit(harness.main("ddp_scaling", JOBS, __doc__.splitlines()[0]))
