"""Costs of tokens, summed by the text that they stand in."""

import torch
from torch import Tensor, nn

from torchedu.batch import TokenBatch
from torchedu.metrics.token_costs import TokenCosts


class Costs(nn.Module):
    def forward(self, batch: TokenBatch) -> Tensor:
        return batch.token_BL.float()


def test_costs_are_summed_by_text_and_only_what_is_scored() -> None:
    token = torch.tensor([[1, 2, 4, 8], [16, 32, 64, 128]])
    text = torch.tensor([[2, 2, 0, -1], [2, 2, 1, 1]])
    scored = torch.tensor([[True, False, True, False], [False, True, True, True]])
    batch = TokenBatch(token, scored, text, text[:, :0], torch.ones(2))
    network, costs = Costs(), TokenCosts(4, torch.device("cpu"))
    network(batch)
    with costs.noting(network):
        network(batch)
        network(batch)
    network(batch)
    assert costs.sums.tolist() == [[8.0, 384.0, 66.0, 0.0], [2.0, 4.0, 4.0, 0.0]]
