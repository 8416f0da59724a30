"""How many rows a second do recommenders and an encoder train on a GPU?

    python benchmarks/gpu_steps.py         # a minute on one GPU; none, and it says so

Each network trains on drawn batches of one shape under a Lightning trainer in bf16-mixed, without a
loader. Noted is the median step by the clock, with all work on the device awaited.
"""

import json
import os
import statistics
import sys
from functools import partial
from typing import Any

import harness
import torch
from gpu_lm import Steps
from harness import Goal, Job
from lightning import Trainer, seed_everything
from torch.utils.data import DataLoader

from torchedu import models
from torchedu.companions import Companions
from torchedu.run import quiet
from torchedu.tasks import CourseRecommendation, EssayGrading, Task

SMALL = "TORCHEDU_SMALL" in os.environ
ON_GPU = torch.cuda.is_available()
WARM, STEPS = (1, 3) if SMALL else (10, 40)
ROWS, LONG, COURSES = (8, 6, 50) if SMALL else (2048, 40, 20_000)
TEXTS, WORDS = (4, 16) if SMALL else (64, 256)
ENCODER = {
    "model_type": "bert", "vocab_size": 1000, "max_position_embeddings": 512,
    **({"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16} if SMALL else {"hidden_size": 384, "num_hidden_layers": 6,
        "num_attention_heads": 12, "intermediate_size": 1536}),
}  # fmt: skip
"""Of the size of MiniLM."""
SIZES = {"num_items": COURSES, "num_students": 100_000, "num_groups": 8, "num_skills": 100}
NETS = {"TwoTower": models.TwoTower, "SASRec": models.SASRec, "GRU4Rec": models.GRU4Rec}


def rate(task: Task, batch: Any) -> float:
    """Return the rows a second that a task trains."""
    quiet()
    task.companions = Companions()  # batches are drawn, and of no data
    noted = Steps()
    trainer = Trainer(
        max_steps=WARM + STEPS, max_epochs=-1, accelerator="gpu" if ON_GPU else "cpu", devices=1,
        precision="bf16-mixed", callbacks=[noted], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, DataLoader([batch] * 4, batch_size=None))  # type: ignore[arg-type]
    seconds = [noted.at[i] - noted.at[i - 1] for i in range(WARM, WARM + STEPS)]
    return len(batch[0]) / statistics.median(seconds)


def recommenders() -> tuple[list[Goal], Any]:
    """Return how fast recommenders train, by name; there is no figure to be reached yet."""
    rates = {}
    for name, net in NETS.items():
        seed_everything(0, verbose=False)
        task = CourseRecommendation(net, **SIZES)
        rates[name] = round(rate(task, task.net.example(ROWS, LONG, 2)))
        print(f"  {name}: {rates[name]:,} students a second", flush=True)
    slowest = min(rates.values())
    return [Goal("rec.gpu", slowest, "is told: students a second, the slowest", True)], rates


def encoder() -> tuple[list[Goal], Any]:
    """Return how fast an encoder of texts is fine-tuned."""
    seed_everything(0, verbose=False)
    net = partial(models.TextGrader, config=ENCODER)
    task = EssayGrading(net, 5, 1, 0, 6, 1, ENCODER["hidden_size"], "drawn", schedule="constant")
    tokens = rate(task, task.net.example(TEXTS, WORDS, 1)) * WORDS
    return [Goal("essay.gpu", round(tokens), "is told: tokens a second", True)], {}


JOBS = [Job(("rec.gpu",), recommenders, SMALL), Job(("essay.gpu",), encoder, SMALL)]

if __name__ == "__main__":
    if not (ON_GPU or SMALL):
        print("There is no GPU here: nothing is measured.")
        print(json.dumps({"benchmark": "gpu_steps", "goals": []}))
        sys.exit(0)
    sys.exit(harness.main("gpu_steps", JOBS, __doc__.splitlines()[0]))
