"""Is what was exported equal to its checkpoint? Both are shown the same random batches."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from torchedu.batch import AnswerBatch
from torchedu.domains import Domain
from torchedu.errors import CheckpointError
from torchedu.export.entries import Entry, Run, entries, initial_state
from torchedu.models.kt_model import State
from torchedu.schema import PADDING

SHAPES = ((1, 1, 1), (1, 2, 2), (4, 3, 1), (3, 8, 3), (2, 100, 2))
"""Rows, steps of the longest, and skills of an item or what else there are few of, of each."""
LONGEST = 256
"""Answers of the longest history shown, for a network that takes as many."""


class Checked(NamedTuple):
    """What was found equal to the checkpoint.

    Attributes:
        what: The files' common name.
        batches: How many random batches were shown to both, of different shapes; 0 where the
            network draws none, and its weights alone were compared.
        answers: How many numbers each said of them, by ``forward``.
        difference: The largest difference, relative to 1 + their size.
        tolerance: The largest that is taken for equal; 0 means equal bit for bit.
    """

    what: str
    batches: int
    answers: int
    difference: float
    tolerance: float


def check(
    source: Domain, exported: Mapping[str, Run], start: State | None, what: str, tolerance: float
) -> Checked:
    """Check that exported entries say what a network says.

    Args:
        source: The task of the network, in evaluation mode.
        exported: Its exported entries by name.
        start: What they know of one student before anything was seen; None without steps.
        what: The exported files' common name.
        tolerance: The largest difference, relative to 1 + the size of what is said.

    Returns:
        How much was compared.

    Raises:
        CheckpointError: They differ by more.
    """
    own = entries(source)
    most = min(own["forward"].longest or 0, LONGEST)
    shapes = [shape for shape in SHAPES if not most or shape[1] <= most]
    shapes += [(2, most, 2)] if most else []
    answers, largest = 0, 0.0
    for seed, shape in enumerate(shapes):
        for i, (own_said, other) in enumerate(_said(source, own, exported, start, shape, seed)):
            gap = _apart(own_said, other)
            if not gap <= tolerance:
                raise CheckpointError(
                    f"{what} would not equal the checkpoint: what is said differs by {gap:.1e}, "
                    f"for {shape[0]} rows of {shape[1]} steps (allowed: {tolerance:.0e}).",
                    "Nothing was written. Export as safetensors, whose network is the same code.",
                )
            largest = max(largest, gap)
            answers += own_said.numel() if i == 0 else 0  # the others are the same answers again
    return Checked(what, len(shapes), answers, largest, tolerance)


@torch.no_grad()
def _said(
    source: Domain,
    own: Mapping[str, Entry],
    exported: Mapping[str, Run],
    start: State | None,
    shape: tuple[int, int, int],
    seed: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what is said of a batch by the source and as found: at once, then step by step."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        batch = source.net.example(*shape)
    columns = own["forward"].at(batch)
    padded = batch.item_BL if isinstance(batch, AnswerBatch) else None
    for said_own, other in zip(
        own["forward"](*columns), exported["forward"](*columns), strict=True
    ):
        # What is said of padded slots is nobody's business.
        real = ... if padded is None else padded != PADDING
        yield said_own[real], other[real]
    if start is None:
        return
    size, steps = shape[:2]
    state = initial_state(source, size) or ()
    others = tuple(tensor.repeat(size, *[1] * (tensor.dim() - 1)) for tensor in start)
    # Past the longest history, where older answers are forgotten.
    for t in [*range(steps), *range(2 if steps == source.net.max_history else 0)]:
        asked, answered = (own[name].at(batch, t) for name in ("predict", "step"))
        real_B = torch.ones(size, dtype=torch.bool) if padded is None else padded[:, t] != PADDING
        said = own["predict"](*asked, *state), exported["predict"](*asked, *others)
        for said_own, other in zip(*said, strict=True):
            yield said_own[real_B], other[real_B]
        state = own["step"](*answered, *state)
        others = exported["step"](*answered, *others)


def _apart(own: Tensor, other: Tensor) -> float:
    if own.shape != other.shape or own.dtype != other.dtype:
        return float("inf")
    if torch.equal(own, other):
        return 0.0
    return float(((own - other).abs() / (1 + own.abs())).max())
