"""Trains a part of an epoch of DKT of a class of any size, in one process, and tells what it costs.

python benchmarks/ten_million.py --only ten.epoch ten.memory --keep
"""

import json
import time
import warnings
from pathlib import Path

import torch

import torchedu
from torchedu import models

STEP = 10_000
"""Answers of a step of training."""


def train(store: str, run: str, place: float, answers: int, turn: int, turns: int) -> None:
    """Train a turn of a part of an epoch, with the last turn's weights; print what it took."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    begin = time.process_time()
    data = torchedu.Interactions(store, batch_size=1, context=0, val=0.001, test=0.001)
    data.batch_size = max(1, round(STEP / data.store.num_answers * data.steps_per_epoch))
    task = torchedu.KnowledgeTracing(models.DKT, data.num_items, data.num_skills)
    task.agree(data, training=True)
    weights = Path(run) / "weights.pt"
    if weights.exists():
        task.load_state_dict(torch.load(weights, weights_only=True))
    loader = data.train_dataloader()
    steps = max(2, round(answers / STEP / turns))
    first = int(place * max(0, len(loader) - steps * turns)) + turn * steps
    loader.load_state_dict({**loader.state_dict(), "batches": first})
    task.train()
    optimizer = task.configure_optimizers()
    ready, trained, clock = time.process_time(), 0, time.perf_counter()
    for number, batch in enumerate(loader):
        if number == steps:
            break
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = task.training_step(batch, number)
        loss.backward()
        optimizer.step()
        trained += int(batch.scored_BL.sum())
    cpu, seconds = time.process_time() - ready, time.perf_counter() - clock
    torch.save(task.state_dict(), weights)
    told = {
        "first_step": first, "steps": steps, "of": len(loader), "answers": trained,
        "ready_cpu_seconds": round(ready - begin, 1), "cpu_seconds": round(cpu, 1),
        "seconds": round(seconds, 1), "answers_a_cpu_second": round(trained / cpu),
        "loss": round(float(loss), 4),
    }  # fmt: skip
    print(json.dumps(told))
