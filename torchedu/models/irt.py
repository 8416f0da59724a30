"""Item response theory: how able is a student, how hard an item?

Birnbaum, "Some latent trait models and their use in inferring an examinee's ability", in Lord and
Novick, "Statistical Theories of Mental Test Scores", 1968; fitted as Bock and Aitkin, "Marginal
maximum likelihood estimation of item parameters", Psychometrika 46, 1981,
https://doi.org/10.1007/BF02293801.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import VocabularyTable, at_least_single, running_sum
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import ITEM, SKILL

POINTS, WIDEST = 41, 4.0
"""Abilities at which chances are taken, and the largest of them, in standard deviations."""


class IRT(KTModel):
    """Weighs a student's ability, which stays the same, against each item's difficulty.

    The two-parameter logistic model with a standard normal ability. What is known of an ability is
    its posterior on a grid, and an answer's chance the mean over it, so that the log losses of a
    history add up to its marginal likelihood: training maximises what Bock and Aitkin do, by
    gradients in place of EM. Deviations: an item's easiness is its own and the mean of its skills',
    by which items that training did not meet are judged; easiness and discrimination carry a
    Gaussian prior; part of the marks weighs the log likelihoods of right and wrong.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        item_penalty: Weight in the loss of the sum of squares of the items' own parameters.
    """

    def __init__(self, num_items: int, num_skills: int, item_penalty: float = 1e-5) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.item_penalty = item_penalty
        # A row holds an easiness and the log of a discrimination.
        self.item = VocabularyTable(ITEM, num_items, 2, std=0.01, unknown_is_zero=True)
        self.skill = VocabularyTable(SKILL, num_skills, 2, std=0.01)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        logit_BLG = self._logits(batch.item_BL, batch.skill_BLS)
        told_BLG = _log_likelihood(logit_BLG, batch.correct_BL)
        before_BLG = running_sum(told_BLG, 1) - told_BLG
        return _chance(self._prior() + before_BLG, logit_BLG)

    def initial_state(self, batch_size: int) -> State:
        """Return the log density of the ability at each point of the grid, up to a constant."""
        return (self._prior().repeat(batch_size, 1),)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        return _chance(state[0], self._logits(asked.item_B, asked.skill_BS))

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        logit_BG = self._logits(answered.item_B, answered.skill_BS)
        return (state[0] + _log_likelihood(logit_BG, answered.correct_B),)

    def penalty(self) -> Tensor:
        """Return the negative log of the items' Gaussian prior, up to a constant."""
        return self.item_penalty * self.item.weight.square().sum()

    def _ability(self) -> Tensor:
        return torch.linspace(-WIDEST, WIDEST, POINTS, device=self.item.weight.device)

    def _prior(self) -> Tensor:
        return -self._ability().square() / 2

    def _logits(self, item: Tensor, skill: Tensor) -> Tensor:
        """Return the log odds at each ability."""
        easy, sharp = at_least_single(self.item(item) + self.skill.mean(skill)).split(1, dim=-1)
        return sharp.exp() * self._ability() + easy


def _log_likelihood(logit: Tensor, correct: Tensor) -> Tensor:
    # By softplus, which other programs' runtimes keep finite too, unlike the log of a sigmoid.
    return correct.unsqueeze(-1).to(logit.dtype) * logit - F.softplus(logit)


def _chance(density: Tensor, logit: Tensor) -> Tensor:
    """Return the log odds of the mean chance over abilities."""
    wrong = density - F.softplus(logit)
    return (wrong + logit).logsumexp(-1) - wrong.logsumexp(-1)
