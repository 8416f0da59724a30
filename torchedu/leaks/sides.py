"""Both sides of a split: what is trained on, what is scored, and what stands on both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.splits import Part
from torchedu.leaks.copies import Ids, Pairs
from torchedu.leaks.finding import Finding

Mask = NDArray[np.bool_]
Names = Callable[[Sequence[int]], Sequence[str]]

ALIKE = 4.0
"""Standard deviations of chance from which rows of a group are alike."""
SMALL = 20
"""Rows of a group at most, on average: larger ones, such as men and women, say less of a row."""
CROSSING = 0.01
"""Share of the scored rows whose group is trained on too, from which that is told."""


class Sides(NamedTuple):
    """Which rows are trained on, and which are scored.

    Attributes:
        train: Shape (rows,).
        scored: Those of the validation and test parts.
    """

    train: Mask
    scored: Mask


def sides(parts: Mapping[str, Any], size: int) -> Sides:
    """Return the sides of a split.

    Args:
        parts: Rows, or a ``Part`` each, of ``train``, ``val`` and ``test``; nothing where there
            is no split.
        size: Number of rows.
    """
    sides_of = Sides(np.zeros(size, bool), np.zeros(size, bool))
    for name, part in parts.items():
        side = sides_of.train if name == "train" else sides_of.scored
        side[part.student if isinstance(part, Part) else part] = True
    return sides_of


def copied(pairs: Pairs, split: Sides, noun: str, names: Names) -> list[Finding]:
    """Tell the rows that are copies of others.

    Args:
        pairs: Them.
        split: What is trained on and scored.
        noun: What a row is, in the plural.
        names: Names rows.
    """
    if not len(pairs.first):
        return []
    count, size = len(np.unique(np.concatenate(pairs[:2]))), len(split.train)
    ways = (pairs.first, pairs.second), (pairs.second, pairs.first)
    met = [other[split.train[this] & split.scored[other]] for this, other in ways]
    across = len(np.unique(np.concatenate(met)))
    sentence = f"{count:,} of {size:,} {noun} stand in the data twice, whole or nearly"
    if split.scored.any():
        sentence += f"; {across:,} that are scored have their like in training"
    first = int(pairs.share.argmax())
    examples = names([int(pairs.first[first]), int(pairs.second[first])])
    remedy = "Keep one of each, or put both in one part."
    return [Finding("copies", noun, count, count / size, sentence, remedy, examples)]


def grouped(
    group: Ids, number: NDArray[np.floating], split: Sides, column: str, noun: str
) -> list[Finding]:
    """Tell a column whose small groups are alike, and stand on both sides of the split.

    Args:
        group: The group of each row, negative or 0 where there is none; shape (rows,).
        number: What is to be predicted of each, NaN where that is not known.
        split: What is trained on and scored.
        column: What the column is called.
        noun: What a row is, in the plural.
    """
    known = (group > 0) & ~np.isnan(number)
    known &= np.bincount(group[known], minlength=int(group.max(initial=0)) + 1)[group] > 1
    _, own, sizes = np.unique(group[known], return_inverse=True, return_counts=True)
    if len(sizes) < 10 or sizes.mean() > SMALL:
        return []
    x = number[known].astype(np.float64)
    x = (x - x.mean()) / (x.std() or 1)
    # Products of all pairs of a group; were groups drawn by chance, they would add up to nothing.
    alike = (np.bincount(own, x) ** 2).sum() - (x**2).sum()
    if alike < ALIKE * np.sqrt(2 * (sizes * (sizes - 1)).sum()):
        return []
    return crossing(group, split, column, noun)


def crossing(
    group: Ids, split: Sides, column: str, noun: str, least: float = CROSSING
) -> list[Finding]:
    """Tell groups that stand on both sides of the split; see ``grouped``."""
    met = split.scored & (group > 0) & np.isin(group, group[split.train])
    count, scored = int(met.sum()), int(split.scored.sum())
    if count <= least * scored:
        return []
    sentence = (
        f"{count:,} of {scored:,} {noun} that are scored have a {column} that is trained on too"
    )
    remedy = f"Split by {column}, unless those to be foretold later are of the same."
    return [Finding("grouping", column, count, count / scored, sentence, remedy)]
