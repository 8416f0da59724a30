"""The default network of knowledge tracing beside its baselines and its predecessor.

    python benchmarks/kt_default.py            # the campaign, about ten CPU-minutes
    python benchmarks/kt_default.py --short    # smaller goals of its own, in minutes
    python benchmarks/kt_default.py --only kt.pooled kt.within

Differences are paired, on the same test answers, means over three splits; their intervals are over
students (``torchedu.metrics.paired``). The default of commit 01bab74, ItemDKT, was trained once on
the same splits; ``kt_before.json`` keeps what it reached (``kt_before.py``). The real data sets are
looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import numpy as np
import torch
from harness import Goal, Job
from kt_scores import NETWORK, SEEDS, SETS, Models

from torchedu.batch import Answered
from torchedu.metrics.paired import WIDE, Estimate
from torchedu.models import LogisticDKT

BEST, LAYER, MEAN = "Best-LR", "Streaming-LR", "item mean"
POOLED = {"ednet": (0.008, 0.012), "statics": (0.012, 0.001), "algebra": (0.015, 0.010)}
"""By how much the AUC is above that of Best-LR, and of the default of 01bab74."""
WITHIN = {"ednet": 0.003, "statics": 0.012, "algebra": 0.015}
"""By how much the AUC within students is above Best-LR's; above the item mean's, and least above
the earlier default's:"""
ABOVE_MEAN, NOT_BELOW = 0.01, -0.0015
OF_FILTER = {"auc": 0.005, "auc_within": 0.007}
"""How far below the exact filter of the simulated class the scores may be."""
CALIBRATED = 0.015
STEP_MS, STATE = 1.5, 4096
"""Most that a new answer takes on one core, and most bytes of a student's state."""


def before() -> dict[str, list[dict[str, Any]]]:
    """Return what the earlier default reached, by set, a row a seed."""
    kept = json.loads((Path(__file__).parent / "kt_before.json").read_text("utf-8"))["fits"]
    return {name: [rows[str(seed)] for seed in SEEDS] for name, rows in kept.items()}


def beside(
    *goals: str, sets: Sequence[str] = tuple(SETS), seeds: Sequence[int] = SEEDS
) -> tuple[list[Goal], Any]:
    """Train the default with all its defaults, a split a seed, and compare.

    Args:
        *goals: Those of the AUC of all answers, within students, and of calibration.
        sets: Which data sets.
        seeds: Of which splits.
    """
    fits: dict[str, list[Models]] = {}
    earlier = {name: [rows[seed] for seed in seeds] for name, rows in before().items()}
    with TemporaryDirectory(prefix="kt-default-") as scratch:
        folder = Path(scratch)
        for name in sets:
            store = kt_scores.imported(name, folder / f"{name}.store")
            for seed, known in zip(seeds, earlier[name], strict=True):
                words = ["--data.path", store, *kt_scores.split(seed)]
                done = kt_scores.trained(*words, "--run", folder / f"{name}-{seed}")
                models, answers = kt_scores.judged(*done)
                if answers != known["answers"]:
                    raise RuntimeError(f"{name}, seed {seed}: not the answers of kt_before.json")
                fits.setdefault(name, []).append(models)
            print(f"  {name}: {kt_scores.line_of(fits[name])}", flush=True)
        simulated, _ = kt_scores.judged(*kt_scores.trained("--run", folder / "class"))
        print(f"  simulated class: {kt_scores.line_of([simulated])}", flush=True)
    pooled: dict[str, float] = {}
    within = {
        f"class, {score}": kt_scores.gain([simulated], score, "best reachable").value + most
        for score, most in OF_FILTER.items()
    }
    errors: dict[str, float] = {}
    raw: dict[str, Any] = {"class": {name: model.plain() for name, model in simulated.items()}}
    for name, each in fits.items():
        over = {
            f"{score} over {other}": kt_scores.gain(each, score, other)
            for score in ("auc", "auc_within", "log_loss")
            for other in (BEST, LAYER, MEAN)
        }
        mine, theirs = kt_scores.mean(each, NETWORK), _mean(earlier[name])
        more, more_before = POOLED[name]
        pooled[name] = min(
            over[f"auc over {BEST}"].value - more,
            _low(over[f"auc over {BEST}"]),
            over[f"auc over {LAYER}"].value,
            mine["auc"] - theirs["auc"] - more_before,
            -over[f"log_loss over {BEST}"].value,
            theirs["log_loss"] - mine["log_loss"],
        )
        within[name] = min(
            over[f"auc_within over {BEST}"].value - WITHIN[name],
            over[f"auc_within over {MEAN}"].value - ABOVE_MEAN,
            mine["auc_within"] - theirs["auc_within"] - NOT_BELOW,
        )
        errors[name] = mine["calibration_error"]
        raw[name] = {
            "means": {model: kt_scores.mean(each, model) for model in each[0]},
            "before": theirs,
            "differences": {what: _plain(gained) for what, gained in over.items()},
        }
        print(f"  {name}: {raw[name]['differences']}, before {theirs}", flush=True)
    worst = max(errors.values())
    must = "at least 0: the least that a bound of it is kept by, of"
    return [
        Goal(goals[0], round(min(pooled.values()), 5), f"{must} {_of(pooled)}", _holds(pooled)),
        Goal(goals[1], round(min(within.values()), 5), f"{must} {_of(within)}", _holds(within)),
        Goal(goals[2], round(worst, 5), f"at most {CALIBRATED} on each", worst <= CALIBRATED),
    ], raw


