"""A whole lesson at once: sentence vectors, then attention that slides along thousands of them."""

from torch import Tensor, nn

from torchedu.batch import LessonBatch
from torchedu.layers import LocalAttentionBlock
from torchedu.models.lesson_model import LessonModel
from torchedu.ranges import check_heads


class LessonTransformer(LessonModel):
    """Tags each sentence from all that is said around it, as far as its blocks carry.

    No one paper's network: the sentences' vectors come from a frozen encoder, as in hierarchical
    transformers (Pappagari et al., https://arxiv.org/abs/1910.10781), and attention slides over
    them as in Longformer. A sentence is seen ``blocks`` x ``window`` sentences away.

    Args:
        num_teacher_tags: Number of ids of teachers' tags, the reserved ones included.
        num_student_tags: Number of ids of students' tags.
        vector_dim: Width of the sentences' vectors.
        dim: Width.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Attention blocks one after the other.
        window: How many sentences on each side a block sees.
        dropout: Share left out in training of the vectors and of each sub-layer's output.
    """

    def __init__(
        self,
        num_teacher_tags: int,
        num_student_tags: int,
        vector_dim: int,
        dim: int = 128,
        heads: int = 4,
        blocks: int = 2,
        window: int = 32,
        dropout: float = 0.3,
    ) -> None:
        check_heads(dim, heads)
        super().__init__(num_teacher_tags, num_student_tags, vector_dim, dim, dropout)
        self.heads = heads
        self.blocks = blocks
        self.window = window
        self.attention = nn.ModuleList(
            LocalAttentionBlock(dim, heads, window, dropout) for _ in range(blocks)
        )
        self.last = nn.LayerNorm(dim)

    def read(self, x_BLD: Tensor, batch: LessonBatch) -> Tensor:
        """Let the sentences attend to those around them; see ``LessonModel.read``."""
        for block in self.attention:
            x_BLD = block(x_BLD, batch.speaker_BL, batch.seen_BL)
        read: Tensor = self.last(x_BLD)
        return read
