"""Is the AUC that is counted in constant memory near the exact one, whatever was predicted?

    python benchmarks/streaming_auc.py            # ten million predictions, some minutes
    python benchmarks/streaming_auc.py --short    # one million

Each kind of predictions is counted in a process of its own, whose memory is watched, and then
scored exactly for comparison.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import harness
import torch
from harness import Goal, Job
from torch import Generator, Tensor

from torchedu.metrics import AnswerScores

BATCH = (64, 200)


def normal(generator: Generator) -> Tensor:
    return torch.randn(BATCH, generator=generator)


def uniform(generator: Generator) -> Tensor:
    return torch.rand(BATCH, generator=generator)


def half_of(one: Tensor, other: Tensor, generator: Generator) -> Tensor:
    return torch.where(uniform(generator) < 0.5, one, other)


KINDS: dict[str, Callable[[Generator], Tensor]] = {
    "like a network's": lambda g: (1.2 * normal(g) + 0.6).sigmoid(),
    "within 1e-4 of one half": lambda g: 0.5 + 2e-4 * (uniform(g) - 0.5),
    "below 1e-4": lambda g: 1e-4 * uniform(g),
    "above 1 - 1e-4": lambda g: 1 - 1e-4 * uniform(g),
    "of all magnitudes": lambda g: (-80 * uniform(g)).exp(),
    "saturated at 0 and 1": lambda g: (50 * normal(g)).sigmoid(),
    "rounded to 1e-3": lambda g: (1000 * uniform(g)).round() / 1000,
    "constant": lambda g: torch.full(BATCH, 0.7),
    "half of them constant": lambda g: half_of(torch.tensor(0.7), normal(g).sigmoid(), g),
    "half of them near one half": lambda g: half_of(
        0.5 + 2e-4 * (uniform(g) - 0.5), normal(g).sigmoid(), g
    ),
}


def batches(kind: str, answers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw predictions, and marks that follow them loosely; the same at every call."""
    generator = torch.Generator().manual_seed(0)
    first = KINDS[kind](torch.Generator().manual_seed(1))
    middle = first.median()
    for _ in range(-(-answers // first.numel())):
        p = KINDS[kind](generator)
        yield p, (uniform(generator) < 0.35 + 0.3 * (p > middle)).float()


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform == "linux" else 2**20)


def score(metric: AnswerScores, kind: str, answers: int) -> tuple[dict[str, float | None], float]:
    """Return the scores, and the processor seconds of updates and compute."""
    seconds = 0.0
    for batch in batches(kind, answers):
        begin = time.process_time()
        metric.update(*batch)
        seconds += time.process_time() - begin
    begin = time.process_time()
    found = metric.compute()
    return found, seconds + time.process_time() - begin


def measure(kind: str, answers: int) -> None:
    """Print as JSON what counting takes and how near it comes."""
    torch.set_num_threads(1)
    next(batches(kind, answers))
    before = peak_mib()
    found, seconds = score(AnswerScores(exact_up_to=0), kind, answers)
    memory = peak_mib() - before
    exact, exact_seconds = score(AnswerScores(exact_up_to=2 * answers), kind, answers)
    told = {
        "auc": exact["auc"],
        "error": abs(found["auc"] - exact["auc"]),
        "auc_error": found.pop("auc_error"),
        "others_equal": all(found[name] == exact[name] for name in exact if name != "auc"),
        "memory_mib": round(memory, 1),
        "answers_per_cpu_second": round(answers / seconds),
        "exact_answers_per_cpu_second": round(answers / exact_seconds),
    }
    print(json.dumps(told))


def near(goal: str, answers: int) -> tuple[list[Goal], Any]:
    """Count and score every kind of predictions."""
    found = {}
    for kind in KINDS:
        code = f"import streaming_auc; streaming_auc.measure({kind!r}, {answers})"
        done = harness.run([sys.executable, "-c", code], Path(__file__).parent)
        found[kind] = json.loads(done.output.splitlines()[-1])
    worst = max(one["error"] for one in found.values())
    holds = all(
        one["error"] <= 1e-4
        and one["error"] <= one["auc_error"] + 1e-15
        and one["others_equal"]
        and one["memory_mib"] < 64
        for one in found.values()
    )
    must = (
        f"within 1e-4 of the exact AUC on {answers / 1e6:g} M predictions of {len(KINDS)} kinds, "
        "under 64 MiB, other scores equal"
    )
    return [Goal(goal, worst, must, holds)], {"kinds": found}


def jobs() -> list[Job]:
    """Return the jobs of both campaigns."""
    return [
        Job(("fast.auc",), partial(near, "fast.auc", 10_000_000)),
        Job(("fast.auc_short",), partial(near, "fast.auc_short", 1_000_000), short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("streaming_auc", jobs(), __doc__.splitlines()[0]))
