"""Matrix factorisation: a vector a student, a vector a course.

Koren et al., "Matrix Factorization Techniques for Recommender Systems", Computer 2009; that a
well-tuned one is hard to beat: Rendle et al., "Neural Collaborative Filtering vs. Matrix
Factorization Revisited", RecSys 2020, https://arxiv.org/abs/2005.09683.
"""

import torch
from torch import Tensor, nn

from torchedu.batch import EnrolmentBatch
from torchedu.models.recommender import DotProduct


class MF(DotProduct):
    """Scores a course by the dot product of the student's vector and the course's.

    It sees which courses go together, not their order, and knows the students it was trained on
    alone.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width of the vectors.
        std: Standard deviation that the vectors start from.
    """

    knows_students = True
    reads_history = False

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int = 64,
        std: float = 0.1,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills, dim, std)
        self.std = std
        self.student = nn.Embedding(num_students, dim)
        nn.init.normal_(self.student.weight, std=std)

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Look the students up; see ``Recommender.forward``."""
        return _each_slot(self.student(batch.student_B), batch)


class GMF(MF):
    """Generalised matrix factorisation: a learned weight for each part of the dot product.

    He et al., "Neural Collaborative Filtering", WWW 2017, https://arxiv.org/abs/1708.05031.
    Deviation: a bias a course, which the paper's has not.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width of the vectors.
        std: Standard deviation that the vectors start from.
    """

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int = 32,
        std: float = 0.1,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills, dim, std)
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Look the students up; see ``Recommender.forward``."""
        return _each_slot(self.student(batch.student_B) * self.weight, batch)


def _each_slot(state_BD: Tensor, batch: EnrolmentBatch) -> Tensor:
    return state_BD.unsqueeze(1).expand(-1, batch.item_BL.shape[1], -1)
