"""The gaps between a group and all others, from counts, so that chance can be tried many times."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]

KNOTS = 2**15
"""Points of curves that are made, or compared, at once."""
POINTS = 100
"""Places along the false positive rate at which two ROC curves are compared."""


class Curve(NamedTuple):
    """A ROC curve of many predictions, from (0, 0), as counts: a quarter of what rates would take.

    Attributes:
        false: False positives at each point, ascending.
        true: True positives.
    """

    false: Ids
    true: Ids

    def points(self, begin: float, end: float) -> tuple[Floats, Floats]:
        """Return both rates at the points on a stretch of false positive rates, and around it."""
        bounds = (begin * self.false[-1] - 1, end * self.false[-1] + 2)
        lowest, highest = np.clip(bounds, 0, self.false[-1]).astype(self.false.dtype)
        first = max(0, int(np.searchsorted(self.false, lowest)) - 1)
        some = slice(first, int(np.searchsorted(self.false, highest, "right")) + 1)
        return self.false[some] / self.false[-1], self.true[some] / self.true[-1]


class Measures(NamedTuple):
    """The measures in the order of the columns of ``gaps``.

    Attributes:
        names: What they are called.
        free: Whether chance may give a group other outcomes too; the others compare students of
            the same outcome.
    """

    names: tuple[str, ...]
    free: NDArray[np.bool_]


GAPS = Measures(
    (
        "abroca",
        "auc",
        "selection_rate",
        "true_positive_rate",
        "false_positive_rate",
        "calibration",
    ),
    np.array([False, False, True, False, False, True]),
)


def group_counts(
    label: Ids,
    outcome: NDArray[np.bool_],
    code: Ids,
    stratum: Ids,
    weight: Floats | None,
    sizes: tuple[int, int, int],
) -> Floats:
    """Count predictions.

    Args:
        label: The group of each prediction, negative where it is unknown; shape (predictions,).
        outcome: What came true.
        code: The bin of each prediction, ascending with it.
        stratum: The stratum of each prediction.
        weight: How often each prediction counts; once where it is None.
        sizes: Numbers of groups, strata and bins.

    Returns:
        Shape (groups, strata, 2 outcomes, bins).
    """
    groups, strata, bins = sizes
    cell = ((label.astype(np.int64) * strata + stratum) * 2 + outcome) * bins + code
    known = label >= 0
    cell = cell[known]
    size = groups * strata * 2 * bins
    counted = np.bincount(cell, None if weight is None else weight[known], size)
    return counted.reshape(groups, strata, 2, bins).astype(np.float64)


def gaps(
    counts: Floats, mean: Floats, selected: NDArray[np.bool_], compared: NDArray[np.bool_]
) -> Floats:
    """Compare each group with all others, within strata, and average over these.

    A stratum weighs as the precision of a difference of two means, ``n m / (n + m)``; one in which
    a side lacks an outcome does not count. Signed gaps of strata may cancel out, and ROC curves are
    subtracted before the area between them is taken: the gap is that which all strata share.

    Args:
        counts: Shape (groups, strata, 2, bins); see ``group_counts``.
        mean: Mean prediction of each bin; shape (bins,).
        selected: Whether a bin lies at or above the threshold.
        compared: Which groups to compare.

    Returns:
        The gaps, group less others; NaN where no stratum can be compared; shape (compared groups,
        measures of ``GAPS``).
    """
    sides = np.stack([counts[compared], counts.sum(0) - counts[compared]])  # 2, G, strata, 2, bins
    each = sides.sum(-1)
    size = each.sum(-1)
    weight = np.where((each > 0).all((0, -1)), size[0] * size[1] / np.maximum(size.sum(0), 1), 0)
    total = weight.sum(-1, keepdims=True)
    share = np.divide(weight, total, out=np.full_like(weight, np.nan), where=total > 0)
    # Rates of the predictions at or above each bin, from the highest down.
    rate = np.cumsum(sides[..., ::-1], -1) / np.maximum(each, 1)[..., None]
    false, true = rate[..., 0, :], rate[..., 1, :]
    curve = _heights(false, true)
    area = np.abs(((curve[0] - curve[1]) * share[..., None]).sum(1)).mean(-1)
    start = np.zeros_like(false[..., :1])
    x, y = np.concatenate([start, false], -1), np.concatenate([start, true], -1)
    auc = (np.diff(x) * (y[..., 1:] + y[..., :-1])).sum(-1) / 2
    at = (sides * selected).sum(-1)
    chosen = at.sum(-1) / np.maximum(size, 1)
    caught = at / np.maximum(each, 1)
    error = ((sides.sum(-2) * mean).sum(-1) - each[..., 1]) / np.maximum(size, 1)
    signed = (
        ((one[0] - one[1]) * share).sum(-1)
        for one in (auc, chosen, caught[..., 1], caught[..., 0], error)
    )
    return np.stack([area, *signed], -1)


def abroca(p: Floats, y: NDArray[np.bool_], other_p: Floats, other_y: NDArray[np.bool_]) -> float:
    """Return the area between two groups' ROC curves, exactly.

    Args:
        p: Predictions of the one group; shape (predictions,).
        y: Their outcomes.
        other_p: Predictions of the other.
        other_y: Their outcomes.

    Returns:
        The area, 0..1; NaN where a group has one outcome only.
    """
    return area_between(roc_curve(p, y), roc_curve(other_p, other_y))


def area_between(one: Curve, other: Curve) -> float:
    """Return the area between two ROC curves, 0..1; NaN where either lacks an outcome."""
    curves = one, other
    if not all(curve.true[-1] for curve in curves):
        return float("nan")
    begins = [curve.false[::KNOTS] / curve.false[-1] for curve in curves]
    ends = np.unique(np.concatenate([*begins, [1.0]]))
    return sum(_between(one, other, *stretch) for stretch in pairwise(ends.tolist()))


def _between(one: Curve, other: Curve, begin: float, end: float) -> float:
    """Return the area between two curves on a stretch of false positive rates."""
    points = one.points(begin, end), other.points(begin, end)
    knots = np.unique(np.concatenate([false for false, _ in points]))
    knots = np.unique(np.clip(knots, begin, end))
    left, width = knots[:-1], np.diff(knots)
    # Both are straight between knots; inside, no vertical step blurs which side is meant.
    first, last = (
        np.interp(left + at * width, *points[0]) - np.interp(left + at * width, *points[1])
        for at in (0.25, 0.75)
    )
    slope = 2 * (last - first)
    low, high = first - slope / 4, last + slope / 4
    straight = np.abs(low + high) / 2
    crossing = (low**2 + high**2) / (2 * np.maximum(np.abs(low - high), 1e-300))
    return float((np.where(low * high < 0, crossing, straight) * width).sum())


def roc_curve(p: Floats, y: NDArray[np.bool_]) -> Curve:
    """Return a ROC curve; nothing but (0, 0) where an outcome is missing."""
    high, low = np.sort(p[y]), np.sort(p[~y])
    cuts = np.unique(p)[::-1] if len(high) and len(low) else p[:0]
    false = _above(low, cuts)
    # Of several points of one false positive rate the first and the last.
    kept = np.ones(len(false), bool)
    kept[1:-1] = (false[1:-1] != false[:-2]) | (false[1:-1] != false[2:])
    return Curve(false[kept], _above(high, cuts[kept[1:]]))


def _above(ordered: Floats, cuts: Floats) -> Ids:
    """Count the predictions at or above each cut, and before the first those above all: none."""
    counts = np.zeros(len(cuts) + 1, np.min_scalar_type(len(ordered)))
    for first in range(0, len(cuts), KNOTS):
        some = cuts[first : first + KNOTS]
        counts[first + 1 : first + 1 + len(some)] = len(ordered) - np.searchsorted(ordered, some)
    return counts


def _heights(false: Floats, true: Floats) -> Floats:
    """Read many ROC curves off at the same places; all of them in one interpolation."""
    *shape, bins = false.shape
    rows = int(np.prod(shape))
    if not rows:
        return np.zeros((*shape, POINTS))
    begin = 2.0 * np.arange(rows)[:, None]
    x = np.concatenate([begin, begin + false.reshape(rows, bins)], 1)
    y = np.concatenate([np.zeros((rows, 1)), true.reshape(rows, bins)], 1)
    at = begin + (np.arange(POINTS) + 0.5) / POINTS
    heights: Floats = np.interp(at.ravel(), x.ravel(), y.ravel())
    return heights.reshape(*shape, POINTS)
