"""Does a student taken up one answer at a time get what the whole history would?

    python benchmarks/engine.py            # some minutes
    python benchmarks/engine.py --short    # a minute, fewer sequences

Random sequences of events, with unknown names, several skills or none, part marks, and times that
are not known here and there, are shown to every network of knowledge tracing: at once by
``forward``, and event by event by ``predict`` and ``step``. A round takes in an event of some of
the students, so that histories of all lengths stand in one batch. Log odds are compared relative to
1 + their size. What engines in use have to hold stands in ``engine_use.py``, and what
their exports do in ``engine_export.py``.
"""

import inspect
import sys
from functools import partial
from typing import Any

import engine_export
import engine_use
import harness
import torch
from harness import Goal, Job
from torch import Tensor

from torchedu import models
from torchedu.batch import AnswerBatch
from torchedu.models import KTModel
from torchedu.schema import NO_TIME, UNKNOWN

ITEMS, SKILLS, LONGEST, TOGETHER = 200, 30, 48, 500
"""Sizes of the networks, events of the longest sequence, and sequences of a batch."""


def networks() -> list[KTModel]:
    """Return every network of knowledge tracing, small, its parameters moved off their start."""
    found = []
    for kind in (getattr(models, name) for name in models.__all__):
        if isinstance(kind, type) and issubclass(kind, KTModel) and not inspect.isabstract(kind):
            known = inspect.signature(kind).parameters
            small = {"dim": 32, "heads": 4, "max_history": LONGEST}
            torch.manual_seed(0)
            net = kind(ITEMS, SKILLS, **{k: v for k, v in small.items() if k in known}).eval()
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
            found.append(net)
    return found


def sequences(seed: int) -> AnswerBatch:
    """Return random sequences of 1 to ``LONGEST`` events."""
    drawn = torch.Generator().manual_seed(seed)
    shape = (TOGETHER, LONGEST)
    number = partial(torch.randint, generator=drawn)
    seen_BL = torch.arange(LONGEST) < number(1, LONGEST + 1, (TOGETHER, 1))
    known_BL = seen_BL & (number(5, shape) > 0)
    skill_BLS = torch.rand(*shape, SKILLS - UNKNOWN, generator=drawn).argsort(-1)[..., :3] + UNKNOWN
    skill_BLS = skill_BLS * (torch.arange(3) < number(4, (*shape, 1)))
    row_B = torch.arange(TOGETHER)
    return AnswerBatch(
        number(UNKNOWN, ITEMS, shape) * seen_BL,
        skill_BLS * seen_BL.unsqueeze(-1),
        number(5, shape) / 4 * seen_BL,
        seen_BL,
        row_B,
        0 * row_B,
        torch.ones(TOGETHER),
        torch.where(known_BL, 10**12 + number(10**8, shape).cumsum(1), NO_TIME),
        torch.where(known_BL, 60 * torch.rand(shape, generator=drawn), torch.nan),
        number(1, 5, shape) * known_BL,
    )


@torch.inference_mode()
def differ(net: KTModel, batch: AnswerBatch, seed: int) -> float:
    """Return how far log odds event by event are from those of whole sequences, at most."""
    drawn = torch.Generator().manual_seed(seed)
    logit_BL: Tensor = net(batch)
    length_B = batch.scored_BL.sum(1)
    state, next_B, largest = net.initial_state(TOGETHER), torch.zeros_like(length_B), 0.0
    while len(row_B := (next_B < length_B).nonzero().squeeze(1)):
        row_B = row_B[torch.randperm(len(row_B), generator=drawn)[: 1 + len(row_B) // 2]]
        step_B = next_B[row_B]
        part, answered = tuple(tensor[row_B] for tensor in state), batch.answered(step_B, row_B)
        whole_B = logit_BL[row_B, step_B]
        gap_B = (net.predict(part, answered.asked) - whole_B).abs() / (1 + whole_B.abs())
        largest = max([largest, *gap_B.tolist()])
        after = net.step(part, answered)
        state = tuple(x.index_copy(0, row_B, y) for x, y in zip(state, after, strict=True))
        next_B[row_B] += 1
    return largest


def step(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Compare every network on so many sequences."""
    found = {}
    for net in networks():
        gaps = [differ(net, sequences(i), i) for i in range(number // TOGETHER)]
        found[type(net).__name__] = {"difference": max(gaps), "state_bytes": net.state_bytes}
    worst = max(kept["difference"] for kept in found.values())
    must = (
        f"within 1e-5 of forward on {number:,} sequences of events for each of {', '.join(found)}, "
        "histories of all lengths in one batch"
    )
    return [Goal(goal, worst, must, worst <= 1e-5)], found


def jobs() -> list[Job]:
    """Return the jobs of both campaigns."""
    return [
        Job(("rows.step",), partial(step, "rows.step", 10_000)),
        Job(("rows.step_short",), partial(step, "rows.step_short", 1_000), short=True),
        *engine_export.jobs(),
        *engine_use.jobs(),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("engine", jobs(), __doc__.splitlines()[0]))
