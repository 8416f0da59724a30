"""How well tokens are predicted, over batches and ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric

PARTS = 2**24
"""Parts of a nat in which costs are summed: in whole numbers, exact in any order, on any device."""


class TokenScores(Metric):
    """The mean log likelihood of a token in nats, and the perplexity, over all that were scored.

    Every token counts alike, however texts are divided among batches and ranks.
    """

    full_state_update = False
    sums: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, cost: Tensor, scored: Tensor) -> None:
        """Add tokens.

        Args:
            cost: The negative log likelihood of each, in nats; any shape.
            scored: Which of them count, bool; the same shape.
        """
        # Chosen, not multiplied: what does not count may be infinite.
        parts = cost.float().where(scored, 0.0) * PARTS
        self.sums[0] += parts.round().long().sum()
        self.sums[1] += scored.sum()

    def compute(self) -> dict[str, Tensor]:
        """Return ``log_likelihood`` of a token, in nats, and ``perplexity``."""
        mean = self.sums[0].cpu().double() / PARTS / self.sums[1].cpu()
        return {"log_likelihood": -mean, "perplexity": mean.exp()}
