"""Chances of a score above the mean come as often as they say."""

import numpy as np
import pytest

from torchedu.metrics.above import above_mean


@pytest.mark.parametrize("steps", [3, 30])
def test_chances_come_true_as_often_as_they_say(steps: int) -> None:
    drawn = np.random.default_rng(0)
    value = drawn.uniform(0.2, 0.8, 40_000)
    truth = np.clip(np.rint((value + drawn.normal(0, 0.15, 40_000)) * steps), 0, steps) / steps
    chance, mark = above_mean(value, value[:2000], truth[:2000], steps)
    assert 0 < mark < 1
    assert abs(mark * steps % 1 - 0.5) < 1e-6  # between two steps
    for low, high in ((0.05, 0.2), (0.4, 0.6), (0.8, 0.95)):
        mine = (chance > low) & (chance < high)
        assert (truth[mine] > mark).mean() == pytest.approx(chance[mine].mean(), abs=0.04)


def test_texts_that_are_all_alike_are_not_above_their_mean() -> None:
    chance, mark = above_mean(np.array([0.4]), np.array([0.4, 0.5]), np.array([0.5, 0.5]), 4)
    assert (mark, chance[0] < 0.5) == (0.625, True)
