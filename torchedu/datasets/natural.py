"""The natural order of names: q2 before q10, whatever order a file brought them in."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_DIGITS = re.compile(r"([0-9]+)")


def natural_order(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the index that puts names in natural order.

    Numbers within names count by their value; names that are equal in that (``7`` and ``07``) are
    ordered as text, so that the order depends on the names alone.

    Args:
        names: Names without repeats.

    Returns:
        Shape (names,).
    """
    count = len(names)
    fast = _common_prefix_order(names)
    if fast is not None:
        return fast
    return np.array(sorted(range(count), key=lambda i: (_key(names[i]), names[i])), np.int64)


def _key(name: str) -> list[tuple[int, int, str]]:
    # Odd parts are the numbers; a number comes before text at the same place. Without leading
    # zeros a longer number is a larger one, and no number is too long for that.
    return [
        (0, len(part.lstrip("0")), part.lstrip("0")) if i % 2 else (1, 0, part)
        for i, part in enumerate(_DIGITS.split(name))
        if part
    ]


def _common_prefix_order(names: Sequence[str]) -> NDArray[np.int64] | None:
    """Order names such as u1, u2, ... through one array of numbers, ten times as fast."""
    if not names:
        return np.zeros(0, np.int64)
    prefix = _common_prefix(min(names), max(names)).rstrip("0123456789")
    tails = [name[len(prefix) :] for name in names]
    if not all(tail.isascii() and tail.isdigit() and len(tail) < 19 for tail in tails):
        return None
    numbers = np.array(tails, dtype=f"U{max(map(len, tails))}").astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    if (np.diff(numbers[order]) == 0).any():
        return None
    return order


def _common_prefix(first: str, last: str) -> str:
    pairs = enumerate(zip(first, last, strict=False))
    end = next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))
    return first[:end]
