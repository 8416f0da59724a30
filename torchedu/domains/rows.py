"""Rows of a batch: what they are called, and which of them hold numbers."""

from typing import Any

import torch
from torch import Tensor


def windows_named(batch: Any, noun: str) -> list[str]:
    """Name each window of histories by the student's row in the store and where its slots stand.

    Args:
        batch: The windows; shape (B, L).
        noun: What a slot holds, in the plural.
    """
    first_B = batch.start_B + batch.scored_BL.int().argmax(1)
    last_B = first_B + batch.scored_BL.sum(1) - 1
    return [
        f"student row {row} ({noun} {first} to {last})"
        for row, first, last in torch.stack([batch.student_B, first_B, last_B], 1).tolist()
    ]


def finite_of(x: Tensor) -> Tensor:
    """Say of each row of a tensor whether all of it is finite; shape (B, ...) to (B,)."""
    # A sum is one pass over the numbers and makes no copy; NaN and infinity do not vanish in it.
    return x.flatten(1).sum(1, dtype=torch.promote_types(x.dtype, torch.float32)).isfinite()
