"""Deep Knowledge Tracing: a recurrent network over skills and marks.

Piech et al., "Deep Knowledge Tracing", NeurIPS 2015, https://arxiv.org/abs/1506.05908.
"""

import torch
from torch import Tensor

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import LSTM, Dropout, VocabularyTable, distinct
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import PADDING, SKILL


class DKT(KTModel):
    """Follows each student's skills with an LSTM over (skill, right or wrong).

    Deviations from the paper: the input code of a (skill, mark) pair is learned, as in common
    implementations, where the paper draws it at random; the first answer is predicted too, from the
    output layer's bias; a question with several skills enters with the mean of their codes and is
    predicted once, by the mean of their outputs; part of the marks enters as the point that far
    between the codes for wrong and right.

    Args:
        num_items: Number of item ids; not used, the network sees skills alone.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width of the input code and of the LSTM's state.
        dropout: Share of the state's entries left out in training before the output layer.
    """

    def __init__(
        self, num_items: int, num_skills: int, dim: int = 200, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.dropout = dropout
        # A row holds the codes for wrong and for right side by side.
        self.answered = VocabularyTable(SKILL, num_skills, 2 * dim, std=1.0)
        self.lstm = LSTM(dim, dim)
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=(3 * dim) ** -0.5)
        self.prior = VocabularyTable(SKILL, num_skills, 1, std=(3 * dim) ** -0.5)
        self.drop = Dropout(dropout)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        skill, correct, which_BL = distinct(batch.skill_BLS, batch.correct_BL)
        seen_BL = batch.item_BL != PADDING
        before_BLD = self.lstm.before(self._code(skill, correct), seen_BL, which_BL)
        return self._logit(before_BLD, batch.skill_BLS)

    def initial_state(self, batch_size: int) -> State:
        """Return the LSTM's output and cell, zero."""
        zero = self.asked.weight.new_zeros(batch_size, self.dim)
        return zero, zero

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        return self._logit(state[0], asked.skill_BS)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        x_BLD = self._code(answered.skill_BS, answered.correct_B).unsqueeze(1)
        _, (h, c) = self.lstm(x_BLD, (state[0].unsqueeze(0), state[1].unsqueeze(0)))
        return h[0], c[0]

    def _code(self, skill: Tensor, correct: Tensor) -> Tensor:
        wrong, right = self.answered.mean(skill).chunk(2, dim=-1)
        return torch.lerp(wrong, right, correct.unsqueeze(-1).to(wrong.dtype))

    def _logit(self, h: Tensor, skill: Tensor) -> Tensor:
        return self.asked.dot(self.drop(h), skill) + self.prior.mean(skill).squeeze(-1)
