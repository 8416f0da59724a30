import math
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from torchedu.metrics import sums
from torchedu.metrics.sums import (
    ANSWERS,
    CHUNK,
    LOSS,
    OBSERVED,
    ON_RIGHT_SIDE,
    PREDICTED,
    answer_sums,
    mean_scores,
    number,
)

UNIT = st.floats(0, 1) | st.floats(0, 1e-6) | st.sampled_from([0.0, 0.5, 1.0])
PAIRS = st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=50)


def columns(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    p, y = torch.tensor(pairs, dtype=torch.float64).T
    return p, y


@given(PAIRS)
def test_sums_are_those_of_exact_arithmetic(pairs: list[tuple[float, float]]) -> None:
    p, y = columns(pairs)
    total = answer_sums(p, y).sum(0)
    assert int(total[ANSWERS]) == len(pairs)
    assert int(total[ON_RIGHT_SIDE]) == sum((a >= 0.5) == (b >= 0.5) for a, b in pairs)
    assert float(number(total[PREDICTED])) == pytest.approx(math.fsum(p.tolist()), abs=1e-14)
    assert float(number(total[OBSERVED])) == pytest.approx(math.fsum(y.tolist()), abs=1e-14)
    clipped = [min(max(a, sums.CLIP), 1 - sums.CLIP) for a, _ in pairs]
    loss = [
        -b * math.log(a) - (1 - b) * math.log(1 - a)
        for a, (_, b) in zip(clipped, pairs, strict=True)
    ]
    assert float(number(total[LOSS])) == pytest.approx(math.fsum(loss), rel=1e-12)


@given(PAIRS, st.integers(0, 50), st.randoms(use_true_random=False))
def test_sums_are_the_same_in_any_order_and_division(
    pairs: list[tuple[float, float]], cut: int, random: Random
) -> None:
    p, y = columns(pairs)
    whole = answer_sums(p, y)
    random.shuffle(pairs)
    p, y = columns(pairs)
    assert torch.equal(answer_sums(p[:cut], y[:cut]) + answer_sums(p[cut:], y[cut:]), whole)


def test_many_answers_are_summed_in_chunks() -> None:
    p, y = torch.rand(2, 2 * CHUNK + 5, dtype=torch.float64)
    p = p.clamp(1e-6, 1 - 1e-6)  # the loss of what is surer is cut off
    by_chunks = answer_sums(p, y)
    by_answers = sum(answer_sums(*some) for some in zip(p.split(1000), y.split(1000), strict=True))
    assert torch.equal(by_chunks, by_answers)
    mean = torch.nn.functional.binary_cross_entropy(p, y)
    assert mean_scores(by_chunks)["log_loss"] == pytest.approx(float(mean), rel=1e-12)


def test_billions_of_the_largest_terms_do_not_overflow() -> None:
    sure_mistake = answer_sums(torch.zeros(1).double(), torch.ones(1).double())
    found = mean_scores(sure_mistake * 2**32)
    assert found["log_loss"] == pytest.approx(-math.log(sums.CLIP), rel=1e-12)
    assert found["calibration_error"] == 1


@pytest.mark.parametrize("pair", [(math.nan, 1.0), (0.5, math.nan)])
def test_nan_is_counted_apart_and_told(pair: tuple[float, float]) -> None:
    found = answer_sums(*columns([pair, (0.9, 1.0)]))
    assert found[:, ANSWERS].tolist() == [*[0] * 13, 1, 0, 1]
    assert all(math.isnan(value) for value in mean_scores(found).values())
