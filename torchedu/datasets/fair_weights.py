"""Weights of students that keep a model from learning that one group fares worse than others."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weighting = Literal["none", "reweighing", "balanced"]


def fair_weights(
    group: NDArray[np.int64], outcome: NDArray[np.float32], weighting: Weighting
) -> NDArray[np.float32]:
    """Weigh students so that their groups count as they would where none fared worse.

    Args:
        group: The group of each student; below 0 where it is not known, whose weight is 1; shape
            (students,).
        outcome: Their outcomes, 0 or 1.
        weighting: ``reweighing`` makes group and outcome independent (Kamiran and Calders,
            Knowledge and Information Systems 33, 2012); ``balanced`` gives every group the same
            total, as batches with as many students of each would; ``none`` changes nothing.

    Returns:
        The weights, 1 on average over the students of a known group; shape (students,).
    """
    weight = np.ones(len(group), np.float32)
    known = group >= 0
    if weighting == "none" or not known.any():
        return weight
    names, mine = np.unique(group[known], return_inverse=True)
    size = np.bincount(mine)
    if weighting == "balanced":
        weight[known] = known.sum() / (len(names) * size[mine])
        return weight
    bad = outcome[known] > 0.5
    both = np.bincount(mine * 2 + bad, minlength=2 * len(names))[mine * 2 + bad]
    total = np.where(bad, bad.sum(), (~bad).sum())
    weight[known] = size[mine] * total / (known.sum() * both)
    return weight
