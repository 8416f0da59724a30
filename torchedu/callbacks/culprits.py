"""Which samples of a step its loss or gradients are not finite for."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning import LightningModule
from torch.distributed.tensor import DTensor

from torchedu.domains import Domain
from torchedu.parallel import traits_of
from torchedu.parallel.stages import rows_of
from torchedu.ranks import on_all

NAMED = 5
"""Samples that a message names."""


def to_blame(module: LightningModule, batches: Sequence[Any]) -> tuple[list[str], list[str], bool]:
    """Return the samples of all ranks that are to blame, and those with strange numbers.

    Every rank has to ask.

    Args:
        module: The task, its weights as they were in the step.
        batches: Those of the step, of this rank.

    Returns:
        The names of both, and whether the first are most samples of the step.
    """
    rows = sum(len(batch[0]) for batch in batches)
    ranks = on_all((_culprits(module, batches), spoilt(module, batches), rows))
    most = 2 * sum(len(rank[0]) for rank in ranks) > sum(rank[2] for rank in ranks)
    # Ranks that share a network have found the same.
    samples = dict.fromkeys(name for rank in ranks for name in rank[0])
    strange = dict.fromkeys(name for rank in ranks for name in rank[1])
    return list(samples), list(strange), most


def spoilt(module: LightningModule, batches: Sequence[Any]) -> list[str]:
    """Return the names of the samples of this rank that are themselves not finite.

    Args:
        module: The task.
        batches: Those of the step, of this rank.
    """
    strange: list[str] = []
    if not isinstance(module, Domain):
        return strange
    for batch in batches:
        names = module.pseudonyms(batch)
        # What a batch may do without is NaN where it is not known.
        columns = batch._asdict()
        needed = [columns[name] for name in columns if name not in batch._field_defaults]
        numbers = [column for column in needed if column.is_floating_point()]
        strange += [
            name
            for row, name in enumerate(names)
            if not all(bool(x[row].isfinite().all()) for x in numbers)
        ]
    return strange


def _culprits(module: LightningModule, batches: Sequence[Any]) -> list[str]:
    """Return the names of the samples of this rank whose loss or gradients are not finite."""
    if not isinstance(module, Domain):
        return []
    task = module
    culprits: list[str] = []
    # A forward pass may need all ranks, and gradients of one sample cannot be told.
    sharded = traits_of(module.trainer).norms is not None or any(
        isinstance(parameter, DTensor) or parameter.is_meta for parameter in module.parameters()
    )
    with torch.random.fork_rng():
        for batch in batches:
            with torch.no_grad():  # as many forward passes on every rank: they may meet in them
                bad_B = ~task.loss(batch)[0].isfinite()
                rows = bad_B.nonzero().flatten().tolist()
                if len(rows) > 1 and not sharded:  # one may have spoilt the others
                    alone = [n for n in rows if not task.loss(_row(batch, n))[0].isfinite()]
                    rows = alone or rows
            names = task.pseudonyms(batch)
            culprits += [names[row] for row in rows]
        if culprits or sharded:
            return culprits
        for batch in batches:
            names = task.pseudonyms(batch)
            culprits += [n for row, n in enumerate(names) if _breaks(module, _row(batch, row))]
    return culprits


def _breaks(module: LightningModule, row: Any) -> bool:
    """Say whether the gradients of one sample are not finite."""
    parameters = [tensor for tensor in module.parameters() if tensor.requires_grad]
    with torch.enable_grad():
        loss = cast(Any, module).loss(row)[0].sum()
        gradients: Any = torch.autograd.grad(loss, parameters, allow_unused=True)
    return any(not tensor.isfinite().all() for tensor in gradients if tensor is not None)


def _row(batch: Any, row: int) -> Any:
    return rows_of(batch, slice(row, row + 1))


def listed(names: Sequence[str], count: int) -> str:
    """Return the first few of some names, and how many there are besides.

    Args:
        names: The names, or the first of them.
        count: How many there are.
    """
    if not names:
        return "the step as a whole: no single sample's loss or gradient is not finite"
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    return ", ".join(names[:NAMED]) + more
