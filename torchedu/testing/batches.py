"""Batches cut, filled and put together by the shape letters in the names of their columns."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor


def letters(column: str) -> str:
    """Return the shape letters that end a column's name: ``BL`` of ``item_BL``."""
    return column.rpartition("_")[2]


def carried(batch: Any) -> dict[str, Tensor]:
    """Return the columns of a batch by name, without those that are None."""
    return {name: column for name, column in batch._asdict().items() if column is not None}


def same(ours: Any, theirs: Any) -> bool:
    """Say whether two batches are equal; what is not known equals itself, NaN too."""
    columns, others = carried(ours), carried(theirs)
    return columns.keys() == others.keys() and all(
        column.shape == others[name].shape
        and torch.allclose(column, others[name], rtol=0, atol=0, equal_nan=True)
        for name, column in columns.items()
    )


def rows(batch: Any, index: Tensor | slice) -> Any:
    """Return some of a batch's rows."""
    return batch._replace(**{name: column[index] for name, column in carried(batch).items()})


def trimmed(batch: Any, length: int, steps: str = "L") -> Any:
    """Return the first steps of each row.

    Args:
        batch: A batch.
        length: How many steps.
        steps: The shape letters of dimensions that are steps.
    """
    short = {}
    for name, column in carried(batch).items():
        places = tuple(
            slice(length) if letter in steps else slice(None) for letter in letters(name)
        )
        short[name] = column[places]
    return batch._replace(**short)


def mixed(
    batch: Any, other: Any, mask_BL: Tensor, columns: Collection[str], steps: str = "L"
) -> Any:
    """Return a batch with what another one holds in some slots.

    Args:
        batch: A batch.
        other: One of the same shape.
        mask_BL: The slots.
        columns: Which columns take it; those that are None or have no steps stay.
        steps: The shape letters of dimensions that are steps.
    """
    changed, held = {}, carried(batch)
    for name in held.keys() & set(columns):
        own = held[name]
        shape = [
            size if letter == "B" or letter in steps else 1
            for letter, size in zip(letters(name), own.shape, strict=False)
        ]
        if own.numel() and any(letter in steps for letter in letters(name)):
            mask = mask_BL.view(*shape, *[1] * (own.dim() - len(shape)))
            changed[name] = torch.where(mask, getattr(other, name), own)
    return batch._replace(**changed)


def padded(batch: Any, length_B: Tensor, fill: Mapping[str, float], steps: str = "L") -> Any:
    """Return rows cut after so many steps and padded, as data modules pad them.

    Args:
        batch: A batch.
        length_B: Steps that stay of each row.
        fill: What padded slots of a column hold, where it is not 0.
        steps: The shape letters of dimensions that are steps.
    """
    columns = carried(batch)
    length = max(
        column.shape[at]
        for name, column in columns.items()
        for at, letter in enumerate(letters(name))
        if letter in steps
    )
    blank = batch._replace(
        **{name: torch.full_like(column, fill.get(name, 0)) for name, column in columns.items()}
    )
    return mixed(batch, blank, torch.arange(length) >= length_B.unsqueeze(1), columns, steps)
