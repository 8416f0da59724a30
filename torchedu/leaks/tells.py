"""Tells: values that alone give the target away, found among all values at once."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.leaks.copies import Ids

SURE = 0.995
"""Share of the rows of a value that have one and the same target, from which it gives it away; and
the AUC of a column from which that does."""
DOUBT = 5.0
"""What honest values may do: leave a fifth of the doubt that there is without them."""
CHANCE = 1e-3
"""Probability of any false alarm among all values looked at, if none is better than that."""
RANKED = 1 << 18
"""Rows by which an AUC is found: of more of them, some that stand evenly among all."""
FEW = 10
"""Rows of either target that an AUC needs."""
_PIECE = r"(?:\d+|[^\W\d_]+)"
_FIRST, _LAST = re.compile(_PIECE + r"[\W_]*"), re.compile(r"[\W_]*" + _PIECE + r"$")


class Tell(NamedTuple):
    """A value and the target that it gives away.

    Attributes:
        value: The value, a number.
        target: The target.
        rows: How many rows have the value.
    """

    value: int
    target: int
    rows: int


def tells(value: Ids, target: Ids, weight: NDArray[np.int64] | None = None) -> list[Tell]:
    """Find values of which nearly every row has one and the same target, beyond chance.

    Args:
        value: Numbers of values, one for each row that has it; shape (pairs,).
        target: The target of that row, from 0; shape (pairs,).
        weight: How many such rows there are; one where it is None.

    Returns:
        The values that give their target away, the most frequent first.
    """
    if weight is not None:
        value, target, weight = value[weight > 0], target[weight > 0], weight[weight > 0]
    if not len(value):
        return []
    targets = int(target.max()) + 1
    cell, where = np.unique(value * targets + target, return_inverse=True)
    count = np.bincount(where, weight).astype(np.int64)
    place = np.unique(cell // targets, return_inverse=True)[1]
    total = np.bincount(place, count).astype(np.int64)[place]
    base = np.bincount(target, weight, minlength=targets)
    own = (base / base.sum())[cell % targets]
    many = np.flatnonzero((count >= SURE * total) & (own < 1))
    # No more probable than this (Chernoff, 1952); for values without exception, exactly this.
    honest, share = 1 - (1 - own[many]) / DOUBT, count[many] / total[many]
    rest = np.where(share < 1, (1 - share) * np.log(np.maximum(1 - share, 1e-9) / (1 - honest)), 0)
    distance = share * np.log(share / honest) + rest
    chance = np.where(share > honest, np.exp(-total[many] * distance), 1)
    sure = many[chance * _judged(np.bincount(place, count), own[own < 1]) < CHANCE]
    sure = sure[np.argsort(-count[sure], kind="stable")]
    return [Tell(int(cell[i]) // targets, int(cell[i]) % targets, int(count[i])) for i in sure]


def _judged(totals: NDArray[np.number[Any]], shares: NDArray[np.float64]) -> int:
    """Count the values that are frequent enough to be judged at all (Tarone, Biometrics 1990)."""
    least = 1 - (1 - shares.min(initial=1)) / DOUBT
    rank = np.arange(1, len(totals) + 1)
    return int((least ** np.sort(totals)[::-1] * rank < CHANCE).sum()) or len(totals)


def extremes(value: Ids, row: Ids, number: NDArray[np.float64]) -> list[Tell]:
    """Find values whose rows have all the lowest, or all the highest, of a number.

    Args:
        value: Numbers of values, one for each row that has it; shape (pairs,).
        row: That row; shape (pairs,).
        number: What is to be predicted of each row, NaN where that is not known; shape (rows,).

    Returns:
        The values, with 1 where their rows have the highest, else 0.
    """
    known = ~np.isnan(number)
    rank = np.zeros(len(number))
    rank[known] = ranks(number[known])
    value, row = value[known[row]], row[known[row]]
    size = int(known.sum())
    names, place, count = np.unique(value, return_inverse=True, return_counts=True)
    rest = size - count
    above = np.bincount(place, rank[row], len(names)) - count * (count + 1) / 2
    area = above / np.maximum(count * rest, 1)
    sure = (count >= FEW) & (rest >= FEW) & (np.maximum(area, 1 - area) >= SURE)
    return [Tell(int(names[i]), int(area[i] > 0.5), int(count[i])) for i in np.flatnonzero(sure)]


def touched(value: Ids, row: Ids, given: Sequence[Tell]) -> int:
    """Count the rows that have a value that gives the target away."""
    mine = np.isin(value, [tell.value for tell in given])
    return len(np.unique(row[mine]))


def auc(number: NDArray[np.floating], yes: NDArray[np.bool_]) -> float:
    """Return the AUC by which a number tells a target; .5 where either is too rare to judge."""
    known = ~np.isnan(number)
    step = 1 + len(number) // RANKED
    number, yes = number[known][::step], yes[known][::step]
    if min(yes.sum(), (~yes).sum()) < FEW:
        return 0.5
    rank = ranks(number)
    ones = int(yes.sum())
    area = (rank[yes].sum() - ones * (ones + 1) / 2) / (ones * (len(yes) - ones))
    return float(max(area, 1 - area))


def ranks(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each number from 1, the mean one of equal ones."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: NDArray[np.float64] = (last - (count - 1) / 2)[place]
    return mean


def pieces(names: Sequence[str]) -> tuple[Ids, Ids, list[str]]:
    """Return the first and last piece and letter of each name, as numbers.

    Args:
        names: The names.

    Returns:
        The piece and the name of each pair, and what the pieces are.
    """
    known: dict[str, int] = {}
    piece, row = [], []
    for i, name in enumerate(names):
        first, last = _FIRST.match(name), _LAST.search(name)
        own = {f"{name[:1]}…", f"…{name[-1:]}"}
        own |= {f"{first[0]}…"} if first else set()
        own |= {f"…{last[0]}"} if last else set()
        own -= {f"{name}…", f"…{name}"}
        piece += [known.setdefault(own_piece, len(known)) for own_piece in own]
        row += [i] * len(own)
    return np.array(piece, np.int64), np.array(row, np.int64), list(known)
