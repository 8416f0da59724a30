import math

import numpy as np
import torch

from torchedu.metrics.ranking import Ranks, hide, rank_of, ranking_scores
from torchedu.metrics.ranking_scores import RankingScores


def test_batches_add_up_to_the_whole() -> None:
    drawn = torch.Generator().manual_seed(0)
    score = torch.randn(64, 30, generator=drawn)
    target = torch.randint(2, 30, (64,), generator=drawn)
    hide(score, torch.zeros(64, 1, dtype=torch.int64))
    whole = RankingScores(30)
    for some in torch.arange(64).split(10):
        top = score[some].topk(10).indices
        whole.update(rank_of(score[some], target[some]), top)
    ranks = Ranks.room(64, 30)
    for some in np.array_split(np.random.default_rng(0).permutation(64), 3):
        ranks.put(some, score.numpy()[some], target.numpy()[some])
    assert torch.equal(ranks.rank, rank_of(score, target))
    expected = ranking_scores(ranks.rank)
    found = whole.compute()
    assert all(math.isclose(found[name], value) for name, value in expected.items())
    assert torch.equal(whole.recommended, ranks.recommended)
