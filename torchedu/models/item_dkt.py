"""DKT that also knows which item is asked: the library's first choice for one's own data."""

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import (
    LSTM,
    Dropout,
    VocabularyTable,
    add_marks,
    counts_before,
    look_up,
    marks_before,
)
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import ITEM, PADDING, SKILL


class ItemDKT(KTModel):
    """Follows each student with an LSTM over items, and with counts of what went well before.

    No one paper's network, but three published ideas on the LSTM of ``DKT`` (Piech et al. 2015):
    each item has a difficulty that moves its skill's parameters along a direction that the skill
    has (the Rasch embeddings of AKT, Ghosh et al., KDD 2020, https://arxiv.org/abs/2007.12324), one
    number an item, so that rare items are not learned by heart; the difficulties carry a Gaussian
    prior; and the prediction sees how many marks were won and lost so far, in all and on the skills
    asked (the counts of performance factors analysis, Pavlik et al., AIED 2009). An item that the
    vocabulary lacks has difficulty zero and is judged by its skills.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width of the input code and of the LSTM's state.
        dropout: Share of the state's entries left out in training before the output layer.
        item_penalty: Weight in the loss of the sum of squared difficulties: the larger, the nearer
            an item stays to its skills.
    """

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 64,
        dropout: float = 0.2,
        item_penalty: float = 1e-5,
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.dropout = dropout
        self.item_penalty = item_penalty
        small = (3 * dim) ** -0.5
        self.difficulty = VocabularyTable(ITEM, num_items, 1, std=0.01, unknown_is_zero=True)
        # A row holds the codes for wrong and for right side by side.
        self.answered = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.1)
        self.answered_shift = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.01)
        self.lstm = LSTM(dim, dim)
        self.counted = nn.Sequential(nn.Linear(4, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=small)
        self.asked_shift = VocabularyTable(SKILL, num_skills, dim, std=small / 10)
        self.prior = VocabularyTable(SKILL, num_skills, 1, std=small)
        self.drop = Dropout(dropout)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        item_BL, skill_BLS, correct_BL = batch.item_BL, batch.skill_BLS, batch.correct_BL
        x_BLD = self._code(item_BL, skill_BLS, correct_BL)
        before_BLD = self.lstm.before(x_BLD, item_BL != PADDING)
        on_skills_BL2 = counts_before(skill_BLS, correct_BL, self.num_skills)
        marks_BL2 = torch.stack([correct_BL, 1 - correct_BL], dim=-1)
        in_all_BL2 = marks_before(marks_BL2, 1)
        return self._logit(before_BLD, on_skills_BL2, in_all_BL2, item_BL, skill_BLS)

    def initial_state(self, batch_size: int) -> State:
        """Return the LSTM's output and cell and the marks by skill and in all, zero."""
        new = self.asked.weight.new_zeros
        h_BD = new(batch_size, self.dim)
        return h_BD, h_BD, new(batch_size, self.num_skills, 2), new(batch_size, 2)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        h_BD, _, on_skills_BK2, in_all_B2 = state
        item_B, skill_BS, *_ = asked
        return self._logit(h_BD, look_up(on_skills_BK2, skill_BS), in_all_B2, item_B, skill_BS)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        h_BD, c_BD, on_skills_BK2, in_all_B2 = state
        item_B, skill_BS, correct_B, *_ = answered
        x_BLD = self._code(item_B, skill_BS, correct_B).unsqueeze(1)
        _, (h, c) = self.lstm(x_BLD, (h_BD.unsqueeze(0), c_BD.unsqueeze(0)))
        in_all_B2 = in_all_B2 + torch.stack([correct_B, 1 - correct_B], dim=-1)
        return h[0], c[0], add_marks(on_skills_BK2, skill_BS, correct_B), in_all_B2

    def penalty(self) -> Tensor:
        """Return the negative log of the difficulties' Gaussian prior, up to a constant."""
        return self.item_penalty * self.difficulty.weight.square().sum()

    def _code(self, item: Tensor, skill: Tensor, correct: Tensor) -> Tensor:
        shift = self.difficulty(item) * self.answered_shift.mean(skill)
        wrong, right = (self.answered.mean(skill) + shift).chunk(2, dim=-1)
        return torch.lerp(wrong, right, correct.unsqueeze(-1).to(wrong.dtype))

    def _logit(
        self, h: Tensor, on_skills: Tensor, in_all: Tensor, item: Tensor, skill: Tensor
    ) -> Tensor:
        difficulty = self.difficulty(item)
        counted = self.counted(torch.cat([on_skills, in_all], dim=-1).log1p())
        asked = self.asked.mean(skill) + difficulty * self.asked_shift.mean(skill)
        prior = self.prior.mean(skill) + difficulty
        return (self.drop(h + counted) * asked).sum(-1) + prior.squeeze(-1)
