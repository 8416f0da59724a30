"""Evaluation of answers by the million: what memory a process takes, on any number of ranks.

Each rank runs this file as a process of its own, which watches its memory.
"""

import json
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import numpy as np
from harness import Goal, Skip

from torchedu.datasets import AnswerWriter
from torchedu.schema import GROUP, ITEM, SKILL, Names, Vocabulary

ITEMS, SKILLS, TRAINED, WATCHED = 500, 20, 200, 100
"""Numbers of items and skills, and of students of the parts ``train`` and ``val``."""
ANSWERS = 200
"""Answers of a student."""
AT_ONCE = 1000


def measure(goal: str, answers: int, most: float) -> tuple[list[Goal], Any]:
    """Evaluate the same answers on one rank and on two.

    Args:
        goal: What the figure is called.
        answers: How many.
        most: MiB of anonymous memory that a process may take.
    """
    if not Path("/proc/self/status").exists():
        raise Skip("anonymous memory is told by Linux alone")
    with TemporaryDirectory() as scratch:
        store, found, peaks = Path(scratch) / "answers.store", [], {}
        _write(store, answers // ANSWERS)
        for ranks in (1, 2):
            out = Path(scratch) / f"of-{ranks}"
            out.mkdir()
            launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks))
            harness.run([sys.executable, *launch, __file__, store, out])
            told = json.loads((out / "evaluation.json").read_text("utf-8"))
            found.append({name: told[name] for name in ("scores", "by_group", "fairness")})
            peaks[ranks] = [float(file.read_text()) for file in sorted(out.glob("peak-*"))]
    worst, same = max(map(max, peaks.values())), found[0] == found[1]
    must = (
        f"under {most:g} MiB of anonymous memory a process in scoring {answers / 1e6:g} M answers, "
        "on 1 and 2 ranks, with equal scores"
    )
    return [Goal(goal, worst, must, worst < most and same)], {"mib": peaks, "same": same}


def _write(store: Path, students: int) -> None:
    """Write a class that answers at random; nearly all of it is the test part."""
    names = Vocabulary(
        {
            ITEM: Names([f"i{i}" for i in range(ITEMS)]),
            SKILL: Names([f"s{i}" for i in range(SKILLS)]),
            GROUP + "gender": Names(["f", "m"]),
            GROUP + "part": Names(["train", "val", "test"]),
        }
    )
    draw = np.random.default_rng(0)
    skills = np.r_[0, 0, np.ones(ITEMS, int)], draw.integers(2, 2 + SKILLS, ITEMS)
    part = np.full(students, 4)
    part[: TRAINED + WATCHED] = np.repeat([2, 3], [TRAINED, WATCHED])
    with AnswerWriter(store, names, skills) as writer:
        for some in np.split(np.arange(students), range(AT_ONCE, students, AT_ONCE)):
            item = draw.integers(2, 2 + ITEMS, len(some) * ANSWERS)
            correct = draw.random(len(item)) < 0.3 + 0.5 * item / (2 + ITEMS)
            groups = {"gender": draw.integers(2, 4, len(some)), "part": part[some]}
            writer.append(
                [f"student {i}" for i in some],
                [ANSWERS] * len(some),
                {"item": item, "correct": correct.astype(np.uint8)},
                groups=groups,
            )


class _Peak(threading.Thread):
    """Watches this process's anonymous memory.

    Attributes:
        mib: The most that was seen.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0

    def run(self) -> None:
        """Look every hundredth of a second."""
        while True:
            status = Path("/proc/self/status").read_text()
            self.mib = max(self.mib, int(status.partition("RssAnon:")[2].split()[0]) / 1024)
            time.sleep(0.01)


def _evaluate(store: str, out: str) -> None:
    """Score a network as it was drawn, beside the baselines and with the audit, as a rank."""
    peak = _Peak()
    peak.start()
    import torch
    from lightning import Trainer

    from torchedu import DKT, Interactions, KnowledgeTracing, evaluate

    data = Interactions(store, split="column", split_column="part")
    torch.manual_seed(0)
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    trainer = Trainer(
        accelerator="cpu", strategy="ddp", devices=int(os.environ["WORLD_SIZE"]),
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=out,
    )  # fmt: skip
    evaluate(task, data, trainer, folder=out)
    (Path(out) / f"peak-{trainer.global_rank}").write_text(str(peak.mib))


if __name__ == "__main__":
    _evaluate(*sys.argv[1:])
