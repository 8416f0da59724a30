"""Small networks on the vectors of a frozen encoder: they train in seconds."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EssayBatch
from torchedu.models.grader import Grader, Head
from torchedu.schema import SURFACE_NUMBERS


class FrozenGrader(Grader):
    """Grades texts by frozen vectors and by what is counted on the surface.

    A wide and deep network (Cheng et al., https://arxiv.org/abs/1606.07792). Where it regresses,
    the wide part is each prompt's line; else there is the deep part alone. Several members of it
    are trained side by side and averaged.

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once.
        dim: Width of the vectors.
        encoder: The encoder that made them.
        num_surface_columns: Numbers of what is counted on the surface of a text.
        hidden: Width of the hidden layer of each member.
        members: How many networks are averaged.
        dropout: Share of the hidden layer and of what it sees that is dropped in training.
        head: ``regression``, ``ordinal`` or ``classes``.
        with_surface: Whether what is counted on the surface is seen, and how near a pair is.
        by_prompt: Whether each prompt has weights of its own; without, answers to questions that
            nobody was trained on are graded like all others.
    """

    reads = "vectors"

    def __init__(
        self,
        num_prompts: int,
        num_scores: int,
        num_steps: int,
        num_roles: int,
        dim: int,
        encoder: str,
        num_surface_columns: int = len(SURFACE_NUMBERS),
        hidden: int = 64,
        members: int = 4,
        dropout: float = 0.3,
        head: Head = "regression",
        with_surface: bool = True,
        by_prompt: bool = True,
    ) -> None:
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder, num_surface_columns)
        super().__init__(sizes, head, by_prompt, with_surface, num_roles, members, hidden)
        self.hidden = hidden
        self.members = members
        self.dropout = dropout
        self.weight = nn.Parameter(torch.randn(members, self.inputs, hidden) / self.inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(members, 1, hidden))

    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts; see ``Grader.forward``."""
        x_BI = self.numbers(batch.vector_BRD, batch)
        seen_MBI = F.dropout(x_BI.expand(self.members, -1, -1), self.dropout, self.training)
        h_MBH = F.gelu(torch.baddbmm(self.bias, seen_MBI, self.weight))
        return self.graded(x_BI, F.dropout(h_MBH, self.dropout, self.training), batch)
