"""The gaps between a group and all others, from counts, so that chance can be tried many times."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]

KNOTS = 2**14
"""False positives on whose stretch curves are compared at once."""
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

    def auc(self) -> float:
        """Return the area under it, from whole numbers."""
        height = self.true[1:].astype(np.int64) + self.true[:-1]
        won = int((np.diff(self.false).astype(np.int64) * height).sum())
        return won / (2 * int(self.false[-1]) * int(self.true[-1]))

    def lines(self, begin: int, end: int) -> tuple[Floats, Floats]:
        """Return its height at each false positive from begin to end, and how much it gains there.

        Vertical steps are between them: a height is what follows the step.
        """
        # Places of the curve's own type: of another, the whole curve is converted at each search.
        low, high = self.false.dtype.type(begin), self.false.dtype.type(end)
        first = int(np.searchsorted(self.false, low, "right")) - 1
        last = int(np.searchsorted(self.false, high))
        false, true = self.false[first : last + 1], self.true[first : last + 1]
        width = np.diff(false)
        gain = np.diff(true.astype(np.int64)) / np.maximum(width, 1)
        place = np.arange(int(false[0]), int(false[-1])) - np.repeat(false[:-1], width)
        gains = np.repeat(gain, width)
        some = slice(begin - int(false[0]), end - int(false[0]))
        return (np.repeat(true[:-1], width) + place * gains)[some], gains[some]


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
        ((measure[0] - measure[1]) * share).sum(-1)
        for measure in (auc, chosen, caught[..., 1], caught[..., 0], error)
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


def area_between(first: Curve, other: Curve) -> float:
    """Return the area between two ROC curves, 0..1; NaN where either lacks an outcome."""
    if not (first.true[-1] and other.true[-1]):
        return float("nan")
    fine, coarse = sorted((first, other), key=lambda curve: -int(curve.false[-1]))
    size = int(fine.false[-1])
    return sum(
        _between(fine, coarse, begin, min(begin + KNOTS, size)) for begin in range(0, size, KNOTS)
    )


def _between(fine: Curve, coarse: Curve, begin: int, end: int) -> float:
    """Return the area on a stretch of the finer curve's false positives.

    Places are counted in whole numbers: a false positive of the one is worth all of the other.
    """
    step, stride = int(coarse.false[-1]), int(fine.false[-1])
    low, high = begin * step // stride, -(-end * step // stride)
    knots = np.concatenate([np.arange(begin, end + 1) * step, np.arange(low, high + 1) * stride])
    knots = np.sort(np.clip(knots, begin * step, end * step))
    left, right = knots[:-1], knots[1:]
    first, last = np.zeros(len(left)), np.zeros(len(left))
    for sign, curve, unit, start, stop in (
        (1, fine, step, begin, end),
        (-1, coarse, stride, low, high),
    ):
        height, gain = curve.lines(start, stop)
        at = np.minimum(left // unit, stop - 1)
        base, slope = height[at - start], gain[at - start] / unit
        scale = sign / int(curve.true[-1])
        first += (base + slope * (left - at * unit)) * scale
        last += (base + slope * (right - at * unit)) * scale
    straight = np.abs(first + last) / 2
    crossing = (first**2 + last**2) / (2 * np.maximum(np.abs(first - last), 1e-300))
    area = np.where(first * last < 0, crossing, straight) * (right - left)
    return float(area.sum()) / (step * stride)


def roc_curve(p: Floats, y: NDArray[np.bool_]) -> Curve:
    """Return a ROC curve; nothing but (0, 0) where an outcome is missing.

    Args:
        p: Predictions; those in ascending order are not sorted again; shape (predictions,).
        y: Their outcomes.
    """
    if (p[1:] < p[:-1]).any():
        order = np.argsort(p)
        p, y = p[order], y[order]
    small = np.min_scalar_type(-len(p) - 1)
    total = int(y.sum())
    if total in (0, len(y)):
        return Curve(np.zeros(1, small), np.zeros(1, small))
    first = np.append(True, p[1:] != p[:-1]).nonzero()[0][::-1].astype(small)
    true = np.cumsum(y, dtype=small)[first]
    true = np.append(small.type(0), total - true + y[first])
    false = np.append(small.type(0), (len(y) - first) - true[1:])
    # Of several points of one false positive rate the first and the last.
    kept = np.ones(len(false), bool)
    kept[1:-1] = (false[1:-1] != false[:-2]) | (false[1:-1] != false[2:])
    return Curve(false[kept], true[kept])


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
