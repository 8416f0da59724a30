"""Self-Attentive Knowledge Tracing: each question looks back at the answers that bear on it.

Pandey and Karypis, "A Self-Attentive model for Knowledge Tracing", EDM 2019,
https://arxiv.org/abs/1907.06837.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import AttentionBlock, BlockPlan, Dropout, VocabularyTable
from torchedu.models.kt_model import KTModel, State
from torchedu.ranges import check_heads
from torchedu.schema import SKILL

SKILLS = 8
"""Most skills of an item that are seen."""


class SAKT(KTModel):
    """Predicts an answer by attention from its skill to the (skill, mark) pairs before it.

    Deviations from the paper: a learned start stands before the first answer, so that the first is
    predicted too; with several blocks the queries are refined while the history stays as it is;
    several skills enter by their mean, part of the marks by the point that far between the codes
    for wrong and right. Of an item's skills the first ``SKILLS`` are seen, so that what is kept of
    an answer has one size.

    Args:
        num_items: Number of item ids; not used, the network sees skills alone.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Attention blocks one after the other; the paper has one.
        dropout: Share left out in training of attention weights and of each sub-layer's output.
        max_history: Longest history taken at once; older answers are then forgotten.
    """

    block_plan = BlockPlan("attention", ("answered", "asked", "position"), ("out",))

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 256,
        heads: int = 8,
        blocks: int = 1,
        dropout: float = 0.2,
        max_history: int = 200,
    ) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.heads = heads
        self.blocks = blocks
        self.dropout = dropout
        self.max_history: int = max_history
        # A row holds the codes for wrong and for right side by side.
        self.answered = VocabularyTable(SKILL, num_skills, 2 * dim, std=1.0)
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=1.0)
        self.position = nn.Parameter(torch.randn(max_history, dim))  # row 0 is the start
        self.attention = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(blocks))
        self.out = nn.Linear(dim, 1)
        self.drop = Dropout(dropout)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        return self.leave(self.through(self.attention, self.enter(batch), batch), batch)

    def enter(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        """Return the questions and the history before each; see ``BlockNetwork``."""
        skill_BLS = batch.skill_BLS[..., :SKILLS]
        x_BLD = self._code(skill_BLS, batch.correct_BL)
        return self.asked.mean(skill_BLS), self._memory(x_BLD[:, :-1])

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: AnswerBatch
    ) -> tuple[Tensor, ...]:
        """Refine the questions, and leave the history as it is; see ``BlockNetwork``."""
        q_BLD, memory_BMD = x
        for block in blocks:
            q_BLD = block(q_BLD, memory_BMD)
        return q_BLD, memory_BMD

    def leave(self, x: tuple[Tensor, ...], batch: AnswerBatch) -> Tensor:
        """Return log odds of the refined questions; see ``BlockNetwork``."""
        return self._logit(x[0])

    def initial_state(self, batch_size: int) -> State:
        """Return a ring for skills and marks of the last answers, and how many there were: none.

        The newest answer takes the place of the oldest.
        """
        size, zeros = self.max_history - 1, self.position.new_zeros
        small = torch.int16 if self.num_skills < 2**15 else torch.int32
        skill_BMS = zeros(batch_size, size, SKILLS, dtype=small)
        return skill_BMS, zeros(batch_size, size), zeros(batch_size, dtype=torch.int64)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        skill_BMS, correct_BM, count_B = state
        size, count_B1 = self.max_history - 1, count_B.unsqueeze(1)
        held_B1 = count_B1.clamp(max=size)
        age_BM = (count_B1 - 1 - torch.arange(size, device=count_B1.device)) % size  # newest: 0
        # Before the ring stands the start, in place 0, which everyone sees.
        seen_BM = F.pad(age_BM < held_B1, (1, 0), value=True)
        place_BM = F.pad((held_B1 - age_BM).clamp(min=0), (1, 0))
        x_BMD = self._code(skill_BMS.long(), correct_BM)
        memory_BMD = F.pad(x_BMD, (0, 0, 1, 0)) + self.position[place_BM]
        q_BLD = self.asked.mean(asked.skill_BS[:, :SKILLS].unsqueeze(1))
        for block in self.attention:
            q_BLD = block(q_BLD, memory_BMD, seen_BM)
        return self._logit(q_BLD).squeeze(1)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        skill_BMS, correct_BM, count_B = state
        size, skill_BS = self.max_history - 1, answered.skill_BS[:, :SKILLS]
        new_B1S = F.pad(skill_BS, (0, SKILLS - skill_BS.shape[1])).unsqueeze(1)
        here_BM = (count_B % size).unsqueeze(1) == torch.arange(size, device=count_B.device)
        skill_BMS = torch.where(here_BM.unsqueeze(2), new_B1S, skill_BMS).to(skill_BMS.dtype)
        correct_BM = torch.where(here_BM, answered.correct_B.unsqueeze(1), correct_BM)
        return skill_BMS, correct_BM, count_B + 1

    def _code(self, skill: Tensor, correct: Tensor) -> Tensor:
        wrong, right = self.answered.mean(skill).chunk(2, dim=-1)
        return torch.lerp(wrong, right, correct.unsqueeze(-1).to(wrong.dtype))

    def _memory(self, x_BLD: Tensor) -> Tensor:
        """Put the start before a history and its place on each answer."""
        start = x_BLD.new_zeros(x_BLD.shape[0], 1, self.dim)
        return torch.cat([start, x_BLD], dim=1) + self.position[: x_BLD.shape[1] + 1]

    def _logit(self, q_BLD: Tensor) -> Tensor:
        logit_BL: Tensor = self.out(self.drop(q_BLD)).squeeze(-1)
        return logit_BL
