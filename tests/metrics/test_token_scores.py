import math

import pytest
import torch

from torchedu.metrics.token_scores import TokenScores


def test_every_scored_token_counts_alike() -> None:
    scores = TokenScores()
    scores.update(torch.tensor([[1.0, 2.0, math.inf]]), torch.tensor([[True, True, False]]))
    scores.update(torch.tensor([[6.0]]), torch.tensor([[True]]))
    found = scores.compute()
    assert float(found["log_likelihood"]) == pytest.approx(-3)
    assert float(found["perplexity"]) == pytest.approx(math.exp(3))
