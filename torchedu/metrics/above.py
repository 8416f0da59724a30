"""The chance that people would give a text more than is usual, by what a network gives it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def above_mean(
    value: Floats, known: Floats, truth: Floats, steps: float
) -> tuple[NDArray[np.float64], float]:
    """Turn predicted scores into chances of a score above the mean.

    A truth is thought to lie about its prediction as a normal variable does, with the spread that
    it has where it is known.

    Args:
        value: Predictions in 0..1 of the scale; shape (texts,).
        known: Predictions of other texts, from the part that chooses.
        truth: What people gave those, in 0..1.
        steps: Steps from the lowest to the highest score.

    Returns:
        The chance of each text, and the mark, between two steps, that is to be passed.
    """
    mark = (np.floor(float(np.mean(truth)) * steps) + 0.5) / steps
    spread = max(float(np.sqrt(np.mean((known - truth) ** 2))), 1e-6)
    chance = torch.special.ndtr(torch.from_numpy((value - mark) / spread).double())
    return np.asarray(chance.numpy()), float(mark)
