import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.order import BalancedOrder, Order, cut_windows, divided
from torchedu.datasets.splits import Part

histories = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)
lengths = st.lists(st.integers(1, 50), min_size=1, max_size=200)


def part_of(bounds: list[tuple[int, int]]) -> Part:
    """Return a part of students 10, 11, ... each scored from the smaller bound to the larger."""
    first, stop = np.sort(np.array(bounds, np.int64).reshape(-1, 2), axis=1).T
    return Part(np.arange(len(bounds)) + 10, first, stop)


@given(histories, st.integers(1, 30), st.integers(0, 29))
def test_every_answer_is_scored_once_with_the_history_promised(
    bounds: list[tuple[int, int]], length: int, context: int
) -> None:
    context = min(context, length - 1)
    part = part_of(bounds)
    windows = cut_windows(part, length, context)
    scored = [
        (student, position)
        for student, first, stop in zip(windows.student, windows.first, windows.stop, strict=True)
        for position in range(first, stop)
    ]
    wanted = [
        (student, position)
        for student, first, stop in zip(*part, strict=True)
        for position in range(first, stop)
    ]
    assert scored == wanted  # each once, student by student, in the order of the history
    assert (windows.length <= length).all()
    assert (windows.first < windows.stop).all()
    assert (windows.start == np.maximum(windows.first - context, 0)).all()


@given(histories, st.integers(1, 30))
def test_without_context_windows_do_not_overlap(bounds: list[tuple[int, int]], length: int) -> None:
    windows = cut_windows(part_of(bounds), length)
    assert (windows.start == windows.first).all()
    counts = np.unique(windows.student, return_counts=True)[1]
    scored = {10 + i: abs(a - b) for i, (a, b) in enumerate(bounds) if a != b}
    assert counts.tolist() == [-(-num // length) for num in scored.values()]


def test_a_first_window_is_filled_as_far_as_it_goes() -> None:
    windows = cut_windows(part_of([(0, 25)]), 10, 4)
    assert [tuple(map(int, row)) for row in zip(*windows, strict=True)] == [
        (10, 0, 0, 10),
        (10, 6, 10, 16),
        (10, 12, 16, 22),
        (10, 18, 22, 25),
    ]


@given(lengths, st.integers(1, 40), st.integers(0, 5), st.booleans())
def test_every_window_comes_exactly_once_an_epoch(
    lengths: list[int], batch_size: int, epoch: int, shuffle: bool
) -> None:
    order = Order(np.array(lengths), batch_size, seed=3, shuffle=shuffle)
    batches = order.epoch(epoch)
    assert len(batches) == len(order)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    sizes = sorted(map(len, batches), reverse=True)
    assert sizes[-1] > 0
    assert shuffle or sizes[:-1] == [batch_size] * (len(sizes) - 1)
    again = Order(np.array(lengths), batch_size, seed=3, shuffle=shuffle).epoch(epoch)
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in again]


def plan(order: Order, epoch: int) -> list[list[int]]:
    return [batch.tolist() for batch in order.epoch(epoch)]


def test_another_epoch_and_another_seed_have_another_order() -> None:
    lengths = np.random.default_rng(0).integers(1, 99, 300)
    order, other = Order(lengths, 16), Order(lengths, 16, seed=1)
    assert plan(order, 0) != plan(order, 1)
    assert plan(order, 0) != plan(other, 0)
    assert {frozenset(batch) for batch in plan(order, 0)} != {
        frozenset(batch) for batch in plan(order, 1)
    }


def test_evaluation_is_the_same_in_every_epoch_and_begins_with_the_longest() -> None:
    lengths = np.random.default_rng(0).integers(1, 99, 300)
    order = Order(lengths, 16, shuffle=False)
    assert plan(order, 0) == plan(order, 1)
    assert (np.diff(lengths[np.concatenate(order.epoch(0))]) <= 0).all()


def test_windows_of_like_length_come_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 4000)
    for shuffle in (True, False):
        padded = sum(
            lengths[b].max() * len(b) for b in Order(lengths, 32, shuffle=shuffle).epoch(0)
        )
        assert padded < 1.1 * lengths.sum()
    at_random = lengths.reshape(-1, 32)
    assert (at_random.max(1) * 32).sum() > 1.8 * lengths.sum()  # what buckets save


def test_training_batches_have_like_numbers_of_answers() -> None:
    lengths = np.random.default_rng(0).geometric(0.02, 4000).clip(max=200)
    answers = [lengths[batch].sum() for batch in Order(lengths, 32).epoch(0)]
    mean = lengths.sum() / len(answers)
    assert max(np.abs(answers - mean)) <= lengths.max()


def test_batches_of_long_and_short_windows_come_mixed() -> None:
    lengths = np.arange(1000)
    means = np.array([lengths[batch].mean() for batch in Order(lengths, 10).epoch(0)])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_ranks_together_have_the_global_batch(world_size: int) -> None:
    for batch in Order(np.arange(1, 30), 8).epoch(2):
        shares = [divided(batch, rank, world_size) for rank in range(world_size)]
        assert sorted(np.concatenate(shares).tolist()) == sorted(batch.tolist())
        sizes = list(map(len, shares))
        assert max(sizes) - min(sizes) <= 1


groups = st.lists(st.integers(-1, 3), min_size=1, max_size=200)


@given(groups, st.integers(1, 40), st.integers(0, 3))
def test_balanced_batches_have_as_many_windows_of_each_group(
    group: list[int], batch_size: int, epoch: int
) -> None:
    group_W = np.array(group)
    order = BalancedOrder(np.ones(len(group), np.int64), batch_size, group_W, seed=5)
    batches = order.epoch(epoch)
    assert len(batches) == len(order) == len(Order(order.lengths, batch_size))
    names = np.unique(group_W[group_W >= 0])
    counts = np.array([[(group_W[one] == name).sum() for name in names] for one in batches])
    if len(names):
        spread = counts.max(1) - counts.min(1)
        assert spread.max() <= 2  # a batch may begin and end between two of a group
        assert len(set(counts.sum(0).tolist())) == 1
    seen = np.concatenate(batches)
    assert (np.bincount(seen, minlength=len(group))[group_W < 0] == 1).all()
    assert min(map(len, batches)) >= 1
    again = BalancedOrder(order.lengths, batch_size, group_W, seed=5).epoch(epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_a_small_group_comes_again_before_any_of_it_comes_a_third_time() -> None:
    group = np.array([0] * 90 + [1] * 10)
    seen = np.concatenate(BalancedOrder(np.ones(100, np.int64), 20, group).epoch(0))
    assert set(np.bincount(seen, minlength=100)[90:].tolist()) == {5}
    assert np.bincount(seen, minlength=100)[:90].max() == 1
