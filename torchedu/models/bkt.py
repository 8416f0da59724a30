"""Bayesian Knowledge Tracing: each skill is known or not, and may be learned at each answer.

Corbett and Anderson, "Knowledge tracing: Modeling the acquisition of procedural knowledge", User
Modeling and User-Adapted Interaction 4, 1994, https://doi.org/10.1007/BF01099821.
"""

import torch
from torch import Tensor

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import VocabularyTable, along, at_least_single
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import PADDING, SKILL

MOST = 0.5
"""Above that a guess or a slip would swap what known and unknown mean."""
LEAST = 1e-4
"""Chances stay as far from 0 and 1."""


class BKT(KTModel):
    """Follows each skill by itself, by the chances to know it, learn it, guess and slip.

    Deviations from the paper: the four parameters of a skill are fitted by gradients of the log
    loss, which is the likelihood that others climb by EM; guess and slip stay below ``MOST``; an
    item with several skills is predicted by the mean of their chances, and its answer counts for
    each of them in full; part of the marks moves what is known that far between what a wrong and a
    right answer do.

    Args:
        num_items: Number of item ids; not used, the network sees skills alone.
        num_skills: Number of skill ids, the reserved ones included.
    """

    def __init__(self, num_items: int, num_skills: int) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        # A row holds log odds: of knowing the skill at first, of learning it, guess and slip.
        self.skill = VocabularyTable(SKILL, num_skills, 4, std=0.1)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        chance_BLS3 = self._chances(batch.skill_BLS)

        def step(state: State, now: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            skill_BS, chance_BS3, correct_B = now
            known_BS = state[0].gather(1, skill_BS)
            learned_BS = _learned(known_BS, chance_BS3, correct_B)
            return (state[0].scatter(1, skill_BS, learned_BS),), known_BS

        inputs = (batch.skill_BLS, chance_BLS3, batch.correct_BL)
        known_BLS = along(step, self.initial_state(batch.item_BL.shape[0]), inputs)
        return _logit(known_BLS, chance_BLS3, batch.skill_BLS)

    def initial_state(self, batch_size: int) -> State:
        """Return the chance that each skill is known at first."""
        return (at_least_single(self.skill.weight[:, 0]).sigmoid().repeat(batch_size, 1),)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        known_BS = state[0].gather(1, asked.skill_BS)
        return _logit(known_BS, self._chances(asked.skill_BS), asked.skill_BS)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        skill_BS = answered.skill_BS
        known_BS = state[0].gather(1, skill_BS)
        learned_BS = _learned(known_BS, self._chances(skill_BS), answered.correct_B)
        return (state[0].scatter(1, skill_BS, learned_BS),)

    def _chances(self, skill: Tensor) -> Tensor:
        """Return the chances to learn, to guess, and to get right what is known; (..., 3)."""
        learn, guess, slip = at_least_single(self.skill(skill)[..., 1:]).sigmoid().unbind(-1)
        return torch.stack([learn, MOST * guess, 1 - MOST * slip], dim=-1)


def _learned(known_BS: Tensor, chance_BS3: Tensor, correct_B: Tensor) -> Tensor:
    """Return the chance that a skill is known after an answer: Bayes' rule, then learning."""
    learn, guess, sure = (chance_BS3[..., i] for i in range(3))
    right = known_BS * sure / (known_BS * sure + (1 - known_BS) * guess)
    wrong = known_BS * (1 - sure) / (known_BS * (1 - sure) + (1 - known_BS) * (1 - guess))
    known = torch.lerp(wrong, right, correct_B.unsqueeze(-1).to(right.dtype))
    return (known + (1 - known) * learn).clamp(LEAST, 1 - LEAST)


def _logit(known: Tensor, chance: Tensor, skill: Tensor) -> Tensor:
    _, guess, sure = chance.unbind(-1)
    right = known * sure + (1 - known) * guess
    real = skill != PADDING
    mean = (right * real).sum(-1) / real.sum(-1).clamp(min=1)
    return torch.where(real.any(-1), mean, 0.5).clamp(LEAST, 1 - LEAST).logit()
