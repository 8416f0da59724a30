"""Weights of students that keep a model from learning that one group fares worse than others."""

import numpy as np
from numpy.typing import NDArray


def fair_weights(group: NDArray[np.int64], outcome: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weigh students so that group and outcome are independent, as if no group fared worse.

    Reweighing of Kamiran and Calders (Knowledge and Information Systems 33, 2012).

    Args:
        group: The group of each student; below 0 where it is not known, whose weight is 1; shape
            (students,).
        outcome: Their outcomes, 0 or 1.

    Returns:
        The weights; shape (students,). Where every group has both outcomes they are 1 on average
        over the students of a known group; one with a single outcome has nothing to be weighed
        against, and counts as its outcome does among all.
    """
    weight = np.ones(len(group), np.float32)
    known = group >= 0
    names, mine = np.unique(group[known], return_inverse=True)
    bad = outcome[known] > 0.5
    both = np.bincount(mine * 2 + bad, minlength=2 * len(names))[mine * 2 + bad]
    total = np.where(bad, bad.sum(), (~bad).sum())
    weight[known] = np.bincount(mine)[mine] * total / (known.sum() * both)
    return weight
