"""Small networks on the vectors of a frozen encoder: they train in seconds."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EssayBatch
from torchedu.layers.ridge import ridge
from torchedu.models.grader import Grader, Head
from torchedu.schema import SURFACE_NUMBERS


class FrozenGrader(Grader):
    """Grades texts by frozen vectors and by what is counted on the surface.

    A wide and deep network (Cheng et al., https://arxiv.org/abs/1606.07792). Where it regresses,
    the wide part is each prompt's ridge regression, found in closed form before training, and the
    deep part learns what a line leaves over; else there is the deep part alone. Several members of
    it are trained side by side and averaged.

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once.
        dim: Width of the vectors.
        encoder: The encoder that made them.
        hidden: Width of the hidden layer of each member.
        members: How many networks are averaged.
        dropout: Share of the hidden layer and of what it sees that is dropped in training.
        head: ``regression``, ``ordinal`` or ``classes``.
        with_surface: Whether what is counted on the surface is seen, and how near a pair is.
        by_prompt: Whether each prompt has weights of its own; without, answers to questions that
            nobody was trained on are graded like all others.
    """

    reads = "vectors"
    middle_PRD: Tensor
    scale_PRD: Tensor
    line_PIY: Tensor
    start_PY: Tensor

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
        by_prompt: bool = True,
    ) -> None:
        inputs = dim * num_roles + (len(SURFACE_NUMBERS) + num_roles - 1) * with_surface
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder)
        super().__init__(sizes, head, by_prompt, hidden, members)
        self.hidden = hidden
        self.members = members
        self.dropout = dropout
        self.with_surface = with_surface
        self.weight = nn.Parameter(torch.randn(members, inputs, hidden) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(members, 1, hidden))
        asked = len(self.known_P)
        self.register_buffer("middle_PRD", torch.zeros(asked, num_roles, dim))
        self.register_buffer("scale_PRD", torch.ones(asked, num_roles, dim))
        lines = num_scores if head == "regression" else 0
        self.register_buffer("line_PIY", torch.zeros(asked, inputs, lines))
        self.register_buffer("start_PY", torch.zeros(asked, lines))

    def begin_all(self, batch: EssayBatch) -> None:
        """Learn what is usual in all texts; see ``Grader.begin_all``."""
        super().begin_all(batch)
        self.middle_PRD.copy_(batch.vector_BRD.mean(0))
        self.scale_PRD.copy_(1 / batch.vector_BRD.std(0, correction=0).clamp(min=1e-4))
        if self.head == "regression":
            self.output.shared.zero_()  # the deep part begins with nothing to add to the lines

    def begin_prompt(self, prompt: int, batch: EssayBatch) -> None:
        """Learn what is usual in a prompt's texts, and a line through their scores."""
        super().begin_prompt(prompt, batch)
        self.middle_PRD[prompt] = batch.vector_BRD.mean(0)
        self.scale_PRD[prompt] = 1 / batch.vector_BRD.std(0, correction=0).clamp(min=1e-4)
        x_BI = self._numbers(batch)
        for score in range(self.line_PIY.shape[-1]):
            known_B = batch.scored_BY[:, score]
            if known_B.sum() > 1:
                line, start = ridge(x_BI[known_B], batch.target_BY[known_B, score] - 0.5)
                self.line_PIY[prompt, :, score] = line.to(self.line_PIY)
                self.start_PY[prompt, score] = start.to(self.start_PY)

    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts; see ``Grader.forward``."""
        x_BI, asked_B = self._numbers(batch), self.asked(batch)
        x_MBI = x_BI.expand(self.members, -1, -1)
        seen_MBI = F.dropout(x_MBI, self.dropout, self.training)
        h_MBH = F.gelu(torch.baddbmm(self.bias, seen_MBI, self.weight))
        h_MBH = F.dropout(h_MBH, self.dropout, self.training)
        raw_MBYK: Tensor = self.output(h_MBH, asked_B)
        if self.head == "regression":
            line_BY = torch.einsum("bi,biy->by", x_BI, self.line_PIY[asked_B])
            raw_MBYK = raw_MBYK + (line_BY + self.start_PY[asked_B]).unsqueeze(-1)
        return raw_MBYK

    def _numbers(self, batch: EssayBatch) -> Tensor:
        asked_B = self.asked(batch)
        vector_BRD = (batch.vector_BRD - self.middle_PRD[asked_B]) * self.scale_PRD[asked_B]
        parts = [vector_BRD.flatten(1).clamp(-6, 6)]
        if self.with_surface:
            # As much room as all vectors have, whose numbers are many.
            unit_BRD = F.normalize(batch.vector_BRD, dim=-1)
            cosine_BR = (unit_BRD[:, :1] * unit_BRD[:, 1:]).sum(-1)
            few_BF = torch.cat([self.surface(batch), 4 * cosine_BR - 2], 1)
            parts.append(few_BF * (parts[0].shape[1] / few_BF.shape[1]) ** 0.5)
        return torch.cat(parts, 1)
