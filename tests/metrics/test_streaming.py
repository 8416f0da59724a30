import math
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from torchedu.metrics import scores, streaming
from torchedu.metrics.streaming import CELLS, CHUNK, Summary

NEAR_HALF = st.integers(-99, 99).map(lambda step: 0.5 + step * 2.0**-24)
FLOAT32 = st.floats(0, 1, width=32)
VALUES = st.sampled_from([0.0, 0.3, 1.0]) | NEAR_HALF | FLOAT32
PAIRS = st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=120)
Pairs = list[tuple[float, bool]]


def columns(pairs: Pairs) -> tuple[Tensor, Tensor]:
    p, y = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 2).T
    return p.float().double(), y


def summary_of(p: Tensor, y: Tensor, batch: int = CHUNK) -> Summary:
    summary = Summary.empty()
    for some in zip(p.split(batch), y.split(batch), strict=True):
        summary = summary.add(*some)
    return summary


def same(one: Summary, other: Summary) -> bool:
    return one.shift == other.shift and all(map(torch.equal, one[1:], other[1:]))


@given(PAIRS)
def test_few_distinct_predictions_are_scored_exactly(pairs: Pairs) -> None:
    p, y = columns(pairs)
    found = summary_of(p, y, 7).scores()
    exact = scores(p, y)
    error = None if exact["auc"] is None else 0.0
    assert found == exact | {"auc_error": error}


@given(PAIRS, st.integers(1, 40))
def test_the_auc_is_within_its_error_whatever_was_predicted(pairs: Pairs, cells: int) -> None:
    p, y = columns(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "CELLS", cells)
        summary = summary_of(p, y, 7)
    assert len(summary.cells) <= cells
    assert summary.answers == len(pairs)
    found, exact = summary.scores(), scores(p, y)
    auc, error = found.pop("auc"), found.pop("auc_error")
    assert found == {name: exact[name] for name in found}
    if exact["auc"] is None:
        assert auc is error is None
    else:
        assert abs(auc - exact["auc"]) <= error + 1e-15


@given(PAIRS, st.integers(1, 40), st.integers(1, 60), st.randoms(use_true_random=False))
def test_any_order_and_division_gives_the_same_bits(
    pairs: Pairs, cells: int, batch: int, random: Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "CELLS", cells)
        whole = summary_of(*columns(pairs), batch=13)
        random.shuffle(pairs)
        assert same(summary_of(*columns(pairs), batch), whole)
        # As ranks are put together.
        one, two = (summary_of(*columns(part)) for part in (pairs[:batch], pairs[batch:]))
        both = Summary(
            max(one.shift, two.shift), torch.cat([one.cells, two.cells]), one.sums + two.sums
        )
        assert both.scores() == whole.scores()


def test_the_error_told_can_be_the_error_made() -> None:
    """Two neighbouring predictions, one of them right, in a cell that others force upon them."""
    p = torch.tensor([0.75, 0.75 + 2.0**-24]).repeat_interleave(500)
    y = (p > 0.75).double()
    spread = torch.linspace(0.1, 0.4, 200)
    p, y = torch.cat([p, spread]).double(), torch.cat([y, torch.zeros(200).double()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "CELLS", 50)
        found = summary_of(p, y).scores()
    assert scores(p, y)["auc"] == 1
    assert 1 - found["auc"] == pytest.approx(found["auc_error"])
    assert found["auc_error"] == pytest.approx(500 / 700 / 2)


def drawn(kind: str, answers: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(answers, generator=generator)
    uniform = torch.rand(answers, generator=generator)
    return {
        "like a network's": normal.sigmoid(),
        "within 1e-4 of one half": 0.5 + (uniform - 0.5) * 2e-4,
        "near 0": uniform * 1e-4,
        "near 1": 1 - uniform * 1e-4,
        "of all magnitudes": (-80 * uniform).exp(),
        "saturated": (50 * normal).sigmoid(),
        "rounded": uniform.mul(1000).round() / 1000,
        "constant": torch.full((answers,), 0.7),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "like a network's",
        "within 1e-4 of one half",
        "near 0",
        "near 1",
        "of all magnitudes",
        "saturated",
        "rounded",
        "constant",
    ],
)
def test_the_auc_is_within_1e_4_however_predictions_crowd(kind: str) -> None:
    p = drawn(kind, 3 * CELLS // 2).double()
    chance = torch.rand(len(p), generator=torch.Generator().manual_seed(1))
    y = (chance < 0.3 + 0.4 * (p > p.median())).double()
    summary = summary_of(p, y)
    assert len(summary.cells) <= CELLS
    found, exact = summary.scores(), scores(p, y)
    assert abs(found["auc"] - exact["auc"]) <= found["auc_error"] + 1e-15
    assert found["auc_error"] < 1e-4


def test_no_answers_and_one_class_have_no_auc() -> None:
    p, y = columns([(0.3, True), (0.4, True)])
    found = summary_of(p, y).scores()
    assert found["auc"] is found["auc_error"] is None
    assert found["accuracy"] == 0
    assert Summary.empty().scores() == dict.fromkeys(found)


def test_nan_is_told_not_hidden() -> None:
    p = torch.tensor([0.3, -math.nan, 0.4]).double()
    assert all(map(math.isnan, summary_of(p, torch.ones(3).double()).scores().values()))


def test_minus_zero_is_zero() -> None:
    p = torch.tensor([-0.0, 0.0, 0.5]).double()
    y = torch.tensor([1.0, 0.0, 1.0]).double()
    assert summary_of(p, y).scores()["auc"] == scores(p, y)["auc"] == 0.75
