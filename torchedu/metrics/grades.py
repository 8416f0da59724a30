"""How near grades of one score come to those of people, and how surely they are given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.metrics.agreement import qwk
from torchedu.metrics.scores import scores

Floats = NDArray[np.floating[Any]]
BINS = 10
"""Bins of equal width by which the error of calibration is counted."""
LIKELY = 0.8
"""How likely a true score is to lie in its interval."""


def graded(value: Floats, truth: Floats, places: int) -> dict[str, float | None]:
    """Score grades of one score.

    Args:
        value: What was given, in 0..1 of the scale; shape (answers,).
        truth: What people gave, alike, NaN where they gave nothing.
        places: Places on the scale.

    Returns:
        ``auc`` of a score with two places; else ``pcc``, ``qwk`` and ``mae``, in steps; None where
        one is not defined, as a correlation is not of people who gave one score alone.
    """
    known = np.isfinite(truth)
    given, true = np.asarray(value, np.float64)[known], np.asarray(truth, np.float64)[known]
    if places == 2:
        right = true >= 0.5
        both = bool(right.any() and not right.all())
        return {"auc": scores(given.clip(0, 1), right)["auc"] if both else None}
    steps = places - 1
    return {
        "pcc": pcc(given, true),
        "qwk": qwk(np.rint(given.clip(0, 1) * steps), np.rint(true * steps)),
        "mae": float(np.abs(given - true).mean() * steps) if len(true) else None,
    }


def pcc(value: Floats, truth: Floats) -> float | None:
    """Return Pearson's correlation; None where either is all alike."""
    x, y = (np.asarray(column, np.float64) - np.mean(column) if len(column) else np.zeros(0)
            for column in (value, truth))  # fmt: skip
    spread = float(np.sqrt((x**2).sum() * (y**2).sum())) if len(x) > 1 else 0.0
    return float((x * y).sum() / spread) if spread > 1e-12 else None


def pcc_within(value: Floats, truth: Floats, owner: NDArray[Any]) -> float | None:
    """Return Pearson's correlation of what is above or below each owner's own means.

    Args:
        value: What was given; shape (answers,).
        truth: What people gave, without NaN.
        owner: Whose each answer is.
    """
    names, who = np.unique(owner, return_inverse=True)
    number = np.maximum(np.bincount(who, minlength=len(names)), 1)
    apart = [
        column - (np.bincount(who, column, len(names)) / number)[who]
        for column in (np.asarray(value, np.float64), np.asarray(truth, np.float64))
    ]
    return pcc(*apart)


def calibration_error(chance: Floats, right: NDArray[np.bool_]) -> float | None:
    """Return how far chances are from shares that came true, a mean over ``BINS`` bins of them.

    The expected calibration error of Naeini et al., AAAI 2015.
    """
    if not len(right):
        return None
    place = np.minimum((np.asarray(chance) * BINS).astype(np.int64), BINS - 1)
    number = np.bincount(place, minlength=BINS)
    gap = np.bincount(place, chance, BINS) - np.bincount(place, right, BINS)
    return float(np.abs(gap).sum() / number.sum())


def surely(chance_BK: Floats, truth: Floats, places: int) -> float | None:
    """Return the calibration error of one score: of its likeliest place, or of yes.

    Args:
        chance_BK: The chance of each place; shape (answers, places or more).
        truth: What people gave, in 0..1, NaN where they gave nothing.
        places: Places on the scale.
    """
    known = np.isfinite(truth)
    chance_BK, place = chance_BK[known], np.rint(truth[known] * (places - 1)).astype(np.int64)
    if places == 2:
        return calibration_error(chance_BK[:, 1], place == 1)
    best = chance_BK[:, :places].argmax(1) if len(place) else place
    return calibration_error(chance_BK.max(1, initial=0), best == place)


def interval(chance_BK: Floats, places: int) -> tuple[Floats, Floats]:
    """Return where the true score lies with ``LIKELY`` chance, in 0..1 of the scale.

    A place stands for all that is nearer to it than to others.

    Args:
        chance_BK: The chance of each place; shape (answers, places or more).
        places: Places on the scale.
    """
    below_BK = np.cumsum(np.asarray(chance_BK, np.float64)[:, :places], 1)
    ends = []
    for share in ((1 - LIKELY) / 2, (1 + LIKELY) / 2):
        at_B = np.minimum((below_BK < share).sum(1), places - 1)
        row_B = np.arange(len(at_B))
        before_B = np.where(at_B > 0, below_BK[row_B, at_B - 1], 0)
        inside_B = (share - before_B) / np.maximum(below_BK[row_B, at_B] - before_B, 1e-9)
        ends.append(((at_B - 0.5 + inside_B.clip(0, 1)) / max(1, places - 1)).clip(0, 1))
    return ends[0], ends[1]
