"""SASRec: self-attention over a student's courses says which comes next.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018,
https://arxiv.org/abs/1808.09781.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from torchedu.batch import EnrolmentBatch
from torchedu.layers import AttentionBlock, BlockPlan
from torchedu.models.recommender import DotProduct, shifted
from torchedu.ranges import check_heads


class SASRec(DotProduct):
    """Lets each place attend to the courses before it.

    Deviations from the paper: norms stand after each sub-layer; places are counted from the oldest
    course of a window; by default the loss is a softmax over all courses, with which Klenitskiy and
    Vasilev (RecSys 2023) found SASRec at least as good as BERT4Rec.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Not used; the network goes by courses alone.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Attention blocks one after the other.
        dropout: Share left out in training of vectors, attention weights and sub-layers' outputs.
        max_history: The most courses taken at once.
    """

    block_plan = BlockPlan("attention", ("course", "start", "position"), ("course", "bias"))

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int = 64,
        heads: int = 2,
        blocks: int = 2,
        dropout: float = 0.2,
        max_history: int = 50,
    ) -> None:
        check_heads(dim, heads)
        super().__init__(num_items, num_students, num_groups, num_skills, dim)
        self.heads = heads
        self.blocks = blocks
        self.dropout = dropout
        self.max_history: int = max_history
        self.start = nn.Parameter(torch.zeros(dim))
        self.position = nn.Parameter(torch.randn(max_history, dim) * 0.02)
        self.attention = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(blocks))
        self.drop = nn.Dropout(dropout)

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Attend to the courses; see ``Recommender.forward``."""
        return self.leave(self.through(self.attention, self.enter(batch), batch), batch)

    def enter(self, batch: EnrolmentBatch) -> tuple[Tensor]:
        """Return the courses before each place; see ``BlockNetwork``."""
        x_BLD = shifted(self.course(batch.item_BL), self.start)
        return (self.drop(x_BLD * self.dim**0.5 + self.position[: x_BLD.shape[1]]),)

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: EnrolmentBatch
    ) -> tuple[Tensor, ...]:
        """Let each place attend to those before it; see ``BlockNetwork``."""
        (x_BLD,) = x
        for block in blocks:
            x_BLD = block(x_BLD, x_BLD)
        return (x_BLD,)

    def leave(self, x: tuple[Tensor, ...], batch: EnrolmentBatch) -> Tensor:
        """Return what is known before each course; see ``BlockNetwork``."""
        return x[0]
