"""Which trials are best: by one objective, by several at once, and where limits are to be kept.

Trials of several objectives are ranked as in multi-objective asynchronous successive halving
(Schmucker et al. 2021, https://arxiv.org/abs/2106.12639): first by how many layers of better ones
lie before them (non-dominated sorting), and within a layer by an epsilon-net, which takes the trial
that is farthest from those taken already, so that a front is kept in its whole breadth.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def front(costs: ArrayLike) -> NDArray[np.bool_]:
    """Say of each trial whether no other is better; of equal ones all are in front.

    Args:
        costs: The lower the better; shape (trials, objectives).
    """
    all_TO = np.asarray(costs, np.float64)
    one_TTO, other_TTO = all_TO[:, None], all_TO[None]
    better_TT = (one_TTO <= other_TTO).all(-1) & (one_TTO < other_TTO).any(-1)
    leads: NDArray[np.bool_] = np.asarray(~better_TT.any(0))
    return leads


def layers(costs: ArrayLike) -> Iterator[NDArray[np.int64]]:
    """Yield the trials that no other is better than, then those of the rest, and so on.

    Args:
        costs: As ``front`` has it.
    """
    all_TO = np.asarray(costs, np.float64)
    left = np.arange(len(all_TO))
    while len(left):
        first = front(all_TO[left])
        yield left[first]
        left = left[~first]


def ranked(costs: ArrayLike, excess: Sequence[float] = ()) -> NDArray[np.int64]:
    """Return the trials from the best to the worst.

    Args:
        costs: As ``front`` has it.
        excess: By how much each breaks the limits: those that break none come first, then the
            others, the least first.

    Returns:
        Indices; shape (trials,).
    """
    all_TO = np.asarray(costs, np.float64)
    over = np.array(excess if len(excess) else np.zeros(len(all_TO)), np.float64)
    kept, broken = np.flatnonzero(over <= 0), np.flatnonzero(over > 0)
    inside = [kept[layer[_net(all_TO[kept[layer]])]] for layer in layers(all_TO[kept])]
    return np.concatenate([*inside, broken[np.argsort(over[broken], kind="stable")]]).astype(int)


def _net(costs: Floats) -> NDArray[np.int64]:
    """Order a layer so that each trial is the farthest from those before it.

    The first one is best by the first objective. Distances are in parts of each objective's span.
    """
    span = np.ptp(costs, 0)
    scaled = (costs - costs.min(0)) / np.where(span > 0, span, 1)
    taken = [int(np.lexsort(costs.T[::-1])[0])]
    away = np.linalg.norm(scaled - scaled[taken[0]], axis=1)
    away[taken[0]] = -1
    while len(taken) < len(costs):
        taken.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(scaled - scaled[taken[-1]], axis=1))
        away[taken[-1]] = -1
    return np.array(taken)


def knee(costs: ArrayLike) -> int:
    """Return the trial of a front that is nearest to the best of all objectives at once.

    Args:
        costs: As ``front`` has it; each objective counts in parts of its span over these trials.
    """
    all_TO = np.asarray(costs, np.float64)
    span = np.ptp(all_TO, 0)
    scaled = (all_TO - all_TO.min(0)) / np.where(span > 0, span, 1)
    return int(np.linalg.norm(scaled, axis=1).argmin())
