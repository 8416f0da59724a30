"""Scores of recommendations over an epoch, counted batch by batch on all ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric

from torchedu.metrics.ranking import list_scores, ranking_scores


class RankingScores(Metric):
    """Counts ranks and recommendations over batches and devices, and scores them at the end.

    Counts are whole numbers, so the scores are the same on any number of devices, to the last bit.

    Args:
        num_items: Number of course ids, the reserved ones included.
    """

    full_state_update = False
    is_differentiable = False

    ranks: Tensor
    recommended: Tensor
    popularity: Tensor

    def __init__(self, num_items: int) -> None:
        super().__init__()
        for name in ("ranks", "recommended"):
            self.add_state(name, torch.zeros(num_items, dtype=torch.int64), dist_reduce_fx="sum")
        self.register_buffer("popularity", torch.ones(num_items), persistent=False)

    def update(self, rank_M: Tensor, top_MK: Tensor) -> None:
        """Add some cases.

        Args:
            rank_M: The place of the course looked for, from 0.
            top_MK: The courses recommended, best first.
        """
        size = len(self.ranks)
        self.ranks += torch.bincount(rank_M, minlength=size)
        self.recommended += torch.bincount(top_MK.flatten(), minlength=size)

    def compute(self) -> dict[str, float | None]:
        """Return the scores of all cases; see ``ranking_scores`` and ``list_scores``."""
        ranks = torch.arange(len(self.ranks))
        return ranking_scores(ranks, self.ranks) | list_scores(self.recommended, self.popularity)
