"""How baselines choose: a walk along ladders, on rows of owners that were not fitted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.baselines.baseline import hold_out, settle


@given(st.integers(1, 9), st.integers(1, 9), st.floats(-3, 12), st.floats(-3, 12))
def test_a_walk_ends_at_the_least_loss(rows: int, columns: int, x: float, y: float) -> None:
    def loss(a: float, b: float) -> float:
        return (a - x) ** 2 + (b - y) ** 2

    found = settle({"a": range(rows), "b": range(columns)}, loss)
    if rows == columns == 1:
        assert found == {"a": 0, "b": 0}
    else:
        least = min(loss(a, b) for a in range(rows) for b in range(columns))
        assert loss(**found) == pytest.approx(least)


def test_few_of_many_values_are_tried_and_one_alone_is_not() -> None:
    asked: list[float] = []

    def loss(c: float) -> float:
        asked.append(c)
        return abs(c - 52)

    assert settle({"c": range(100)}, loss) == {"c": 52}
    assert asked == [50, 51, 52, 53, 54, 49, 48]
    assert settle({"c": (7,)}, loss) == {"c": 7}
    assert len(asked) == 7


def test_a_loss_that_is_nan_is_never_better() -> None:
    assert settle({"c": (1, 2, 3)}, lambda c: np.nan if c == 3 else c) == {"c": 1}


@given(st.integers(1, 40), st.integers(0, 5))
def test_owners_are_held_out_whole(owners: int, seed: int) -> None:
    owner = np.random.default_rng(seed).integers(0, owners, 100) * 7
    held = hold_out(owner, 0.2, 1000, seed)
    several = len(np.unique(owner)) > 1
    assert held.any() == several
    assert not set(owner[held]) & set(owner[~held])
    few = hold_out(owner, 1.0, 10, seed)
    assert few.any()
    assert few.sum() < 10 + np.bincount(owner).max()
