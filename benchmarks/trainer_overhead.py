"""What does the trainer cost beside the work that any loop would do?

    python benchmarks/trainer_overhead.py            # about five minutes
    python benchmarks/trainer_overhead.py --short    # one minute, fewer passes

Three ways to train go through the same batches in turns, in one process of one thread: a bare loop
(the next batch, the loss, its gradients, the step of the optimizer), ``torchedu.trainer`` with all
that it does by default, and a ``lightning.Trainer`` with its own defaults. Noted is the processor
time of each step, from one batch to the next. The figure is the median, over all steps and turns,
of what a step under the trainer takes beyond the same step in the bare loop. The network is DKT of
width 200 in bfloat16, and a step has 20,000 answers.
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import torch
from harness import Goal, Job
from kt_versus import KEEP_MEMORY
from lightning import Trainer, seed_everything
from torch.utils._pytree import tree_map_only

import torchedu
from torchedu import models
from torchedu.datasets.simulator import simulate

ANSWERS = 20_000  # of a step
STUDENTS, EACH, SKILLS, WINDOW = 3600, 165, 1000, 200
TURNS = 11
WARM = 3  # steps after which memory has been found


class Loader:
    """A loader that notes when each batch is asked for."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.asked: list[float] = []

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._loader)
        while True:
            self.asked.append(time.process_time())
            batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def steps(self) -> list[float]:
        """Return the seconds of each step."""
        # One batch is asked for ahead by Lightning, which shifts all but the first.
        return [b - a for a, b in zip(self.asked, self.asked[1:], strict=False)][WARM:]


def bare(
    task: Any, loader: Loader, device: str = "cpu", kind: torch.dtype = torch.bfloat16
) -> None:
    """Train one pass in the plainest loop."""
    task.train()
    optimizer = task.configure_optimizers()
    for batch in loader:
        optimizer.zero_grad()
        on_device = tree_map_only(
            torch.Tensor, partial(torch.Tensor.to, device=device, non_blocking=True), batch
        )
        with torch.autocast(device, kind, enabled=kind != torch.float32):
            loss = task.training_step(on_device, 0)
        loss.backward()
        optimizer.step()


def students(folder: Path, answers: int = ANSWERS) -> torchedu.Interactions:
    """Return a simulated class in steps of about so many answers."""
    path = folder / "class.store"
    if not path.exists():
        simulate(path, students=STUDENTS, skills=SKILLS, items=5 * SKILLS, answers=EACH, seed=0)
    data = torchedu.Interactions(
        str(path), batch_size=1, window=WINDOW, context=0, val=0.005, test=0.005
    )
    data.batch_size = round(answers / data.store.num_answers * data.steps_per_epoch)
    return data


def measure(turns: int) -> None:
    """Print as JSON the seconds of each side's steps."""
    torch.set_num_threads(1)
    seed_everything(0, verbose=False)
    warnings.filterwarnings("ignore")
    sides = ("bare loop", "torchedu.trainer", "lightning.Trainer")
    found: dict[str, list[list[float]]] = {side: [] for side in sides}
    with TemporaryDirectory() as folder:
        data = students(Path(folder))
        usual: Any = {"max_epochs": 1, "accelerator": "cpu", "precision": "bf16-mixed"}
        for turn in range(turns):
            for side in sides:
                task = torchedu.KnowledgeTracing(models.DKT, data.num_items, data.num_skills)
                task.agree(data, training=True)  # it is given loaders alone
                loader = Loader(data.train_dataloader())
                if side == "bare loop":
                    bare(task, loader)
                elif side == "torchedu.trainer":
                    trainer = torchedu.trainer(f"{folder}/{turn}", **usual)
                    trainer.fit(task, loader, data.val_dataloader())
                else:
                    trainer = Trainer(default_root_dir=folder, **usual)
                    trainer.fit(task, loader, data.val_dataloader())
                found[side].append(loader.steps())
    print(json.dumps(found))


def overhead(goal: str, turns: int) -> tuple[list[Goal], Any]:
    """Measure in a process of its own."""
    code = f"import trainer_overhead; trainer_overhead.measure({turns})"
    done = harness.run([sys.executable, "-c", code], Path(__file__).parent, KEEP_MEMORY)
    found = json.loads(done.output.splitlines()[-1])
    plain = [step for turn in found.pop("bare loop") for step in turn]
    usual = statistics.median(plain)
    told: dict[str, Any] = {"bare loop": {"ms_a_step": round(usual * 1e3, 1)}}
    for side, passes in found.items():
        steps = [step for turn in passes for step in turn]
        more = statistics.median(b - a for a, b in zip(plain, steps, strict=False))
        told[side] = {"more_ms_a_step": round(more * 1e3, 2), "share": round(more / usual, 5)}
        print(f"  {side}: {more * 1e3:+.2f} ms beyond {usual * 1e3:.0f} ms a step", flush=True)
    share = told["torchedu.trainer"]["share"]
    must = f"at most .01 beyond a bare loop's step of {ANSWERS:,} answers"
    return [Goal(goal, share, must, share <= 0.01)], {**told, "pairs": len(plain)}


JOBS = [
    Job(("fast.trainer",), partial(overhead, "fast.trainer", TURNS)),
    Job(("fast.trainer_short",), partial(overhead, "fast.trainer_short", 3), short=True),
]

if __name__ == "__main__":
    sys.exit(harness.main("trainer_overhead", JOBS, __doc__.splitlines()[0]))
