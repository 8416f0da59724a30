import copy
import pickle
import warnings
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributed import destroy_process_group, get_rank, init_process_group

from torchedu.metrics import SCORES, AnswerScores, answer_scores, scores, streaming
from torchedu.testing.launch import LaunchServer


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


@given(st.integers(0, 99), st.integers(1, 9))
def test_the_scores_are_the_same_however_answers_are_batched(seed: int, batches: int) -> None:
    p, y, scored = (tensor.flatten() for tensor in draw(seed, (20, 30)))
    order = torch.randperm(len(p), generator=torch.Generator().manual_seed(seed))
    for exact_up_to in (len(p), 0):
        metric, other = AnswerScores(exact_up_to), AnswerScores(exact_up_to)
        metric.update(p, y, scored)
        for rows in order.tensor_split(batches):
            other.update(p[rows], y[rows], scored[rows])
        assert metric.compute() == other.compute()


def test_beyond_the_limit_the_auc_comes_with_its_error() -> None:
    p, y, scored = draw(10, (50, 40))
    answers = int(scored.sum())
    exact, counted = AnswerScores(answers), AnswerScores(answers - 1)
    for metric in (exact, counted):
        metric.update(p, y, scored)
    assert exact.compute() == scores(p[scored], y[scored])
    # So few predictions each have a cell of their own.
    assert counted.compute() == exact.compute() | {"auc_error": 0.0}


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count in few cells, and often."""
    monkeypatch.setattr(streaming, "CELLS", 64)
    monkeypatch.setattr(answer_scores, "CHUNK", 100)


@pytest.mark.usefixtures("few_cells")
@pytest.mark.parametrize("limit", [0, 500, 1000, 5000])
def test_what_is_kept_is_bounded(limit: int) -> None:
    metric = AnswerScores(limit)
    drawn = [draw(seed, (4, 25)) for seed in range(100)]
    kept = []
    for batch in drawn:
        metric.update(*batch)
        kept.append(sum(map(len, metric.probability)))
        assert len(metric.cells[0]) <= 64
    # A batch, and what waits to be tidied up.
    assert max(kept) <= limit + 100 + max(100, limit // 4)
    p, y, scored = (torch.cat(tensors) for tensors in zip(*drawn, strict=True))
    found, exact = metric.compute(), scores(p[scored], y[scored])
    error = found.pop("auc_error")
    assert 0 < abs(found["auc"] - exact["auc"]) <= error < 0.05
    assert found == exact | {"auc": found["auc"]}


@pytest.mark.usefixtures("few_cells")
def test_a_forward_pass_scores_its_batch_and_counts_it() -> None:
    metric, other = AnswerScores(200), AnswerScores(200)
    for seed in range(20):
        batch = p, y, scored = draw(seed, (4, 25))
        assert metric(*batch) == scores(p[scored], y[scored])
        other.update(*batch)
    assert metric.compute() == other.compute()
    assert sum(map(len, metric.probability)) < 500


@pytest.mark.usefixtures("few_cells")
def test_what_is_no_probability_is_refused_whenever_it_is_counted() -> None:
    metric = AnswerScores(0)
    metric.update(torch.full((9,), 1.5), torch.ones(9))
    with pytest.raises(ValueError, match="probability lies outside"):
        metric.compute()
    with pytest.raises(ValueError, match="probability lies outside"):
        metric.update(torch.rand(100), torch.ones(100))


def score_a_share(
    batches: Sequence[Sequence[int]], limit: int, cells: int
) -> tuple[int, dict[str, float | None]]:
    """Score the batches of this process's rank beside the other ranks'; tell its own cells too."""
    streaming.CELLS, answer_scores.CHUNK = cells, 100
    init_process_group("gloo")
    metric = AnswerScores(limit)
    for seed in batches[get_rank()]:
        metric.update(*draw(seed, (4, 25)))
    own = len(metric.cells[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rank may have no update before it computes
        found = metric.compute()
    assert len(metric.cells[0]) == own
    destroy_process_group()
    return own, found


@pytest.mark.usefixtures("few_cells")
@pytest.mark.parametrize("limit", [100_000, 300])
def test_ranks_score_together_as_one_whenever_each_began_to_count(
    launch: LaunchServer, limit: int
) -> None:
    # The first has more than the limit, the second less, the third nothing.
    batches = [range(20), range(20, 23), range(0)]
    alone = AnswerScores(limit)
    for seed in range(23):
        alone.update(*draw(seed, (4, 25)))
    ranks = launch.start(score_a_share, batches, limit, 64, ranks=3)
    ranks.wait(60)
    cells, found = zip(*(ranks.result(rank) for rank in range(3)), strict=True)
    assert list(found) == [alone.compute()] * 3
    assert [one > 0 for one in cells] == [limit == 300, False, False]


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
