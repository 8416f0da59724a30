"""Context-aware attentive knowledge tracing: what is far away, or answered since, counts less.

Ghosh, Heffernan and Lan, "Context-Aware Attentive Knowledge Tracing", KDD 2020,
https://arxiv.org/abs/2007.12324.
"""

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import Dropout
from torchedu.layers.history_attention import HistoryAttention, answers_ago, answers_kept, keep
from torchedu.layers.rasch import RaschCodes
from torchedu.models.kt_model import KTModel, State
from torchedu.ranges import check_heads


class AKT(KTModel):
    """Sees each question and each answer in the light of those before, then looks back from one.

    One encoder of questions, one of answers and one retriever, each a block of monotonic attention,
    over Rasch codes. Deviations from the paper: several skills enter by their mean, part of the
    marks by the point that far between the codes for wrong and right; the hidden layers are ``2
    dim`` and ``dim`` wide, the penalty of difficulties is of the parameters and not of their uses.
    As in the authors' code an encoder of questions has no feed-forward layer and the distance is a
    root. Step by step, the codes of the last ``max_history`` - 1 answers are kept as they were
    made, so that after more answers they may know of what is forgotten.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width.
        heads: Attention heads; a divisor of ``dim``.
        dropout: Share left out in training of attention weights and of each sub-layer's output.
        item_penalty: Weight in the loss of the sum of squared difficulties.
        max_history: Longest history taken at once.
    """

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 64,
        heads: int = 4,
        dropout: float = 0.1,
        item_penalty: float = 1e-5,
        max_history: int = 200,
    ) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.heads = heads
        self.dropout = dropout
        self.item_penalty = item_penalty
        self.max_history: int = max_history
        self.codes = RaschCodes(num_items, num_skills, dim, difficulties=1, moves_marks=True)
        self.questions = HistoryAttention(dim, heads, dropout, feed=False)
        self.answers = HistoryAttention(dim, heads, dropout)
        self.retriever = HistoryAttention(dim, heads, dropout)
        self.out = nn.Sequential(
            nn.Linear(2 * dim, 2 * dim), nn.ReLU(), Dropout(dropout),
            nn.Linear(2 * dim, dim), nn.ReLU(), Dropout(dropout), nn.Linear(dim, 1),
        )  # fmt: skip

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        x_BLD = self.codes.asked(batch.item_BL, batch.skill_BLS)
        y_BLD = self.codes.answered(batch.item_BL, batch.skill_BLS, batch.correct_BL)
        ago_LM = answers_ago(batch.item_BL, itself=True)
        known_BLD = self.answers(y_BLD, y_BLD, y_BLD, ago_LM)
        q_BLD = self.questions(x_BLD, x_BLD, x_BLD, ago_LM)
        found_BLD = self.retriever(
            q_BLD, q_BLD, known_BLD, answers_ago(batch.item_BL, itself=False)
        )
        return self._logit(found_BLD, x_BLD)

    def initial_state(self, batch_size: int) -> State:
        """Return codes of the last questions and answers, two of each, and their number: none."""
        weight = self.codes.mark
        kept_BMD = weight.new_zeros(batch_size, self.max_history - 1, self.dim)
        count_B = weight.new_zeros(batch_size, dtype=torch.int64)
        return kept_BMD, kept_BMD, kept_BMD, kept_BMD, count_B

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        _, q_BMD, _, known_BMD, count_B = state
        x_B1D = self.codes.asked(asked.item_B, asked.skill_BS).unsqueeze(1)
        q_B1D = self._question(state, x_B1D)
        ago_B1M = answers_kept(count_B, self.max_history - 1, itself=False)
        return self._logit(self.retriever(q_B1D, q_BMD, known_BMD, ago_B1M), x_B1D).squeeze(1)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        x_BMD, q_BMD, y_BMD, known_BMD, count_B = state
        item_B, skill_BS, correct_B, *_ = answered
        x_B1D = self.codes.asked(item_B, skill_BS).unsqueeze(1)
        y_B1D = self.codes.answered(item_B, skill_BS, correct_B).unsqueeze(1)
        all_BMD = torch.cat([y_BMD, y_B1D], dim=1)
        ago_B1M = answers_kept(count_B, self.max_history - 1, itself=True)
        known_B1D = self.answers(y_B1D, all_BMD, all_BMD, ago_B1M)
        return (
            keep(x_BMD, x_B1D[:, 0]),
            keep(q_BMD, self._question(state, x_B1D)[:, 0]),
            keep(y_BMD, y_B1D[:, 0]),
            keep(known_BMD, known_B1D[:, 0]),
            count_B + 1,
        )

    def penalty(self) -> Tensor:
        """Return the penalty of difficulties that lie far from those of their skills."""
        return self.item_penalty * self.codes.penalty()

    def _question(self, state: State, x_B1D: Tensor) -> Tensor:
        """Return a question in the light of those before it."""
        all_BMD = torch.cat([state[0], x_B1D], dim=1)
        ago_B1M = answers_kept(state[-1], self.max_history - 1, itself=True)
        q_B1D: Tensor = self.questions(x_B1D, all_BMD, all_BMD, ago_B1M)
        return q_B1D

    def _logit(self, context: Tensor, asked: Tensor) -> Tensor:
        logit: Tensor = self.out(torch.cat([context, asked], dim=-1)).squeeze(-1)
        return logit
