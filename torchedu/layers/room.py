"""Memory of few sizes for batches that are all of another size.

A processor's memory goes to pieces where each step asks for a little more or less than the one
before it, and for each shape of a product in half precision oneDNN keeps a program of some .6 MiB,
of a thousand shapes at most.
"""

from math import prod

import torch
from torch import Tensor

GRAIN = 32
"""Rows are multiples of this."""


def rounded(rows: int) -> int:
    """Return one of few numbers of rows that is no less, and at most a sixteenth and 32 more."""
    grain = max(GRAIN, 1 << max(0, rows.bit_length() - 5))
    return -(-rows // grain) * grain


def room(rows: int, dim: int, kind: torch.dtype) -> Tensor:
    """Return a table that is not filled, in memory of one of few sizes.

    Args:
        rows: Its rows.
        dim: Its columns.
        kind: Its type.
    """
    return torch.empty(rounded(rows), dim, dtype=kind)[:rows]


def rooms(*tables: tuple[int, int, torch.dtype]) -> list[Tensor]:
    """Return tables that are not filled, all of them in one piece of memory.

    A piece of more than 32 MiB is glibc's to take from the system and to give back: it leaves no
    hole among the others.

    Args:
        *tables: Rows, columns and type of each.
    """
    sizes = [rounded(rows) * dim * kind.itemsize for rows, dim, kind in tables]
    starts = [sum(-(-size // 64) * 64 for size in sizes[:n]) for n in range(len(sizes))]
    piece = torch.empty(starts[-1] + sizes[-1], dtype=torch.uint8)
    return [
        piece[start : start + prod((rows, dim, kind.itemsize))].view(kind).view(rows, dim)
        for start, (rows, dim, kind) in zip(starts, tables, strict=True)
    ]
