"""What an audit of many predictions costs, and whether bundles of students judge as students do."""

import time
import tracemalloc
from typing import Any

import numpy as np
from harness import Goal

from torchedu.metrics import dealing
from torchedu.metrics.fairness import Attribute, audit

COST, MEMORY = 3.0, 512
"""CPU-seconds a million predictions, and MiB beyond the predictions themselves."""
ANSWERS = 60
"""Predictions a student."""


def _class(seed: int, students: int, answers: int, gap: float) -> tuple[Any, ...]:
    """Draw predictions of students of two attributes; those of one group are rated too low."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(students, dtype=np.int32), answers)
    gender = random.integers(0, 2, students).astype(np.int16)[who]
    band = random.integers(0, 3, students).astype(np.int16)[who]
    p = random.random(len(who), np.float32)
    y = random.random(len(who), np.float32) < p
    rated = np.clip(p - np.float32(gap) * (gender == 1), 0, 1)
    groups = {
        "gender": Attribute(gender, ["F", "M"]),
        "band": Attribute(band, ["low", "middle", "high"]),
    }
    return rated, y, groups, who


def _cost(millions: int) -> tuple[float, float]:
    p, y, groups, who = _class(0, millions * 1_000_000 // ANSWERS, ANSWERS, 0.0)
    begin = time.process_time()
    audit(p, y, groups, student=who)
    seconds = (time.process_time() - begin) / len(p) * 1e6
    tracemalloc.start()  # apart from the clock, which it slows
    audit(p, y, groups, student=who, permutations=100, resamples=20)
    mebibytes = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return seconds, mebibytes


def _alarms(drawn: tuple[Any, ...], seed: int, bundles: int) -> list[dict[str, Any]]:
    p, y, groups, who = drawn
    kept, dealing.BUNDLES = dealing.BUNDLES, bundles
    try:
        found = audit(p, y, groups, student=who, seed=seed, resamples=0)
    finally:
        dealing.BUNDLES = kept
    alarms: list[dict[str, Any]] = found["alarms"]
    return alarms


def _verdicts(cases: int, seed: int) -> tuple[int, int, int]:
    """Return how many clear cases bundles judge otherwise, and the plain way itself once more.

    The third number is of cases that were not clear.

    The plain way deals students one by one. A case is clear where it agrees with itself over three
    seeds: a gap that lies at its floor is above it by one seed and not by another, whoever deals.
    """
    wrong = again = unclear = clear = 0
    while clear < cases:
        seed += 1
        gap = (0.0, 0.01, 0.02, 0.04, 0.08)[seed % 5]
        drawn = _class(seed, 6000 + 500 * (seed % 7), (2, 8, 12, 16)[seed % 4], gap)
        plain = [_alarms(drawn, one, 10**9) for one in range(3)]
        if plain[0] != plain[1] or plain[0] != plain[2]:
            unclear += 1
            continue
        clear += 1
        wrong += _alarms(drawn, 0, dealing.BUNDLES) != plain[0]
        again += _alarms(drawn, 3, 10**9) != plain[0]
    return wrong, again, unclear


def measure(millions: int, cases: int, seed: int = 0) -> tuple[list[Goal], Any]:
    """Measure the cost of an audit and compare its verdicts with those of the plain way.

    Args:
        millions: Of how many predictions the cost is measured.
        cases: How many classes are judged both ways.
        seed: After which one classes are drawn.
    """
    seconds, mebibytes = _cost(millions)
    wrong, again, unclear = _verdicts(cases, seed)
    print(f"  {unclear} cases were put aside: the plain way did not agree with itself", flush=True)
    print(f"  by a fourth seed the plain way judges {again} of {cases} otherwise too", flush=True)
    raw = {"mebibytes": mebibytes, "different": wrong, "plain again": again, "unclear": unclear}
    goals = [
        Goal("honest.audit", seconds, f"at most {COST:g} CPU-s a million", seconds <= COST),
        Goal("honest.audit", mebibytes, f"at most {MEMORY} MiB", mebibytes <= MEMORY),
        Goal("honest.audit", wrong, f"0 of {cases} clear cases differ", wrong == 0),
    ]
    return goals, raw