def fast(goal: str) -> tuple[list[Goal], Any]:
    """Run the main job on EdNet-5k as a command, and step a student on one core."""
    with TemporaryDirectory(prefix="kt-fast-") as scratch:
        store = kt_scores.imported("ednet", Path(scratch) / "ednet.store")
        words = ["--data.path", store, *kt_scores.split(0), "--run", Path(scratch) / "run"]
        command = [harness.script("torchedu"), "fit", *map(str, words)]
        spent = harness.run([*command, "--trainer.accelerator", "cpu"]).cpu_seconds
    known = before()["ednet"][0]["cpu_seconds"]
    step, state = _step()
    worst = max(spent / known, step / STEP_MS, state / STATE)
    must = (
        f"at most 1: CPU-seconds of a fit of EdNet-5k by those of 01bab74 ({spent:.0f} / "
        f"{known:.0f}), a step by {STEP_MS} ms ({step}), a state by {STATE} bytes ({state})"
    )
    raw = {"fit_cpu_seconds": round(spent, 1), "step_ms": step, "state_bytes": state}
    return [Goal(goal, round(worst, 3), must, worst <= 1)], raw


def _mean(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = ["auc", "auc_within", "log_loss", "calibration_error"]
    return {name: round(float(np.mean([row[name] for row in rows])), 5) for name in names}


def _low(gained: Estimate) -> float:
    return gained.value - WIDE * gained.error


def _plain(gained: Estimate) -> list[float]:
    """Return a difference with the ends of its interval."""
    return [round(x, 5) for x in (gained.value, _low(gained), 2 * gained.value - _low(gained))]


def _of(kept: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:+.4f}" for name, value in kept.items())


def _holds(kept: dict[str, float]) -> bool:
    return min(kept.values()) >= 0


@torch.no_grad()
def _step(times: int = 300) -> tuple[float, int]:
    """Return what a new answer takes in milliseconds on one core, and the bytes of a state."""
    torch.set_num_threads(1)
    net = LogisticDKT(10_000, 100).eval()
    answered = Answered(torch.tensor([7]), torch.tensor([[5]]), torch.ones(1))
    state, taken = net.initial_state(1), []
    for _ in range(times):
        begin = time.perf_counter()
        net.predict(state, answered.asked)
        state = net.step(state, answered)
        taken.append(time.perf_counter() - begin)
    return round(1000 * float(np.median(taken)), 3), net.state_bytes


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""

    def job(measure: Any, *goals: str, **words: Any) -> Job:
        return Job(goals, partial(measure, *goals, **words), goals[0].endswith("_short"))

    return [
        job(beside, "kt.pooled", "kt.within", "kt.calibrated"),
        job(fast, "kt.fast"),
        job(
            beside,
            *(f"kt.{name}_short" for name in ("pooled", "within", "calibrated")),
            sets=("statics",),
            seeds=(0,),
        ),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_default", jobs(), __doc__.splitlines()[0]))
