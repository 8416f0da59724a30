"""Small networks on the vectors of a frozen encoder: they train in seconds."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EssayBatch
from torchedu.models.grader import Grader, Head
from torchedu.schema import SURFACE_NUMBERS


class FrozenGrader(Grader):
    """Grades texts by frozen vectors and by what is counted on the surface.

    A wide and deep network (Cheng et al., https://arxiv.org/abs/1606.07792): the head sees all
    numbers as they are, which is linear regression, and a hidden layer of them. Several members
    are trained side by side and averaged. Of a pair, the vectors' product and distance are seen
    too, as in InferSent (Conneau et al., https://arxiv.org/abs/1705.02364).

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once.
        dim: Width of the vectors.
        encoder: The encoder that made them.
        hidden: Width of the hidden layer of each member.
        members: How many networks are averaged.
        dropout: Share of the numbers and of the hidden layer that are dropped in training.
        head: ``regression``, ``ordinal`` or ``classes``.
        with_surface: Whether what is counted on the surface is seen.
    """

    reads = "vectors"
    middle_RD: Tensor
    scale_RD: Tensor

    def __init__(
        self,
        num_prompts: int,
        num_scores: int,
        num_steps: int,
        num_roles: int,
        dim: int,
        encoder: str,
        hidden: int = 64,
        members: int = 4,
        dropout: float = 0.3,
        head: Head = "regression",
        with_surface: bool = True,
    ) -> None:
        inputs = dim * (1 if num_roles == 1 else num_roles + 2 * (num_roles - 1))
        inputs += len(SURFACE_NUMBERS) * with_surface
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder)
        super().__init__(sizes, head, inputs + hidden, members)
        self.hidden = hidden
        self.members = members
        self.dropout = dropout
        self.with_surface = with_surface
        self.weight = nn.Parameter(torch.randn(members, inputs, hidden) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.register_buffer("middle_RD", torch.zeros(num_roles, dim))
        self.register_buffer("scale_RD", torch.ones(num_roles, dim))

    def begin(self, surface_BF: Tensor, prompt_B: Tensor, vector_BRD: Tensor) -> None:
        """Learn from the training part what is usual; see ``Grader.begin``."""
        super().begin(surface_BF, prompt_B, vector_BRD)
        self.middle_RD.copy_(vector_BRD.mean(0))
        self.scale_RD.copy_(1 / vector_BRD.std(0, correction=0).clamp(min=1e-4))

    def states(self, batch: EssayBatch) -> Tensor:
        """Return all numbers and the hidden layer of each member; shape (M, B, D)."""
        x_BI = self._numbers(batch)
        x_MBI = F.dropout(x_BI.expand(self.members, -1, -1), self.dropout, self.training)
        h_MBH = F.gelu(torch.baddbmm(self.bias, x_MBI, self.weight))
        h_MBH = F.dropout(h_MBH, self.dropout, self.training)
        return torch.cat([x_MBI, h_MBH], -1)

    def _numbers(self, batch: EssayBatch) -> Tensor:
        vector_BRD = (batch.vector_BRD - self.middle_RD) * self.scale_RD
        parts = [vector_BRD.flatten(1)]
        if self.num_roles > 1:
            unit_BRD = F.normalize(batch.vector_BRD, dim=-1)
            mine_BRD, other_BRD = unit_BRD[:, :1], unit_BRD[:, 1:]
            # Numbers of a vector of length one are small; these are of the others' size.
            parts.append((mine_BRD * other_BRD).flatten(1) * self.dim)
            parts.append((mine_BRD - other_BRD).abs().flatten(1) * self.dim**0.5)
        if self.with_surface:
            parts.append(self.surface(batch))
        return torch.cat(parts, 1)
