"""Is the AUC within students exact, and cheap in time and memory?"""

import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal

from torchedu.metrics.within import within

ITEMS, SKILLS, LENGTH = 2000, 200, 60
CHUNK = 1_000_000


def measure(cases: int, answers: int) -> tuple[list[Goal], dict[str, Any]]:
    """Count small cases pair by pair, and time many answers that lie on the disk.

    Args:
        cases: Random cases, with ties, shared skills and partial marks.
        answers: Answers to time.
    """
    wrong = sum(not _equal(np.random.default_rng(seed)) for seed in range(cases))
    with TemporaryDirectory() as folder:
        seconds, mib = _cost(Path(folder), answers)
    each = seconds / answers * 1e6
    goals = [
        Goal("honest.within", wrong, f"0 of {cases} cases differ from a plain count", not wrong),
        Goal("honest.within", each, "at most 2 CPU-seconds a million predictions", each <= 2),
        Goal("honest.within", mib, "at most 256 MiB, however many they are", mib <= 256),
    ]
    return goals, {"cases": cases, "answers": answers}


def _equal(drawn: np.random.Generator) -> bool:
    size = int(drawn.integers(1, 60))
    who = np.sort(drawn.integers(0, 6, size))
    p = drawn.integers(0, 8, size).astype(np.float32) / 8
    y = drawn.choice([0.0, 0.4, 0.5, 1.0], size)
    asked = drawn.random((size, 5)) < 0.4

    def skills(some: slice) -> tuple[Any, Any]:
        return asked[some].sum(1), asked[some].nonzero()[1]

    same = (who[:, None] == who) & (y >= 0.5)[:, None] & (y < 0.5)
    order = 2 * (p[:, None] > p) + (p[:, None] == p)
    shared = asked.astype(int) @ asked.T
    alone, skilled = within(p, y, who), within(p, y, who, skills)
    return (
        alone.won.sum() == (order * same).sum()
        and alone.pairs.sum() == same.sum()
        and skilled.won.sum() == (order * same * shared).sum()
        and skilled.pairs.sum() == (same * shared).sum()
    )


def _cost(folder: Path, answers: int) -> tuple[float, float]:
    """Return the CPU-seconds of both scores, and the MiB that they hold at most."""
    drawn = np.random.default_rng(0)
    types = {"p": "f4", "y": "f4", "who": "i8", "item": "i4"}
    columns = {n: np.memmap(folder / n, t, "w+", shape=answers) for n, t in types.items()}
    for first in range(0, answers, CHUNK):
        some = slice(first, min(first + CHUNK, answers))
        size = some.stop - first
        columns["p"][some] = drawn.random(size, np.float32)
        columns["y"][some] = drawn.random(size, np.float32) < columns["p"][some]
        columns["who"][some] = np.arange(first, some.stop) // LENGTH
        columns["item"][some] = drawn.integers(0, ITEMS, size)
    of_item = drawn.integers(0, SKILLS, (ITEMS, 2))

    def skills(some: slice) -> tuple[Any, Any]:
        return np.full(some.stop - some.start, 2), of_item[columns["item"][some]].ravel()

    tracemalloc.start()
    before = time.process_time()
    for given in (None, skills):
        within(columns["p"], columns["y"], columns["who"], given)
    seconds, (_, most) = time.process_time() - before, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, most / 2**20
