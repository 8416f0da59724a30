"""simpleKT: plain attention from a question to the answers before it, with the items' own codes.

Liu, Liu, Chen, Huang and Luo, "simpleKT: A Simple But Tough-to-Beat Baseline for Knowledge
Tracing", ICLR 2023, https://arxiv.org/abs/2302.06881.
"""

import math

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import Dropout
from torchedu.layers.history_attention import HistoryAttention, answers_ago, answers_kept, keep
from torchedu.layers.rasch import RaschCodes
from torchedu.models.kt_model import KTModel, State
from torchedu.ranges import check_heads


class SimpleKT(KTModel):
    """Looks back from a question to answers by dot products of questions, over fixed places.

    A question is its skill's code and, entry by entry, the item's difficulty times a direction of
    the skill. Deviations from the paper: several skills enter by their mean, part of the marks by
    the point that far between the codes for wrong and right; the hidden layers are ``2 dim`` and
    ``dim`` wide; the difficulties carry a penalty. Step by step, the codes of the last
    ``max_history`` - 1 answers are kept as they were made, so that after more answers they may know
    of what is forgotten, and places go on.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Attention blocks one after the other.
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
        blocks: int = 2,
        dropout: float = 0.1,
        item_penalty: float = 1e-5,
        max_history: int = 200,
    ) -> None:
        super().__init__()
        check_heads(dim, heads, halves=True)
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.heads = heads
        self.blocks = blocks
        self.dropout = dropout
        self.item_penalty = item_penalty
        self.max_history: int = max_history
        self.codes = RaschCodes(num_items, num_skills, dim, difficulties=dim, moves_marks=False)
        self.attention = nn.ModuleList(
            HistoryAttention(dim, heads, dropout, decay=False) for _ in range(blocks)
        )
        self.out = nn.Sequential(
            nn.Linear(2 * dim, 2 * dim), nn.ReLU(), Dropout(dropout),
            nn.Linear(2 * dim, dim), nn.ReLU(), Dropout(dropout), nn.Linear(dim, 1),
        )  # fmt: skip

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        place_L = torch.ones_like(batch.item_BL[0]).cumsum(0) - 1
        x_BLD = self.codes.asked(batch.item_BL, batch.skill_BLS)
        y_BLD = self.codes.answered(batch.item_BL, batch.skill_BLS, batch.correct_BL)
        q_BLD, y_BLD = (x + self._places(place_L).to(x.dtype) for x in (x_BLD, y_BLD))
        ago_LM = answers_ago(batch.item_BL, itself=False)
        for block in self.attention:
            q_BLD = block(q_BLD, q_BLD, y_BLD, ago_LM)
        return self._logit(q_BLD, x_BLD)

    def initial_state(self, batch_size: int) -> State:
        """Return codes of the last answers, of questions by block, and their number: none."""
        weight = self.codes.mark
        kept_BMD = weight.new_zeros(batch_size, self.max_history - 1, self.dim)
        count_B = weight.new_zeros(batch_size, dtype=torch.int64)
        return *([kept_BMD] * (1 + self.blocks)), count_B

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        x_BD = self.codes.asked(asked.item_B, asked.skill_BS)
        *_, q_BD = self._questions(state, x_BD)
        return self._logit(q_BD, x_BD)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        y_BMD, *q_BMDs, count_B = state
        item_B, skill_BS, correct_B, *_ = answered
        y_BD = self.codes.answered(item_B, skill_BS, correct_B)
        y_BD = y_BD + self._places(count_B).to(y_BD.dtype)
        q_BDs = self._questions(state, self.codes.asked(item_B, skill_BS))
        kept = [keep(*pair) for pair in zip(q_BMDs, q_BDs[:-1], strict=True)]
        return keep(y_BMD, y_BD), *kept, count_B + 1

    def penalty(self) -> Tensor:
        """Return the penalty of difficulties that lie far from those of their skills."""
        return self.item_penalty * self.codes.penalty()

    def _questions(self, state: State, x_BD: Tensor) -> list[Tensor]:
        """Return a question's code as it comes into each block, and as it leaves the last."""
        y_BMD, *q_BMDs, count_B = state
        ago_B1M = answers_kept(count_B, self.max_history - 1, itself=False)
        q_BDs = [x_BD + self._places(count_B).to(x_BD.dtype)]
        for block, q_BMD in zip(self.attention, q_BMDs, strict=True):
            q_BDs.append(block(q_BDs[-1].unsqueeze(1), q_BMD, y_BMD, ago_B1M).squeeze(1))
        return q_BDs

    def _places(self, place: Tensor) -> Tensor:
        """Return the codes of places, sines and cosines; shape (..., D)."""
        each = torch.arange(0, self.dim, 2, device=place.device) * (-math.log(10_000) / self.dim)
        turn = place.unsqueeze(-1) * each.exp()
        return torch.stack([turn.sin(), turn.cos()], dim=-1).flatten(-2)

    def _logit(self, context: Tensor, asked: Tensor) -> Tensor:
        logit: Tensor = self.out(torch.cat([context, asked], dim=-1)).squeeze(-1)
        return logit
