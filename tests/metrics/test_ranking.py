import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchedu.metrics.ranking import (
    hide,
    list_scores,
    rank_among,
    rank_of,
    ranking_scores,
)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(3, 40))
def test_a_rank_is_the_place_in_a_sorted_list(seed: int, rows: int, courses: int) -> None:
    drawn = np.random.default_rng(seed)
    score = torch.from_numpy(drawn.integers(0, 5, (rows, courses)).astype(np.float32))  # with ties
    target = torch.from_numpy(drawn.integers(0, courses, rows))
    places = np.argsort(-score.numpy(), axis=1, kind="stable")
    expected = [places[i].tolist().index(int(target[i])) for i in range(rows)]
    assert rank_of(score, target).tolist() == expected
    every = torch.arange(courses).expand(rows, -1)
    assert rank_among(score, target, every).tolist() == expected
    assert not rank_among(score, target, every[:, :0]).any()


def test_taken_and_reserved_courses_are_out_of_the_running() -> None:
    score = hide(torch.zeros(2, 5), torch.tensor([[3, 0], [4, 2]]))
    assert score.isfinite().nonzero().tolist() == [[0, 2], [0, 4], [1, 3]]


def test_scores_of_known_ranks() -> None:
    found = ranking_scores(torch.tensor([0, 2, 9, 10]))
    assert found["hr1"] == 0.25
    assert found["hr10"] == 0.75
    assert found["hr20"] == 1.0
    assert math.isclose(found["ndcg10"], (1 + 1 / 2 + 1 / math.log2(11)) / 4)
    assert math.isclose(found["mrr"], (1 + 1 / 3 + 1 / 10 + 1 / 11) / 4)
    assert set(ranking_scores(torch.tensor([], dtype=torch.int64)).values()) == {None}


def test_coverage_and_novelty() -> None:
    found = list_scores(torch.tensor([9, 9, 4, 0, 4, 0]), torch.tensor([0.0, 0, 3, 3, 3, 3]))
    assert found["coverage10"] == 0.5
    assert math.isclose(found["novelty10"], 2.0)
