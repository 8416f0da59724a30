"""A logistic regression of the whole history, and what an LSTM adds: the library's default."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import AnswerBatch, Answered, Asked, TracingFacts
from torchedu.layers import LSTM, Dropout, VocabularyTable, at_least_single
from torchedu.layers.past import (
    SHARED,
    PastNumbers,
    nothing_yet,
    numbers_of,
    numbers_of_window,
    remember,
)
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import ITEM, PADDING, SKILL

HALF_OPEN = 30_000
"""Training answers with which the gate begins half open, and training takes half the pace."""
APART = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""How many answers lie between those that are compared with one another."""


class LogisticDKT(KTModel):
    """Adds to a logistic regression what an LSTM and a small network see beyond it.

    No one paper's network. Log odds = those of ``torchedu.baselines.StreamingLR``, fitted to the
    training part before the first pass and left as they are, + gate x (what an LSTM over skills and
    marks, ``DKT`` of Piech et al. 2015, and a hidden layer on the numbers that the regression reads
    make of the skills asked). The gate begins at n² / (n² + 30,000²) for n training answers, and so
    much of the learning rate is taken: a small class is left to the regression. Beside the
    cross-entropy, a right answer is to stand above wrong ones of the same student, which is what
    choosing the next item asks.

    The added part knows how easy the items are, those answered (they move their codes as in AKT,
    https://arxiv.org/abs/2007.12324) and the one asked. The weight of an item that few have
    answered holds their marks, which the added part would learn by heart: in training, what the
    student's own marks have done to it is taken off. The regression sees the whole history (of an
    item the last 128 answers), the LSTM in training and evaluation that of a window. An item that
    the vocabulary lacks is judged by its skills. Where items have texts, a line from a text's
    vector to the regression's weight says what is expected of an item before anybody has answered
    it (``features.item_words``); the more answers there are, the less that counts.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width of the input code and of the LSTM's state.
        dropout: Share of the state's entries left out in training before the output layer.
        pairwise: Weight of comparing each student's right and wrong answers, beside 1 of the
            cross-entropy.
    """

    past = True
    epochs = 8
    most_answers = 5_000_000

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 64,
        dropout: float = 0.2,
        pairwise: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.dropout = dropout
        self.pairwise = pairwise
        self.item_weight = VocabularyTable(ITEM, num_items, 2, std=0.0, unknown_is_zero=True)
        self.skill_weight = VocabularyTable(SKILL, num_skills, 7, std=0.0, unknown_is_zero=True)
        self.shared_weight = nn.Parameter(torch.zeros(SHARED + 1))  # the bias last
        for known in (self.item_weight.weight, self.skill_weight.weight, self.shared_weight):
            known.requires_grad_(False)
        # A row holds the codes for wrong and for right side by side.
        self.answered = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.1)
        self.answered_shift = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.01)
        self.lstm = LSTM(dim, dim)
        # Beside the shared numbers, how easy the item is and what the regression says.
        self.counted = nn.Sequential(nn.Linear(SHARED + 2, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.asked = VocabularyTable(SKILL, num_skills, dim, std=0.01)  # at first it adds nothing
        self.asked_shift = VocabularyTable(SKILL, num_skills, dim, std=0.01)
        self.gate = nn.Parameter(torch.tensor(0.5))
        self.drop = Dropout(dropout)

    @property
    def regression(self) -> TracingFacts | None:
        """What it has taken over of a regression; None before it has met data."""
        weights = self.item_weight.weight, self.skill_weight.weight, self.shared_weight
        known = any(bool(weight.any()) for weight in weights)
        return TracingFacts(*weights, answers=0) if known else None

    @torch.no_grad()
    def learn(self, facts: TracingFacts, fresh: bool) -> None:
        """Take the regression's weights; see ``Network.learn``.

        Args:
            facts: Them, and how many training answers there are.
            fresh: Whether the gate is to begin by that.
        """
        self.item_weight.weight.copy_(facts.item_N2)
        self.skill_weight.weight.copy_(facts.skill_K7)
        self.shared_weight.copy_(facts.shared_F)
        # Few answers cannot tell what is to be added: the steps are small, or it is noise.
        self.lr_share = 1 / (1 + (HALF_OPEN / max(facts.answers, 1)) ** 2)
        if fresh:
            self.gate.fill_(self.lr_share)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        item_BL, skill_BLS, correct_BL = batch.item_BL, batch.skill_BLS, batch.correct_BL
        if batch.past_BLF is None:
            before = numbers_of_window(item_BL, skill_BLS, correct_BL)
        else:
            before = PastNumbers.carried(batch.past_BLF, self.shared_weight.dtype)
        easy_BL2 = self._easy(item_BL, batch.judged_BL)
        if batch.moved_BL is not None:
            moved_BL2 = F.pad(batch.moved_BL.unsqueeze(-1), (0, 1))
            easy_BL2 = easy_BL2 - moved_BL2.to(easy_BL2.dtype)
        x_BLD = self._code(easy_BL2, skill_BLS, correct_BL)
        h_BLD = self.lstm.before(x_BLD, item_BL != PADDING)
        return self._logit(h_BLD, before, easy_BL2, skill_BLS)

    def own_loss(self, batch: AnswerBatch, output: Tensor) -> Tensor:
        """Return how far each student's right answers stand above the wrong ones, as a loss.

        The mean over pairs of answers of a window that lie ``APART``, times the answers scored.
        """
        logit_BL, correct_BL = at_least_single(output), batch.correct_BL
        loss_B, pairs_B = logit_BL.new_zeros(len(logit_BL)), logit_BL.new_zeros(len(logit_BL))
        for apart in (steps for steps in APART if steps < logit_BL.shape[1]):
            more_BL = correct_BL[:, apart:] - correct_BL[:, :-apart]
            both_BL = batch.scored_BL[:, apart:] & batch.scored_BL[:, :-apart]
            gap_BL = (logit_BL[:, apart:] - logit_BL[:, :-apart]) * more_BL.sign()
            weight_BL = more_BL.abs() * both_BL
            loss_B = loss_B + (F.softplus(-gap_BL) * weight_BL).sum(1)
            pairs_B = pairs_B + weight_BL.sum(1)
        return self.pairwise * loss_B / pairs_B.clamp(min=1e-6) * batch.scored_BL.sum(1)

    def initial_state(self, batch_size: int) -> State:
        """Return the LSTM's output and cell, and what is kept for the regression, zero."""
        weight = self.asked.weight
        h_BD = weight.new_zeros(batch_size, self.dim)
        return h_BD, h_BD, *nothing_yet(batch_size, self.num_skills, weight)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        h_BD, _, *memory = state
        before = numbers_of(tuple(memory), asked.item_B, asked.skill_BS)
        return self._logit(h_BD, before, self._easy(asked.item_B, asked.judged_B), asked.skill_BS)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        h_BD, c_BD, *memory = state
        item_B, skill_BS, correct_B, *_ = answered
        easy_B2 = self._easy(item_B, answered.judged_B)
        x_BLD = self._code(easy_B2, skill_BS, correct_B).unsqueeze(1)
        _, (h, c) = self.lstm(x_BLD, (h_BD.unsqueeze(0), c_BD.unsqueeze(0)))
        return h[0], c[0], *remember(tuple(memory), item_B, skill_BS, correct_B)

    def _easy(self, item: Tensor, judged: Tensor | None) -> Tensor:
        """Return what the regression weighs of items; of unknown ones, what their words say."""
        easy = self.item_weight(item)
        if judged is None:
            return easy
        return easy + F.pad(judged.unsqueeze(-1), (0, 1)).to(easy.dtype)

    def _code(self, easy: Tensor, skill: Tensor, correct: Tensor) -> Tensor:
        shift = easy[..., :1] * self.answered_shift.mean(skill)
        wrong, right = (self.answered.mean(skill) + shift).chunk(2, dim=-1)
        return torch.lerp(wrong, right, correct.unsqueeze(-1).to(wrong.dtype))

    def _logit(self, h: Tensor, before: PastNumbers, easy: Tensor, skill: Tensor) -> Tensor:
        shared = before.shared(skill)
        regressed = self._regressed(before, shared, easy, skill)
        numbers = torch.cat([shared, easy[..., :1], regressed.unsqueeze(-1)], -1)
        asked = self.asked.mean(skill) + easy[..., :1] * self.asked_shift.mean(skill)
        added = (self.drop(h + self.counted(numbers)) * asked).sum(-1)
        return regressed + self.gate * added

    def _regressed(
        self, before: PastNumbers, shared: Tensor, easy: Tensor, skill: Tensor
    ) -> Tensor:
        """Return the log odds of the logistic regression."""
        mean = before.in_all[..., 2]
        own = self.skill_weight(skill) * (skill != PADDING).unsqueeze(-1)
        on_skills = own[..., 0] + own[..., 6] * mean.unsqueeze(-1)
        on_skills = on_skills + (own[..., 1:6] * before.on_skill[..., :5]).sum(-1)
        of_all = (shared * self.shared_weight[:-1]).sum(-1) + self.shared_weight[-1]
        return of_all + easy[..., 0] + easy[..., 1] * mean + on_skills.sum(-1)
