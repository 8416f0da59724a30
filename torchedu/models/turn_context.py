"""A sentence and the turns around it: a small network over frozen sentence vectors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import LessonBatch
from torchedu.layers import Dropout
from torchedu.models.lesson_model import LessonModel


class TurnContext(LessonModel):
    """Tags a sentence from itself, its neighbours, its turn and the turns before and after.

    No one paper's network; the published taggers of TalkMoves (Suresh et al., LREC 2022,
    https://arxiv.org/abs/2204.09652) read a sentence and the one before it. A turn is the mean of
    its sentences. Each of these is told with whether it is said by the same person; two layers join
    them, and the sentence itself goes past them too.

    Args:
        num_teacher_tags: Number of ids of teachers' tags, the reserved ones included.
        num_student_tags: Number of ids of students' tags.
        vector_dim: Width of the sentences' vectors.
        dim: Width.
        turns: How many turns on each side are seen.
        dropout: Share left out in training before each layer.
    """

    def __init__(
        self,
        num_teacher_tags: int,
        num_student_tags: int,
        vector_dim: int,
        dim: int = 128,
        turns: int = 2,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(num_teacher_tags, num_student_tags, vector_dim, dim, dropout)
        self.turns = turns
        seen = 3 + 2 * turns + 1  # sentences before, here and after; turns
        self.join = nn.Sequential(
            nn.Linear(seen * (dim + 1), 2 * dim),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(2 * dim, dim),
        )

    def read(self, x_BLD: Tensor, batch: LessonBatch) -> Tensor:
        """Join each sentence with what is around it; see ``LessonModel.read``."""
        x_BLD = F.gelu(x_BLD) * batch.seen_BL.unsqueeze(-1)
        who_BL = batch.speaker_BL
        around = []
        for back in (1, 0, -1):
            moved_BL1 = (_moved(who_BL, back, -1) == who_BL).unsqueeze(-1)
            around.append(torch.cat([_moved(x_BLD, back, 0), moved_BL1.to(x_BLD)], dim=-1))
        steps = x_BLD.shape[1]
        turn_BL = (batch.turn_BL - batch.turn_BL[:, :1]).masked_fill(~batch.seen_BL, steps)
        # Place `turns` holds the stretch's first turn, so that those beyond its ends are zeros.
        place_BL = turn_BL + self.turns
        room = steps + 1 + 2 * self.turns
        mean_BTD = x_BLD.new_zeros(x_BLD.shape[0], room, x_BLD.shape[-1])
        index_BLD = place_BL.unsqueeze(-1).expand_as(x_BLD)
        mean_BTD = mean_BTD.scatter_add(1, index_BLD, x_BLD)
        num_BT = x_BLD.new_zeros(mean_BTD.shape[:2]).scatter_add(
            1, place_BL, batch.seen_BL.to(x_BLD)
        )
        mean_BTD = mean_BTD / num_BT.clamp(min=1).unsqueeze(-1)
        said_BT = who_BL.new_full(mean_BTD.shape[:2], -1).scatter(1, place_BL, who_BL)
        for far in range(-self.turns, self.turns + 1):
            at_BL = (place_BL + far).clamp(max=room - 1)
            turn_BLD = mean_BTD.gather(1, at_BL.unsqueeze(-1).expand_as(x_BLD))
            same_BL1 = (said_BT.gather(1, at_BL) == who_BL).unsqueeze(-1)
            around.append(torch.cat([turn_BLD, same_BL1.to(x_BLD)], dim=-1))
        joined: Tensor = x_BLD + self.join(self.drop(torch.cat(around, dim=-1)))
        return joined


def _moved(x: Tensor, steps: int, fill: int) -> Tensor:
    """Return what stands so many steps before each."""
    if not steps:
        return x
    blank = torch.full_like(x[:, : abs(steps)], fill)
    if steps > 0:
        return torch.cat([blank, x[:, :-steps]], dim=1)
    return torch.cat([x[:, -steps:], blank], dim=1)
