"""Attention of questions over the history before them."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.layers.dropout import Dropout


class AttentionBlock(nn.Module):
    """One post-norm block: multi-head attention, skip from the query, feed-forward, skip.

    Args:
        dim: Width D.
        heads: Number of heads H; a divisor of ``dim``.
        dropout: Share left out in training of the attention weights and of each sub-layer's output.
    """

    tensor_plan: ClassVar = {
        "query": "colwise",
        "key": "colwise",
        "value": "colwise",
        "out": "rowwise",
        "up": "colwise",
        "down": "rowwise",
    }
    """How tensor parallel ranks share the block: whole heads, and parts of the feed-forward."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = dim // heads
        self.dropout = dropout
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm_attention = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, dim)
        self.down = nn.Linear(dim, dim)
        self.norm_feed = nn.LayerNorm(dim)
        self.drop = Dropout(dropout)
        bound = (6 / (4 * dim)) ** 0.5  # Xavier over the three projections as one matrix
        for projection in (self.query, self.key, self.value):
            nn.init.uniform_(projection.weight, -bound, bound)
            nn.init.zeros_(projection.bias)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, query_BLD: Tensor, memory_BMD: Tensor, seen_BM: Tensor | None = None
    ) -> Tensor:
        """Let each query attend to the memory.

        Args:
            query_BLD: The queries.
            memory_BMD: What they attend to.
            seen_BM: Which of the memory every query of a row sees, bool; where it is None, query t
                sees memory 0..t alone.

        Returns:
            x_BLD: The queries with what they found.
        """
        q_BHLd = self._split(self.query(query_BLD))
        k_BHMd = self._split(self.key(memory_BMD))
        v_BHMd = self._split(self.value(memory_BMD))
        seen_B11M = None if seen_BM is None else seen_BM[:, None, None]
        found_BHLd = self._attend(q_BHLd, k_BHMd, v_BHMd, seen_B11M)
        x_BLD = self.out(found_BHLd.transpose(1, 2).flatten(2))
        x_BLD = self.norm_attention(query_BLD + self.drop(x_BLD))
        fed_BLD = self.down(self.drop(torch.relu(self.up(x_BLD))))
        normed: Tensor = self.norm_feed(x_BLD + self.drop(fed_BLD))
        return normed

    def _attend(
        self, q_BHLd: Tensor, k_BHMd: Tensor, v_BHMd: Tensor, seen_B11M: Tensor | None
    ) -> Tensor:
        if not self.training or not self.dropout or q_BHLd.device.type != "cpu":
            return F.scaled_dot_product_attention(
                q_BHLd,
                k_BHMd,
                v_BHMd,
                seen_B11M,
                self.dropout * self.training,
                is_causal=seen_B11M is None,
            )
        # On a CPU torch has no fused kernel with dropout, and draws its numbers slowly.
        score_BHLM = (q_BHLd * q_BHLd.shape[-1] ** -0.5) @ k_BHMd.transpose(-1, -2)
        if seen_B11M is None:
            score_BHLM += torch.full_like(score_BHLM[0, 0], -torch.inf).triu_(1)
        else:
            score_BHLM = score_BHLM.masked_fill(~seen_B11M, -torch.inf)
        weight_BHLM = self.drop(score_BHLM.softmax(-1))
        return weight_BHLM @ v_BHMd

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
