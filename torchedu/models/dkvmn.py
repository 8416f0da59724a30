"""Dynamic Key-Value Memory Networks: what is known is kept by concept, and read by question.

Zhang, Shi, King and Yeung, "Dynamic Key-Value Memory Networks for Knowledge Tracing", WWW 2017,
https://arxiv.org/abs/1611.08108.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import Dropout, VocabularyTable, along, at_least_single
from torchedu.models.kt_model import KTModel, State
from torchedu.ranges import COUNT
from torchedu.schema import SKILL


class DKVMN(KTModel):
    """Reads and writes a memory with a row for each of a few concepts, found by attention.

    Deviations from the paper: several skills enter by the mean of their codes, part of the marks by
    the point that far between the codes for wrong and right; entries of the summary are left out in
    training, as in common implementations.

    Args:
        num_items: Number of item ids; not used, the network sees skills alone.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width of the codes and of a row of the memory.
        concepts: Rows of the memory.
        dropout: Share of the summary's entries left out in training before the output layer.
    """

    limits: ClassVar = {"concepts": COUNT}

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 64,
        concepts: int = 20,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.concepts = concepts
        self.dropout = dropout
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=0.1)
        # A row holds the codes for wrong and for right side by side.
        self.answered = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.1)
        self.key = nn.Parameter(torch.randn(concepts, dim) * dim**-0.5)
        self.start = nn.Parameter(torch.randn(concepts, dim) * dim**-0.5)
        self.erase = nn.Linear(dim, dim)
        self.add = nn.Linear(dim, dim)
        self.summary = nn.Linear(2 * dim, dim)
        self.out = nn.Linear(dim, 1)
        self.drop = Dropout(dropout)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        key_BLD, weight_BLM = self._attend(batch.skill_BLS)
        written = self._written(batch.skill_BLS, batch.correct_BL)

        def step(state: State, now: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            weight_BM, *changes = now
            return (_write(state[0], weight_BM, *changes),), _read(state[0], weight_BM)

        state = self.initial_state(batch.item_BL.shape[0])
        read_BLD = along(step, state, (weight_BLM, *written))
        return self._logit(read_BLD, key_BLD)

    def initial_state(self, batch_size: int) -> State:
        """Return the memory as it begins, which is learned."""
        return (at_least_single(self.start).repeat(batch_size, 1, 1),)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        key_BD, weight_BM = self._attend(asked.skill_BS)
        return self._logit(_read(state[0], weight_BM), key_BD)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        _, weight_BM = self._attend(answered.skill_BS)
        changes = self._written(answered.skill_BS, answered.correct_B)
        return (_write(state[0], weight_BM, *changes),)

    def _attend(self, skill: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code of what is asked, and how much each concept has to do with it."""
        key = self.asked.mean(skill)
        return key, at_least_single(key @ self.key.t()).softmax(-1)

    def _written(self, skill: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
        """Return what an answer erases of a row that it is all about, and what it adds."""
        wrong, right = self.answered.mean(skill).chunk(2, dim=-1)
        code = torch.lerp(wrong, right, correct.unsqueeze(-1).to(wrong.dtype))
        erase, add = at_least_single(self.erase(code)), at_least_single(self.add(code))
        return erase.sigmoid(), add.tanh()

    def _logit(self, read: Tensor, key: Tensor) -> Tensor:
        summary = self.summary(torch.cat([read.to(key.dtype), key], dim=-1)).tanh()
        logit: Tensor = self.out(self.drop(summary)).squeeze(-1)
        return logit


def _read(memory_BMD: Tensor, weight_BM: Tensor) -> Tensor:
    return (weight_BM.unsqueeze(1) @ memory_BMD).squeeze(1)


def _write(memory_BMD: Tensor, weight_BM: Tensor, erased_BD: Tensor, added_BD: Tensor) -> Tensor:
    weight_BM1 = weight_BM.unsqueeze(2)
    kept_BMD = memory_BMD * (1 - weight_BM1 * erased_BD.unsqueeze(1))
    return kept_BMD + weight_BM1 * added_BD.unsqueeze(1)
