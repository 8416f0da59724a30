"""Neural collaborative filtering: a perceptron over a student and a course, alone and beside GMF.

He et al., "Neural Collaborative Filtering", WWW 2017, https://arxiv.org/abs/1708.05031.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from torchedu.batch import EnrolmentBatch
from torchedu.layers import VocabularyTable
from torchedu.models.factorization import GMF
from torchedu.models.recommender import Recommender
from torchedu.schema import ITEM


class MLP(Recommender):
    """A perceptron over a student's vector and a course's.

    Its first layer is kept in two halves, one of the student and one of the course: their sum is
    the paper's layer over both, and is found for all pairs without laying every pair out.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width of the vectors.
        hidden: Widths of the layers.
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
        dim: int = 32,
        hidden: tuple[int, ...] = (64, 32, 16),
        std: float = 0.01,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills)
        self.dim = dim
        self.hidden = list(hidden)
        self.pair_width = max(self.hidden)
        self.std = std
        self.student = nn.Embedding(num_students, dim)
        nn.init.normal_(self.student.weight, std=std)
        self.course = VocabularyTable(ITEM, num_items, dim, std=std)
        self.of_student = nn.Linear(dim, self.hidden[0])
        self.of_course = nn.Linear(dim, self.hidden[0], bias=False)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(self.hidden))
        self.out = nn.Linear(self.hidden[-1], 1)

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Look the students up; see ``Recommender.forward``."""
        state_BD = self.student(batch.student_B)
        return state_BD.unsqueeze(1).expand(-1, batch.item_BL.shape[1], -1)

    def logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        """Score courses; see ``Recommender.logits``."""
        logit_MK: Tensor = self.out(self.top(state_MD, item_MK)).squeeze(-1)
        return logit_MK

    def top(self, state_MD: Tensor, item_MK: Tensor | None) -> Tensor:
        """Return the last layer's output for each pair; shape (M, K, last width)."""
        course = self.course.weight if item_MK is None else self.course(item_MK)
        x_MKH = torch.relu(self.of_student(state_MD).unsqueeze(1) + self.of_course(course))
        for layer in self.layers:
            x_MKH = torch.relu(layer(x_MKH))
        return x_MKH


class NeuMF(Recommender):
    """GMF and a perceptron side by side, each with vectors of its own.

    Pre-training as in the paper: train a ``GMF`` and an ``MLP`` of the same sizes, and name their
    runs in the task's ``start_from``; their last layers then enter with half their weight each.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width of the vectors, of each half.
        hidden: Widths of the perceptron's layers.
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
        dim: int = 32,
        hidden: tuple[int, ...] = (64, 32, 16),
        std: float = 0.01,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills)
        self.dim = dim
        self.hidden = list(hidden)
        self.pair_width = max(self.hidden)
        self.std = std
        self.gmf = GMF(num_items, num_students, num_groups, num_skills, dim, std)
        self.mlp = MLP(num_items, num_students, num_groups, num_skills, dim, hidden, std)

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Look the students up, in both halves; see ``Recommender.forward``."""
        return torch.cat([self.gmf(batch), self.mlp(batch)], -1)

    def logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        """Score courses: the sum of both halves' scores; see ``Recommender.logits``."""
        gmf_MD, mlp_MD = state_MD.split(self.dim, -1)
        return self.gmf.logits(gmf_MD, item_MK) + self.mlp.logits(mlp_MD, item_MK)

    def set_biases(self, popularity_N: Tensor) -> None:
        """Set the biases by popularity."""
        self.gmf.set_biases(popularity_N)

    def start_from(self, other: Recommender) -> bool:
        """Take over a trained ``GMF`` or ``MLP`` of the same sizes; see ``Recommender``."""
        half = self.gmf if type(other) is GMF else self.mlp if type(other) is MLP else None
        if half is None or other.arguments() | {"std": 0} != half.arguments() | {"std": 0}:
            return False
        half.load_state_dict(other.state_dict())
        last = (
            (self.gmf.weight, self.gmf.bias.weight)
            if half is self.gmf
            else (self.mlp.out.weight, self.mlp.out.bias)
        )
        with torch.no_grad():
            for parameter in last:
                parameter *= 0.5
        return True
