"""What every network of lessons is: a lesson's sentences in, a tag for each out."""

from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import LessonBatch
from torchedu.layers import Dropout, VocabularyTable
from torchedu.models.network import Network
from torchedu.schema import RESERVED, ROLES, TAG


class LessonModel(Network):
    """A network that tags each sentence of a lesson, a teacher's and a student's by sets of theirs.

    A subclass takes ``num_teacher_tags``, ``num_student_tags`` and ``vector_dim`` as its first
    arguments, and writes ``read``; see ``Network``.

    Args:
        num_teacher_tags: Number of ids of teachers' tags, the reserved ones included.
        num_student_tags: Number of ids of students' tags.
        vector_dim: Width of the sentences' vectors.
        dim: Width of what ``read`` returns.
        dropout: Share left out in training of the vectors and of what is read.
    """

    sizes = ("num_teacher_tags", "num_student_tags", "vector_dim")

    def __init__(
        self,
        num_teacher_tags: int,
        num_student_tags: int,
        vector_dim: int,
        dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.num_teacher_tags = num_teacher_tags
        self.num_student_tags = num_student_tags
        self.vector_dim = vector_dim
        self.dim = dim
        self.dropout = dropout
        self.drop = Dropout(dropout)
        self.norm = nn.LayerNorm(vector_dim)
        self.enter = nn.Linear(vector_dim + 2, dim)
        self.role = nn.Embedding(len(ROLES), dim)
        sizes = (num_teacher_tags, num_student_tags)
        self.tags = nn.ModuleList(
            VocabularyTable(TAG + role, num, dim, std=dim**-0.5)
            for role, num in zip(ROLES, sizes, strict=True)
        )

    @abstractmethod
    def read(self, x_BLD: Tensor, batch: LessonBatch) -> Tensor:
        """Return what is known of each sentence from what is said around it.

        Args:
            x_BLD: The sentences by themselves.
            batch: The lessons; padding changes nothing.

        Returns:
            x_BLD: The same width.
        """

    def example(self, rows: int, steps: int, width: int) -> LessonBatch:
        """Draw lessons of unequal length with ``width`` speakers; see ``Network.example``."""
        length_B1 = torch.randint(1, steps + 1, (rows, 1))
        length_B1[0] = steps
        seen_BL = torch.arange(steps) < length_B1
        speaker_BL = torch.randint(width, (rows, steps))
        turn_BL = torch.randint(2, (rows, steps)).cumsum(1)
        return LessonBatch(
            torch.randn(rows, steps, self.vector_dim) * seen_BL.unsqueeze(-1),
            torch.randint(len(ROLES), (rows, steps)) * seen_BL,
            speaker_BL.masked_fill(~seen_BL, -1),
            turn_BL.masked_fill(~seen_BL, -1),
            torch.randint(1, 20, (rows, steps)).float() * seen_BL,
            torch.zeros(rows, steps, dtype=torch.int64),
            seen_BL,
            seen_BL,
            seen_BL,
            torch.arange(rows),
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(seen_BL.sum())),
        )

    def forward(self, batch: LessonBatch) -> tuple[Tensor, Tensor]:
        """Tag every sentence of a batch, as a teacher's and as a student's.

        Args:
            batch: Lessons or stretches of them.

        Returns:
            logit_BLT: Of each role's tags, without the reserved ids.
        """
        vector_BLD = self.drop(self.norm(batch.vector_BLD))
        begins_BL = F.pad(batch.turn_BL[:, 1:] != batch.turn_BL[:, :-1], (1, 0), value=True)
        words_BL = batch.words_BL.log1p()
        cues_BL2 = torch.stack([begins_BL.to(words_BL), words_BL], dim=-1)
        x_BLD = self.enter(torch.cat([vector_BLD, cues_BL2.to(vector_BLD)], dim=-1))
        x_BLD = self.drop(self.read(x_BLD + self.role(batch.role_BL), batch))
        tables = cast("list[VocabularyTable]", list(self.tags))
        teacher, student = (table.weight[RESERVED:] for table in tables)
        return F.linear(x_BLD, teacher), F.linear(x_BLD, student)
