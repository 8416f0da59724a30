"""Networks that ask for a graph's every turn, and one that no graph can follow."""

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.domains import Tracing
from torchedu.layers import VocabularyTable
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import ITEM


def task_of(net: KTModel) -> Tracing:
    """Return the task of a network that is there."""
    return Tracing(lambda *sizes: net, net.num_items, net.num_skills).eval()


class Remembering(KTModel):
    """Averages what it keeps of the last answers, in a ring."""

    max_history: int | None = 13

    def __init__(self, num_items: int, num_skills: int, dim: int = 4) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.asked = VocabularyTable(ITEM, num_items, dim, std=1.0)
        self.same = self.asked  # a tensor under two names

    def forward(self, batch: AnswerBatch) -> Tensor:
        x_BLD = self.same(batch.item_BL) * batch.correct_BL.unsqueeze(-1)
        number_L1 = torch.arange(1, x_BLD.shape[1] + 1, device=x_BLD.device).unsqueeze(-1)
        before_BLD = (x_BLD.cumsum(1) - x_BLD) / number_L1
        return (before_BLD * self.asked(batch.item_BL)).sum(-1)

    def initial_state(self, batch_size: int) -> State:
        ring_BMD = self.asked.weight.new_zeros(batch_size, 12, self.dim)
        return ring_BMD, ring_BMD.new_zeros(batch_size, dtype=torch.int64)

    def predict(self, state: State, asked: Asked) -> Tensor:
        ring_BMD, count_B = state
        mean_BD = ring_BMD.sum(1) / (count_B.clamp(max=12) + 1).unsqueeze(-1)
        return (mean_BD * self.asked(asked.item_B)).sum(-1)

    def step(self, state: State, answered: Answered) -> State:
        ring_BMD, count_B = state
        x_BD = self.same(answered.item_B) * answered.correct_B.unsqueeze(-1)
        here_BM = (count_B % 12).unsqueeze(1) == torch.arange(12)
        return torch.where(here_BM.unsqueeze(2), x_BD.unsqueeze(1), ring_BMD), count_B + 1


class Gated(KTModel):
    """A GRU whose state begins with something learned."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 4) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.asked = VocabularyTable(ITEM, num_items, dim, std=1.0)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.start = nn.Parameter(torch.linspace(-1, 1, dim))

    def forward(self, batch: AnswerBatch) -> Tensor:
        x_BLD = self.asked(batch.item_BL) * (batch.correct_BL.unsqueeze(-1) - 0.5)
        start_BD = self.start.expand(x_BLD.shape[0], -1)
        h_BLD, _ = self.gru(x_BLD, start_BD.unsqueeze(0).contiguous())
        before_BLD = torch.cat([start_BD.unsqueeze(1), h_BLD[:, :-1]], dim=1)
        return (before_BLD * self.asked(batch.item_BL)).sum(-1)

    def initial_state(self, batch_size: int) -> State:
        return (self.start.detach().repeat(batch_size, 1),)

    def predict(self, state: State, asked: Asked) -> Tensor:
        return (state[0] * self.asked(asked.item_B)).sum(-1)

    def step(self, state: State, answered: Answered) -> State:
        x_BD = self.asked(answered.item_B) * (answered.correct_B.unsqueeze(-1) - 0.5)
        _, h = self.gru(x_BD.unsqueeze(1), state[0].unsqueeze(0))
        return (h[0],)


class Deciding(Remembering):
    """Looks at its data to choose a way, which no graph has."""

    def forward(self, batch: AnswerBatch) -> Tensor:
        logit_BL = super().forward(batch)
        return logit_BL + 1 if float(batch.correct_BL.sum()) > 3 else logit_BL
