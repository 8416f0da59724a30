"""GRU4Rec: a recurrent network reads a student's courses and says which comes next.

Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016,
https://arxiv.org/abs/1511.06939.
"""

import torch
from torch import Tensor, nn

from torchedu.batch import EnrolmentBatch
from torchedu.models.recommender import DotProduct, shifted


class GRU4Rec(DotProduct):
    """Reads courses in order with a GRU.

    Deviations from the paper: a student's courses are one session; input and output share one
    vector a course; the state is a linear map of the GRU's output and of the last course, which
    keeps a short way from one course to the next; by default the loss is a softmax over all
    courses.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Not used; the network goes by courses alone.
        num_groups: Not used.
        num_skills: Not used.
        dim: Width of the courses' vectors.
        hidden: Width of the GRU.
        dropout: Share left out in training of vectors and of the GRU's output.
    """

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int = 64,
        hidden: int = 128,
        dropout: float = 0.25,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills, dim)
        self.hidden = hidden
        self.dropout = dropout
        self.start = nn.Parameter(torch.zeros(dim))
        self.gru = nn.GRU(dim, hidden, batch_first=True)
        self.out = nn.Linear(hidden + dim, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Read the courses; see ``Recommender.forward``."""
        x_BLD = self.drop(shifted(self.course(batch.item_BL), self.start))
        h_BLH, _ = self.gru(x_BLD)
        state_BLD: Tensor = self.out(self.drop(torch.cat([h_BLH, x_BLD], -1)))
        return self.drop(state_BLD)
