import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from torchedu.metrics import SCORES, AnswerScores, scores


def draw(seed: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw predictions, marks and which of them count."""
    generator = torch.Generator().manual_seed(seed)
    p, y, scored = torch.rand(3, *shape, generator=generator)
    return p, (y < p).float(), scored < 0.7


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1, max_size=6))
def test_batches_of_any_shape_score_as_one(shapes: list[tuple[int, int]]) -> None:
    metric = AnswerScores()
    drawn = [draw(seed, shape) for seed, shape in enumerate(shapes)]
    for batch in drawn:
        metric.update(*batch)
    p = torch.cat([p[scored] for p, _, scored in drawn])
    y = torch.cat([y[scored] for _, y, scored in drawn])
    assert metric.compute() == scores(p, y)


def test_what_is_not_scored_does_not_matter() -> None:
    p, y, scored = draw(0, (4, 30))
    metric, other = AnswerScores(), AnswerScores()
    metric.update(p, y, scored)
    other.update(p.masked_fill(~scored, torch.nan), y.masked_fill(~scored, 1), scored)
    assert metric.compute() == other.compute()


def test_without_a_mask_every_answer_counts() -> None:
    p, y, _ = draw(1, (4, 30))
    metric = AnswerScores()
    metric.update(p, y)
    assert metric.compute() == scores(p.flatten(), y.flatten())


def test_an_epoch_begins_anew() -> None:
    metric = AnswerScores()
    metric.update(*draw(2, (4, 30)))
    first = metric.compute()
    metric.reset()
    metric.update(*draw(3, (4, 30)))
    assert metric.compute() != first
    metric.reset()
    metric.update(*draw(2, (4, 30)))
    assert metric.compute() == first


def test_nothing_scored_is_no_score() -> None:
    metric = AnswerScores()
    p, y, scored = draw(4, (2, 3))
    metric.update(p, y, torch.zeros_like(scored))
    assert metric.compute() == dict.fromkeys(SCORES)


def test_gradients_are_not_kept() -> None:
    metric = AnswerScores()
    p, y, scored = draw(5, (2, 3))
    metric.update(p.requires_grad_(), y, scored)
    assert not metric.probability[0].requires_grad


def test_shapes_that_differ_are_refused() -> None:
    p, y, scored = draw(6, (2, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        AnswerScores().update(p, y[:, :2])
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        AnswerScores().update(p, y, scored[:1])


def test_it_survives_pickling_and_copying() -> None:
    metric = AnswerScores()
    metric.update(*draw(7, (2, 30)))
    assert pickle.loads(pickle.dumps(metric)).compute() == metric.compute()
    assert copy.deepcopy(metric).compute() == metric.compute()


def test_ranks_are_scored_together() -> None:
    """Two ranks of unequal length, the gathering between them played by a function."""
    ranks = [draw(8, (3, 20)), draw(9, (1, 7))]
    mine = AnswerScores()
    parts = []
    for batch in ranks:
        one = AnswerScores()
        one.update(*batch)
        parts.append((one.probability[0], one.correct[0]))
    mine.update(*ranks[0])
    gathered = iter(zip(*parts, strict=True))
    mine.dist_sync_fn = lambda state, group: list(next(gathered))
    mine.distributed_available_fn = lambda: True
    p = torch.cat([p[scored] for p, _, scored in ranks])
    y = torch.cat([y[scored] for _, y, scored in ranks])
    assert mine.compute() == scores(p, y)


@pytest.mark.gpu
def test_an_update_does_not_wait_for_the_gpu() -> None:
    p, y, scored = (tensor.cuda() for tensor in draw(10, (8, 50)))
    metric = AnswerScores().cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update(p, y, scored)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert metric.compute() == pytest.approx(scores(p[scored], y[scored]))
