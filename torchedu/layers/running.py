"""Sums of all that came so far, the same whenever they are summed."""

import torch
from torch import Tensor

from torchedu.layers.precision import at_least_single

PARTS = 2**30
"""Parts of a mark in which marks are summed: in whole numbers, exact in any order."""


def running_sum(x: Tensor, dim: int) -> Tensor:
    """Return the sum of each number and those before it.

    CUDA sums up in an order of its own, which ``deterministic`` forbids; it then multiplies.

    Args:
        x: Any shape.
        dim: Along which dimension.

    Returns:
        The same shape.
    """
    if not (x.is_cuda and torch.are_deterministic_algorithms_enabled()):
        return x.cumsum(dim)
    upper = torch.ones(x.shape[dim], x.shape[dim], dtype=x.dtype, device=x.device).triu()
    with torch.autocast(x.device.type, enabled=False):
        return (x.movedim(dim, -1) @ upper).movedim(-1, dim)


def in_parts(marks: Tensor) -> Tensor:
    """Return marks, from 0 to 1, in whole parts; int64."""
    return (at_least_single(marks) * PARTS).round().long()


def marks_before(marks: Tensor, dim: int) -> Tensor:
    """Return the exact sum of the marks before each.

    Args:
        marks: 0, 1 or a share of the marks; any shape.
        dim: Along which dimension.

    Returns:
        The same shape and type.
    """
    parts = in_parts(marks)
    return ((parts.cumsum(dim) - parts) / PARTS).to(marks.dtype)
