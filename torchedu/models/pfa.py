"""Performance factors analysis: chances from counts of what went well and what did not.

Pavlik, Cen and Koedinger, "Performance Factors Analysis: A New Alternative to Knowledge Tracing",
AIED 2009, https://files.eric.ed.gov/fulltext/ED506305.pdf.
"""

from torch import Tensor

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import VocabularyTable, add_marks, counts_of_each, look_up_each
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import PADDING, SKILL


class PFA(KTModel):
    """Adds up, over the skills asked, how easy each is and what was won and lost on it before.

    Each skill is followed by itself. Deviation: part of the marks counts as that part won and the
    rest lost.

    Args:
        num_items: Number of item ids; not used, the network sees skills alone.
        num_skills: Number of skill ids, the reserved ones included.
    """

    def __init__(self, num_items: int, num_skills: int) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        # A row holds a skill's easiness and its weights of marks won and of marks lost.
        self.skill = VocabularyTable(SKILL, num_skills, 3, std=0.01)

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        count_BLS2 = counts_of_each(batch.skill_BLS, batch.correct_BL, self.num_skills)
        return self._logit(count_BLS2, batch.skill_BLS)

    def initial_state(self, batch_size: int) -> State:
        """Return the marks won and lost on each skill, zero."""
        return (self.skill.weight.new_zeros(batch_size, self.num_skills, 2),)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        return self._logit(look_up_each(state[0], asked.skill_BS), asked.skill_BS)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        return (add_marks(state[0], answered.skill_BS, answered.correct_B),)

    def _logit(self, count: Tensor, skill: Tensor) -> Tensor:
        weight = self.skill(skill)
        logit = weight[..., 0] + (weight[..., 1:] * count).sum(-1)
        return (logit * (skill != PADDING)).sum(-1)
