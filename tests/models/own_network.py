"""A network of somebody's own: it reads the clock, and has a loss of its own.

Nothing in torchedu knows of it. What it looks at is what LPKT looks at (Shen et al., KDD 2021,
https://doi.org/10.1145/3447548.3467237), in a GRU; its loss holds successive predictions together,
as DKT+ does (Yeung and Yeung, 2018, https://arxiv.org/abs/1806.02180).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import VocabularyTable, seconds_between
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import NO_TIME, SKILL

MOST_ATTEMPTS = 4


class Question(NamedTuple):
    """What a prediction sees of a question: its skills, attempt, and the time since the last."""

    skill: Tensor
    attempt: Tensor
    gap: Tensor


class TimedGRU(KTModel):
    """Follows a student by skill, mark and time taken, and lets what is known fade with time.

    Args:
        num_items: Number of item ids; not used.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width.
        waviness: Weight of the squared steps between successive log odds in the loss.
    """

    reads = ("time", "response_time", "attempt")

    def __init__(
        self, num_items: int, num_skills: int, dim: int = 8, waviness: float = 0.01
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.waviness = waviness
        self.known = VocabularyTable(SKILL, num_skills, dim, std=1.0)
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=dim**-0.5)
        self.attempt = nn.Embedding(MOST_ATTEMPTS + 1, 1)
        self.pace = nn.Parameter(torch.randn(dim) * 0.1)
        self.forgetting = nn.Parameter(torch.full((dim,), -3.0))
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(self, batch: AnswerBatch) -> Tensor:
        assert batch.time_BL is not None
        assert batch.response_time_BL is not None
        assert batch.attempt_BL is not None
        x_BLD = self._code(batch.skill_BLS, batch.correct_BL, batch.response_time_BL)
        h_BLD, _ = self.gru(x_BLD)
        before_BLD = F.pad(h_BLD[:, :-1], (0, 0, 1, 0))
        last_BL = F.pad(batch.time_BL[:, :-1], (1, 0), value=NO_TIME)
        gap_BL = seconds_between(last_BL, batch.time_BL)
        return self._logit(before_BLD, Question(batch.skill_BLS, batch.attempt_BL, gap_BL))

    def initial_state(self, batch_size: int) -> State:
        h_BD = self.pace.new_zeros(batch_size, self.dim)
        return h_BD, torch.full_like(h_BD[:, 0], NO_TIME, dtype=torch.int64)

    def predict(self, state: State, asked: Asked) -> Tensor:
        h_BD, last_B = state
        assert asked.time_B is not None
        assert asked.attempt_B is not None
        gap_B = seconds_between(last_B, asked.time_B)
        return self._logit(h_BD, Question(asked.skill_BS, asked.attempt_B, gap_B))

    def step(self, state: State, answered: Answered) -> State:
        assert answered.time_B is not None
        assert answered.response_time_B is not None
        x_BD = self._code(answered.skill_BS, answered.correct_B, answered.response_time_B)
        _, h = self.gru(x_BD.unsqueeze(1), state[0].unsqueeze(0))
        return h[0], answered.time_B.clone()

    def own_loss(self, batch: AnswerBatch, output: Tensor) -> Tensor:
        wave_BL = output.diff(dim=1).square() * batch.scored_BL[:, 1:]
        return self.waviness * wave_BL.sum(1)

    def _code(self, skill: Tensor, correct: Tensor, seconds: Tensor) -> Tensor:
        taken = seconds.nan_to_num(0.0).clamp(min=0).log1p().unsqueeze(-1)
        return self.known.mean(skill) * (2 * correct.unsqueeze(-1) - 1) + taken * self.pace

    def _logit(self, h: Tensor, question: Question) -> Tensor:
        gap = question.gap.nan_to_num(0.0).clamp(min=0).log1p().unsqueeze(-1)
        kept = h * torch.exp(-F.softplus(self.forgetting) * gap)
        tried = self.attempt(question.attempt.clamp(max=MOST_ATTEMPTS)).squeeze(-1)
        return (kept * self.asked.mean(question.skill)).sum(-1) + tried
