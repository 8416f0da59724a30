import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datamodules.negatives import NegativeSampler


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(5, 60))
def test_nothing_drawn_was_taken(seed: int, num: int, courses: int) -> None:
    drawn = np.random.default_rng(seed)
    pairs = np.unique(drawn.integers(0, [8, courses // 2], (40, 2)), axis=0)
    student, item = pairs[:, 0], pairs[:, 1] + 2
    sampler = NegativeSampler(student, item, courses + 2)
    found = sampler(torch.from_numpy(student), torch.arange(len(student)), num, 0)
    taken = set(map(tuple, np.stack([student, item], 1).tolist()))
    assert found.shape == (len(student), num)
    assert found.min() >= 2
    assert found.max() < courses + 2
    pairs = np.stack([np.repeat(student, num), found.flatten().numpy()], 1)
    assert not taken & set(map(tuple, pairs.tolist()))


def test_taken_is_exact() -> None:
    drawn = np.random.default_rng(0)
    pairs = np.unique(drawn.integers(0, 300, (5000, 2)), axis=0)
    sampler = NegativeSampler(pairs[:, 0], pairs[:, 1], 300)
    grid = np.stack(np.meshgrid(np.arange(300), np.arange(300), indexing="ij"), -1).reshape(-1, 2)
    found = sampler.taken(torch.from_numpy(grid[:, 0]), torch.from_numpy(grid[:, 1])).numpy()
    truth = np.zeros((300, 300), bool)
    truth[pairs[:, 0], pairs[:, 1]] = True
    assert np.array_equal(found.reshape(300, 300), truth)


def test_hints_miss_no_course_taken_and_few_draws_are_searched_for() -> None:
    drawn = np.random.default_rng(0)
    pairs = np.unique(drawn.integers(2, [4000, 3000], (60_000, 2)), axis=0)
    student, item = torch.from_numpy(pairs).unbind(1)
    sampler = NegativeSampler(pairs[:, 0], pairs[:, 1], 3000)
    assert sampler.may_be_taken(student, item).all()
    other = torch.randint(2, 3000, (len(pairs), 8), generator=torch.Generator().manual_seed(0))
    unsure = sampler.may_be_taken(student.unsqueeze(1), other)
    truth = sampler.taken(student.unsqueeze(1), other)
    assert not (truth & ~unsure).any()
    assert (unsure & ~truth).float().mean() < 0.02


def test_a_draw_depends_on_the_case_and_not_on_its_batch() -> None:
    student, item = np.arange(50) % 7, 2 + np.arange(50) % 20
    sampler = NegativeSampler(student, item, 40, seed=3)
    rows, place = torch.from_numpy(student), torch.arange(50)
    whole = sampler(rows, place, 3, epoch=1)
    parts = [sampler(rows[i : i + 8], place[i : i + 8], 3, epoch=1) for i in range(0, 50, 8)]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, sampler(rows, place, 3, epoch=2))


def test_draws_follow_the_popularity_asked_for() -> None:
    popularity = np.array([0, 0, 1, 4, 16, 64], np.float32)
    none = np.zeros(0, np.int64)
    for power, odds in ((0.0, np.ones(4)), (0.5, np.array([1, 2, 4, 8]))):
        sampler = NegativeSampler(none, none, 6, popularity, power)
        found = sampler(torch.zeros(20_000, dtype=torch.int64), torch.arange(20_000), 1, 0)
        share = np.bincount(found.flatten().numpy(), minlength=6)[2:] / 20_000
        assert np.abs(share - odds / odds.sum()).max() < 0.015


def test_different_courses_are_drawn_and_all_that_are_left_where_too_few() -> None:
    drawn = np.random.default_rng(0)
    pairs = np.unique(drawn.integers([0, 2], [30, 14], (200, 2)), axis=0)
    sampler = NegativeSampler(pairs[:, 0], pairs[:, 1], 14, seed=3)
    student, position = torch.arange(30), torch.arange(30) % 4
    few, many = (sampler.distinct(student, position, num) for num in (3, 99))
    for i in range(30):
        left = set(range(2, 14)) - set(pairs[pairs[:, 0] == i, 1].tolist())
        every = many[i][many[i] > 0].tolist()
        assert sorted(every) == sorted(left)
        assert few[i].tolist() == every[:3] + [0] * (3 - len(every[:3]))
    assert torch.equal(sampler.distinct(student[7:9], position[7:9], 3), few[7:9])
    assert len({tuple(row) for row in few.tolist()}) > 20


def test_each_course_is_drawn_as_often_as_any_other() -> None:
    none = np.zeros(0, np.int64)
    sampler = NegativeSampler(none, none, 42, seed=1)
    drawn = sampler.distinct(torch.arange(4000), torch.zeros(4000).long(), 10)
    times = torch.bincount(drawn.flatten(), minlength=42)[2:]
    assert times.sum() == 40_000
    assert ((times - 1000).abs() < 150).all()  # a standard deviation is 27
