"""Is what was exported equal to its checkpoint? Both are shown the same random histories."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from torchedu.batch import UNKNOWN_VALUES
from torchedu.errors import CheckpointError
from torchedu.export.entries import Run, entries
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import PADDING, UNKNOWN

SHAPES = ((1, 1, 1), (1, 2, 2), (4, 3, 1), (3, 8, 3), (2, 100, 2))
"""Students, answers of the longest history, and skills of an item, of each random batch."""
LONGEST = 256
"""Answers of the longest history shown, for a network that takes as many."""


class Checked(NamedTuple):
    """What was found equal to the checkpoint.

    Attributes:
        what: The files' common name.
        batches: How many batches of histories were predicted, of different shapes.
        answers: How many answers, each by ``forward`` and again step by step.
        difference: The largest difference of log odds, relative to 1 + their size.
        tolerance: The largest that is taken for equal; 0 means equal bit for bit.
    """

    what: str
    batches: int
    answers: int
    difference: float
    tolerance: float


def check(
    source: KTModel, found: Mapping[str, Run], start: State, what: str, tolerance: float
) -> Checked:
    """Check that exported entries predict what a network predicts.

    Args:
        source: The network, in evaluation mode.
        found: The exported entries by name.
        start: What they know of one student who has answered nothing.
        what: The exported files' common name.
        tolerance: The largest difference of log odds, relative to 1 + their size.

    Returns:
        How much was compared.

    Raises:
        CheckpointError: They differ by more.
    """
    most = min(source.max_history or 0, LONGEST)
    shapes = [shape for shape in SHAPES if not most or shape[1] <= most]
    shapes += [(2, most, 2)] if most else []
    answers, largest = 0, 0.0
    for seed, shape in enumerate(shapes):
        for i, (own, other) in enumerate(_predictions(source, found, start, shape, seed)):
            gap = _apart(own, other)
            if not gap <= tolerance:
                raise CheckpointError(
                    f"{what} would not equal the checkpoint: log odds differ by {gap:.1e}, for "
                    f"{shape[0]} students with {shape[1]} answers (allowed: {tolerance:.0e}).",
                    "Nothing was written. Export as safetensors, whose network is the same code.",
                )
            largest = max(largest, gap)
            answers += own.numel() if i == 0 else 0  # the others are the same answers again
    return Checked(what, len(shapes), answers, largest, tolerance)


@torch.no_grad()
def _predictions(
    source: KTModel, found: Mapping[str, Run], start: State, shape: tuple[int, int, int], seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield log odds of a batch's answers by the source and as found: at once, then by steps."""
    histories = _histories(source, shape, seed)
    real_BL = histories["item"] != PADDING
    own = entries(source)
    columns = {name: [histories[column] for column in entry.columns] for name, entry in own.items()}
    first = columns["forward"]
    yield own["forward"](*first)[0][real_BL], found["forward"](*first)[0][real_BL]
    state = source.initial_state(shape[0])
    other = tuple(tensor.repeat(shape[0], *[1] * (tensor.dim() - 1)) for tensor in start)
    steps = shape[1]
    # Past the longest history, where older answers are forgotten.
    for t in [*range(steps), *range(2 if steps == source.max_history else 0)]:
        asked, answered = ([x[:, t] for x in columns[name]] for name in ("predict", "step"))
        real_B = real_BL[:, t]
        yield (
            own["predict"](*asked, *state)[0][real_B],
            found["predict"](*asked, *other)[0][real_B],
        )
        state = own["step"](*answered, *state)
        other = found["step"](*answered, *other)


def _histories(net: KTModel, shape: tuple[int, int, int], seed: int) -> dict[str, Tensor]:
    """Return all columns of random histories of unequal length; some values are not known."""
    size, steps, skills = shape
    random = torch.Generator().manual_seed(seed)
    item_BL = torch.randint(UNKNOWN, net.num_items, (size, steps), generator=random)
    first_BL1 = torch.randint(net.num_skills - 1, (size, steps, 1), generator=random)
    each_S = torch.arange(min(skills, net.num_skills - 1))
    skill_BLS = UNKNOWN + (first_BL1 + each_S) % (net.num_skills - 1)
    number_BL1 = torch.randint(len(each_S) + 1, (size, steps, 1), generator=random)
    correct_BL = torch.randint(5, (size, steps), generator=random) / 4
    length_B = torch.randint(1, steps + 1, (size, 1), generator=random)
    length_B[0] = steps
    real_BL = torch.arange(steps) < length_B
    known: dict[str, Tensor] = {
        "time": torch.randint(10**9, (size, steps), generator=random).cumsum(1) + 10**12,
        "response_time": torch.rand(size, steps, generator=random) * 60,
        "attempt": torch.randint(1, 5, (size, steps), generator=random),
    }
    known_BL = real_BL & (torch.rand(size, steps, generator=random) < 0.8)
    return {
        "item": item_BL * real_BL,
        "skill": skill_BLS * (each_S < number_BL1) * real_BL[..., None],
        "correct": correct_BL * real_BL,
        **{
            name: torch.where(known_BL, column, UNKNOWN_VALUES[name][1])
            for name, column in known.items()
        },
    }


def _apart(own: Tensor, other: Tensor) -> float:
    if own.shape != other.shape or own.dtype != other.dtype:
        return float("inf")
    if torch.equal(own, other):
        return 0.0
    return float(((own - other).abs() / (1 + own.abs())).max())
