"""What every network of course recommendation is: a student so far in, a score a course out."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import CourseFacts, EnrolmentBatch
from torchedu.layers import VocabularyTable
from torchedu.models.network import Network
from torchedu.schema import ITEM, UNKNOWN


class Recommender(Network):
    """A network that scores every course for a student, from the courses before.

    A subclass takes ``num_items``, ``num_students``, ``num_groups`` and ``num_skills`` as its first
    arguments; see ``Network``.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students; those of the store that is trained on.
        num_groups: Number of ids of all student attributes.
        num_skills: Number of ids of what courses teach, the reserved ones included.
    """

    sizes = ("num_items", "num_students", "num_groups", "num_skills")
    pair_width: int = 1
    """The most numbers that the network keeps at once of one student and one course it scores."""
    skill_NS: Tensor
    """What each course teaches, filled up with 0; S is 0 where the data does not say."""
    knows_students: ClassVar[bool] = False
    """Whether it has parameters of each student, and so can recommend to those alone."""
    reads_history: ClassVar[bool] = True
    """Whether what it says of a student depends on the courses before."""

    def __init__(self, num_items: int, num_students: int, num_groups: int, num_skills: int) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_students = num_students
        self.num_groups = num_groups
        self.num_skills = num_skills
        # Not saved with the weights: its width is the data's.
        self.register_buffer("skill_NS", torch.zeros(num_items, 0).long(), persistent=False)

    @abstractmethod
    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Say what is known of each student before each course.

        Args:
            batch: The courses; see ``EnrolmentBatch``. What padded slots hold changes nothing.

        Returns:
            state_BLD: What ``logits`` takes; slot t has seen the courses before t, and nothing of
            ``item_BL[:, t:]``.
        """

    @abstractmethod
    def logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        """Score courses.

        Args:
            state_MD: What is known of students, rows of what ``forward`` returns.
            item_MK: The courses to score; all where it is None, the same for everyone where M is
                1.

        Returns:
            logit_MK: Log odds, or of all courses the unnormalised log chance that each comes next;
            shape (M, K) or (M, N).
        """

    def example(self, rows: int, steps: int, width: int) -> EnrolmentBatch:
        """Draw courses of students in some groups, padded at the end; see ``Network.example``."""
        length_B1 = torch.randint(1, steps + 1, (rows, 1))
        length_B1[0] = steps
        real_BL = torch.arange(steps) < length_B1
        return EnrolmentBatch(
            torch.randint(UNKNOWN, self.num_items, (rows, steps)) * real_BL,
            real_BL,
            torch.zeros(rows, 0, dtype=torch.int64),
            torch.randint(max(self.num_groups, 1), (rows, width if self.num_groups else 0)),
            torch.randint(self.num_students, (rows,)),
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(real_BL.sum())),
        )

    def learn(self, facts: CourseFacts, fresh: bool) -> None:
        """Take what each course teaches, and where weights are fresh how popular each is.

        Args:
            facts: What the data says of courses; one that teaches nothing keeps what it had.
            fresh: Whether the weights are still as they were drawn.
        """
        both = [facts.skill_NS.to(self.skill_NS.device), self.skill_NS]
        width = max(skills.shape[1] for skills in both)
        new_NS, old_NS = (F.pad(skills, (0, width - skills.shape[1])) for skills in both)
        self.skill_NS = torch.where((new_NS > 0).any(1, keepdim=True), new_NS, old_NS)
        if fresh:
            self.set_biases(facts.popularity_N)

    def start_from(self, other: "Recommender") -> bool:
        """Take over what fits of a trained network, and say whether anything did."""
        return False

    def set_biases(self, popularity_N: Tensor) -> None:
        """Set biases by how often each course was taken."""


class DotProduct(Recommender):
    """A recommender that scores a course by the dot product of two vectors, and a bias.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Number of ids of all student attributes.
        num_skills: Number of ids of what courses teach, the reserved ones included.
        dim: Width of the vectors.
        std: Standard deviation that the courses' vectors start from.
    """

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int,
        std: float | None = None,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills)
        self.dim = dim
        self.course = VocabularyTable(ITEM, num_items, dim, std=dim**-0.5 if std is None else std)
        self.bias = VocabularyTable(ITEM, num_items, 1, std=0.0)

    def logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        """Score courses; see ``Recommender.logits``."""
        if item_MK is None:
            return F.linear(state_MD, self.vectors(), self.bias.weight.squeeze(1))
        course_MKD, bias_MK = self.vectors(item_MK), self.bias(item_MK).squeeze(-1)
        if len(item_MK) == 1:
            return F.linear(state_MD, course_MKD[0], bias_MK[0])
        return torch.einsum("md,mkd->mk", state_MD, course_MKD) + bias_MK

    def vectors(self, item: Tensor | None = None) -> Tensor:
        """Return the vectors of courses; of all, shape (N, D), where it is None."""
        return self.course.weight if item is None else self.course(item)

    def set_biases(self, popularity_N: Tensor) -> None:
        """Set the biases to the log of each course's share."""
        share_N = (popularity_N + 1) / (popularity_N.sum() + len(popularity_N))
        with torch.no_grad():
            self.bias.weight[2:, 0] = share_N.log()[2:]


def shifted(x_BLD: Tensor, start_D: Tensor) -> Tensor:
    """Return vectors one slot later, with a start before the first."""
    start_B1D = start_D.expand(x_BLD.shape[0], 1, -1).to(x_BLD.dtype)
    return torch.cat([start_B1D, x_BLD[:, :-1]], dim=1)
