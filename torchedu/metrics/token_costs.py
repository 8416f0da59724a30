"""What tokens cost by the text that they stand in, noted while a network is scored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class TokenCosts:
    """Sums of costs, and of how many tokens there are, a text each.

    Args:
        texts: Number of texts.
        device: Where they are summed: that of the network.

    Attributes:
        sums: The costs in nats, and the numbers; shape (2, texts).
    """

    def __init__(self, texts: int, device: torch.device) -> None:
        kind = torch.float32 if device.type == "mps" else torch.float64  # Apple's has no other
        self.sums = torch.zeros(2, texts, dtype=kind, device=device)

    @contextmanager
    def noting(self, network: nn.Module) -> Iterator[None]:
        """Note what a network returns for its batches of tokens, while a block runs.

        Args:
            network: Called with a ``TokenBatch``, returns what each of its tokens costs.
        """
        handle = network.register_forward_hook(
            lambda _, given, cost_BL: self._add(given[0], cost_BL)
        )
        try:
            yield
        finally:
            handle.remove()

    def _add(self, batch: Any, cost_BL: Tensor) -> None:
        text_T = batch.text_BL[batch.scored_BL]
        cost_T = cost_BL[batch.scored_BL].to(self.sums.dtype)
        self.sums[0].index_add_(0, text_T, cost_T.detach())
        self.sums[1].index_add_(0, text_T, torch.ones_like(cost_T))
