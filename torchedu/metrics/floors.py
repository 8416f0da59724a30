"""What chance stays below: the noise floors of gaps between groups, family-wise.

Of many predictions students are dealt in bundles. Floors are estimates, and a gap that lies at its
floor is above it by one and below it by another; so where one is near, and it can be afforded,
students are dealt one by one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.metrics.dealing import Kinds, Rows, dealings, one_by_one
from torchedu.metrics.gaps import GAPS

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]

NEAR = 0.2
"""Nearer to its floor than this part of it, a gap is judged by students dealt one by one ..."""
AFFORDED = 2**20
"""... where there are no more predictions than this, which cost some 13 CPU-seconds."""


def noise_floors(
    gaps: Floats,
    measure: Callable[[Floats], Floats],
    rows: Rows,
    of: Kinds,
    pools: Sequence[Ids],
    times: int,
    alpha: float,
    seed: int,
) -> Floats:
    """Return the floor of each gap; shape (groups, measures).

    Args:
        gaps: What was found.
        measure: Returns the same of a dealing's counts.
        rows: The predictions.
        of: The groups of their units.
        pools: Within which units are dealt; a second one is for measures that are free of outcomes.
        times: How often they are dealt.
        alpha: Probability that chance crosses any of the floors.
        seed: Another seed deals otherwise.
    """

    def estimated(alone: bool) -> Floats:
        random = np.random.default_rng(seed)
        dealt: list[Floats] = []
        for pool in pools:
            batches = dealings(random, rows, of, pool, times, alone=alone)
            dealt.append(np.array([measure(drawing) for some in batches for drawing in some]))
        return _family_wise(np.abs(np.where(GAPS.free, dealt[-1], dealt[0])), alpha)

    floors = estimated(False)
    if one_by_one(rows, len(of.of_unit)) or len(rows.unit) > AFFORDED:
        return floors
    near = np.abs(np.abs(gaps) - floors) < NEAR * floors  # NaN is not near
    return estimated(True) if near.any() else floors


def _family_wise(dealt: Floats, alpha: float) -> Floats:
    """Return the family-wise floor of each gap.

    Args:
        dealt: Sizes of the gaps that chance made; shape (permutations, groups, measures).
        alpha: Probability that chance crosses any of the floors.
    """
    known = ~np.isnan(dealt).any(0)
    mean, spread = dealt.mean(0), dealt.std(0) + 1e-12
    largest = np.where(known, (dealt - mean) / spread, -np.inf).max((1, 2), initial=-np.inf)
    # So many dealings may lie above: the observed one is as likely as any of them to be there.
    above = int(alpha * (len(dealt) + 1))
    height = np.sort(largest)[-above] if known.any() else np.inf
    floors: Floats = np.where(known, mean + height * spread, np.nan)
    return floors
