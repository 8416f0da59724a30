"""How far given scores and labels agree with those of people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STRETCHES = np.linspace(0.8, 2.0, 61)
"""Factors that are tried."""

Floats = NDArray[np.floating[Any]]


def qwk(given: Floats, truth: Floats) -> float | None:
    """Return the quadratic weighted kappa (Cohen, Psychological Bulletin 1968).

    It is one less the mean squared difference over what it would be of unrelated scores of the same
    means and spreads; no table of pairs is needed for that.

    Args:
        given: Scores on the grid of the truth, such as whole numbers; shape (texts,).
        truth: What people gave.

    Returns:
        1 for full agreement, 0 for none beyond chance; None where people gave one score alone, as
        they did to a single text: there is nothing to tell apart, as with an AUC of one class.
    """
    given, truth = np.asarray(given, np.float64), np.asarray(truth, np.float64)
    if not len(truth) or truth.var() < 1e-12:
        return None
    chance = given.var() + truth.var() + (given.mean() - truth.mean()) ** 2
    return float(1 - np.mean((given - truth) ** 2) / chance)


def agreement(given: Floats, truth: Floats) -> dict[str, float | None]:
    """Return ``qwk`` and the shares that agree, exactly and within a step.

    Args:
        given: Scores in steps of the scale; shape (texts,).
        truth: What people gave.
    """
    off = np.abs(np.asarray(given, np.float64) - truth)
    some = len(off) > 0
    return {
        "qwk": qwk(given, truth),
        "exact": float((off < 0.5).mean()) if some else None,
        "adjacent": float((off < 1.5).mean()) if some else None,
    }


def stretched(value: Floats, centre: Floats | float, factor: Floats | float) -> Floats:
    """Return values moved away from their centre, within 0..1."""
    return np.asarray(np.clip(centre + factor * (value - centre), 0, 1))


def best_stretch(value: Floats, truth: Floats, steps: float) -> tuple[float, float]:
    """Choose the stretch about the mean under which rounded values agree best.

    Least squares draws predictions to the middle, which kappa punishes; one factor undoes that.

    Args:
        value: Predictions in 0..1 of the scale; shape (texts,).
        truth: What people gave, in steps.
        steps: Steps from the lowest to the highest score.

    Returns:
        Centre and factor; (0.5, 1) where nothing can be chosen. Of equal ones the mean is taken.
    """
    if len(value) < 2 or qwk(truth, truth) is None:
        return 0.5, 1.0
    centre = float(np.mean(value))
    agreements = [
        qwk(np.rint(stretched(value, centre, factor) * steps), truth) or 0.0 for factor in STRETCHES
    ]
    # Smoothed: single texts that jump from score to score are noise.
    smooth = np.convolve(np.pad(agreements, 4, "edge"), np.ones(9) / 9, "valid")
    return centre, float(STRETCHES[int(np.argmax(smooth))])
