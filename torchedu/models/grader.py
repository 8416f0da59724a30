"""What every network that grades texts is: texts in, scores or labels out."""

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError, allowed
from torchedu.layers.ridge import ridge
from torchedu.layers.score_head import KINDS, ScoreHead
from torchedu.models.network import Network
from torchedu.models.text_encoder import Pooling
from torchedu.schema import RESERVED, UNKNOWN

Head = Literal["regression", "ordinal", "classes"]
FEW_TOKENS = 40
"""Token ids that every encoder knows."""
LIMIT = 6.0
"""Spreads from the middle beyond which a number of a vector is cut; without a spread none is."""


class Grader(Network):
    """A network that grades texts.

    A subclass takes the sizes ``num_prompts`` (reserved ids included), ``num_scores``,
    ``num_steps`` (most steps of a scale), ``num_roles`` (texts that are read at once), ``dim``
    (width of the encoder's vectors), ``encoder`` (its name) and ``num_surface_columns`` (numbers of
    what is counted on the surface) as its first arguments; see ``Network``.

    A text is seen as numbers: its vector, that of what stands beside it, how the two differ and
    agree, and what is counted on its surface, each beside that of other texts of the prompt. Where
    scores are regressed, a ridge regression a prompt on these is found in closed form before
    training, and the network learns what such a line leaves over.

    Attributes:
        reads: ``vectors`` of a frozen encoder, or ``tokens``.
        start: How vectors of the pretrained encoder are pooled, from which what is usual and lines
            are learnt though ``tokens`` are read; None where they are not.
        output: The last layer.
    """

    reads: ClassVar[Literal["vectors", "tokens"]]
    start: Pooling | None = None
    output: ScoreHead
    rows_at = 1  # members of an ensemble come first
    sizes = (
        "num_prompts", "num_scores", "num_steps", "num_roles", "dim", "encoder",
        "num_surface_columns",
    )  # fmt: skip

    num_prompts: int
    num_scores: int
    num_steps: int
    num_roles: int
    dim: int
    encoder: str
    num_surface_columns: int
    known_P: Tensor
    centre_PF: Tensor
    spread_PF: Tensor
    middle_PRD: Tensor
    scale_PRD: Tensor
    limit_P: Tensor
    line_PIY: Tensor
    start_PY: Tensor

    def __init__(
        self,
        sizes: tuple[int, int, int, int, int, str, int],
        head: Head,
        by_prompt: bool,
        with_surface: bool,
        roles: int,
        members: int = 1,
        width: int | None = None,
    ) -> None:
        super().__init__()
        for name, size in zip(self.sizes, sizes, strict=True):
            setattr(self, name, size)
        if head not in KINDS:
            raise ConfigError(f"⟦model.net.head⟧ is {head!r}.", allowed(head, KINDS))
        num_prompts, num_scores, num_steps, _, dim, _, few = sizes
        self.by_prompt = by_prompt
        self.with_surface = with_surface
        self.head = head
        asked = num_prompts if by_prompt else RESERVED
        vectors = 3 * roles - 2
        self.inputs = dim * vectors + (few + roles - 1) * with_surface
        self.output = KINDS[head](members, width or self.inputs, asked, num_scores, num_steps)
        lines = num_scores if head == "regression" else 0
        if lines:
            nn.init.zeros_(self.output.shared)  # at first it adds nothing to the lines
        self.register_buffer("known_P", torch.zeros(asked, dtype=torch.bool))
        self.register_buffer("centre_PF", torch.zeros(asked, few))
        self.register_buffer("spread_PF", torch.ones(asked, few))
        self.register_buffer("middle_PRD", torch.zeros(asked, vectors, dim))
        self.register_buffer("scale_PRD", torch.ones(asked, vectors, dim))
        self.register_buffer("limit_P", torch.full((asked,), torch.inf))
        self.register_buffer("line_PIY", torch.zeros(asked, self.inputs, lines))
        self.register_buffer("start_PY", torch.zeros(asked, lines))

    def example(self, rows: int, steps: int, width: int) -> EssayBatch:
        """Draw texts as vectors, or as ``width`` windows of tokens; see ``Network.example``."""
        roles, windows = (self.num_roles, 0) if self.reads == "vectors" else (0, width)
        scored_BY = torch.ones(rows, self.num_scores, dtype=torch.bool)
        return EssayBatch(
            torch.randint(RESERVED, FEW_TOKENS, (rows, windows, steps * min(windows, 1))),
            torch.ones(rows, windows, steps * min(windows, 1), dtype=torch.bool),
            torch.randn(rows, roles, self.dim * min(roles, 1)),
            torch.rand(rows, self.num_surface_columns),
            torch.randint(UNKNOWN, self.num_prompts, (rows,)),
            torch.zeros(rows, self.num_scores),
            scored_BY,
            torch.arange(rows),
            torch.full((rows,), float(scored_BY.sum())),
        )

    @torch.no_grad()
    def learn(self, facts: EssayBatch, fresh: bool) -> None:
        """Learn what is usual in texts of prompts that are not known yet.

        Where texts come without vectors, what was learnt of all prompts' stands for a new one's, as
        it does for prompts that are never known: all prompts share the head that reads them.

        Args:
            facts: The texts of the training part, without their tokens.
            fresh: Of no effect; what is known stays.
        """
        if not self.known_P.any():  # what is usual in all stands for prompts that are never known
            self._usual(slice(None), facts)
        asked_B = self.asked(facts)
        for prompt in asked_B.unique().tolist():
            if not self.known_P[prompt]:
                mine = EssayBatch(*(column[asked_B == prompt] for column in facts))
                self._usual(prompt, mine)
                if facts.vector_BRD.numel():
                    self._line(prompt, mine)
                self.known_P[prompt] = True

    def _usual(self, prompt: int | slice, batch: EssayBatch) -> None:
        """Take mean and spread of what is seen of some texts."""
        self.centre_PF[prompt] = batch.surface_BF.mean(0)
        self.spread_PF[prompt] = batch.surface_BF.std(0, correction=0).clamp(min=1e-3)
        if batch.vector_BRD.numel():
            vector_BRD = _compared(batch.vector_BRD)
            self.middle_PRD[prompt] = vector_BRD.mean(0)
            self.scale_PRD[prompt] = 1 / vector_BRD.std(0, correction=0).clamp(min=1e-4)
            self.limit_P[prompt] = LIMIT
        else:
            for of_all in (self.middle_PRD, self.scale_PRD, self.limit_P):
                of_all[prompt] = of_all[UNKNOWN].clone()

    def _line(self, prompt: int, batch: EssayBatch) -> None:
        """Find a line through the scores of a prompt's texts."""
        x_BI = self.numbers(batch.vector_BRD, batch)
        for score in range(self.line_PIY.shape[-1]):
            known_B = batch.scored_BY[:, score]
            if known_B.sum() > 1:
                line, start, _ = ridge(x_BI[known_B], batch.target_BY[known_B, score] - 0.5)
                self.line_PIY[prompt, :, score] = line.to(self.line_PIY)
                self.start_PY[prompt, score] = start.to(self.start_PY)

    def numbers(self, vector_BRD: Tensor, batch: EssayBatch) -> Tensor:
        """Return what is seen of texts, each number about zero; shape (B, I).

        Args:
            vector_BRD: Vectors of the texts, and of what stands beside them.
            batch: The texts.
        """
        asked_B = self.asked(batch)
        beside_BRD = _compared(vector_BRD) - self.middle_PRD[asked_B]
        beside_BRD = beside_BRD * self.scale_PRD[asked_B]
        limit_B1 = self.limit_P[asked_B].unsqueeze(1)
        parts = [beside_BRD.flatten(1).clamp(-limit_B1, limit_B1)]
        if self.with_surface:
            surface_BF = (batch.surface_BF - self.centre_PF[asked_B]) / self.spread_PF[asked_B]
            unit_BRD = F.normalize(vector_BRD, dim=-1)
            cosine_BR = (unit_BRD[:, :1] * unit_BRD[:, 1:]).sum(-1)
            few_BF = torch.cat([surface_BF.clamp(-4, 4), 4 * cosine_BR - 2], 1)
            # As much room as all vectors have, whose numbers are many.
            parts.append(few_BF * (parts[0].shape[1] / few_BF.shape[1]) ** 0.5)
        return torch.cat(parts, 1)

    def graded(self, x_BI: Tensor, state_MBD: Tensor, batch: EssayBatch) -> Tensor:
        """Return what the last layer tells, with the lines; see ``forward``.

        Args:
            x_BI: What ``numbers`` returned.
            state_MBD: What each member knows of each text.
            batch: The texts.
        """
        asked_B = self.asked(batch)
        raw_MBYK: Tensor = self.output(state_MBD.to(self.output.shared.dtype), asked_B)
        if self.head == "regression":
            line_BIY = self.line_PIY[asked_B]
            line_BY = torch.einsum("bi,biy->by", x_BI.to(line_BIY.dtype), line_BIY)
            raw_MBYK = raw_MBYK + (line_BY + self.start_PY[asked_B]).unsqueeze(-1)
        return raw_MBYK

    @abstractmethod
    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts.

        Args:
            batch: The texts; padding changes nothing.

        Returns:
            raw_MBYK: What ``output.value`` and ``output.loss`` take, by each of M members.
        """

    def asked(self, batch: EssayBatch) -> Tensor:
        """Return the prompts that the head goes by, all unknown where it does not; shape (B,)."""
        return batch.prompt_B if self.by_prompt else torch.full_like(batch.prompt_B, UNKNOWN)


def _compared(vector_BRD: Tensor) -> Tensor:
    """Return vectors, then how the first differs from and agrees with each other one.

    As sentence encoders compare two texts (Conneau et al., https://arxiv.org/abs/1705.02364): the
    distance and the product, number by number, here of vectors of length 1.
    """
    unit_BRD = F.normalize(vector_BRD, dim=-1)
    first_B1D, other_BRD = unit_BRD[:, :1], unit_BRD[:, 1:]
    return torch.cat([vector_BRD, (first_B1D - other_BRD).abs(), first_B1D * other_BRD], 1)
