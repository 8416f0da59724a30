"""Two towers: one makes a vector of a student, the other of a course; their product is the score.

Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016,
https://doi.org/10.1145/2959100.2959190, and Yi et al., "Sampling-Bias-Corrected Neural Modeling for
Large Corpus Item Recommendations", RecSys 2019, https://doi.org/10.1145/3298689.3346996.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EnrolmentBatch
from torchedu.layers import VocabularyTable
from torchedu.models.recommender import DotProduct, shifted
from torchedu.schema import GROUP, RESERVED, SKILL


class TwoTower(DotProduct):
    """Pools a student's courses at several speeds of forgetting, adds their attributes, and maps.

    Deviations from the papers: the history is pooled by exponential averages whose speeds are
    learned, in place of one mean, so that order counts; the student's attributes join the pools;
    both towers share one vector a course, the sum of its own and of the mean of what it teaches.

    Args:
        num_items: Number of course ids, the reserved ones included.
        num_students: Not used; a student is known by courses and attributes.
        num_groups: Number of ids of all student attributes.
        num_skills: Number of ids of what courses teach, the reserved ones included.
        dim: Width of the vectors.
        pools: How many averages of the history there are.
        hidden: Width of the student tower's hidden layer.
        dropout: Share left out in training.
    """

    def __init__(
        self,
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int,
        dim: int = 128,
        pools: int = 4,
        hidden: int = 256,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills, dim)
        self.pools = pools
        self.hidden = hidden
        self.dropout = dropout
        self.start = nn.Parameter(torch.zeros(dim))
        # Not torch.linspace: transformers puts another in its place while it builds a model, and
        # torch may then forget for good that it belongs on the meta device where that is asked for.
        speeds = [-1.0 + 4.5 * i / max(pools - 1, 1) for i in range(pools)]
        self.speed = nn.Parameter(torch.tensor(speeds))
        width = (pools + 1) * dim
        self.linear = nn.Linear(width, dim)
        nn.init.normal_(self.linear.weight, std=width**-0.5)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, dim)
        nn.init.zeros_(self.down.weight)
        self.group = VocabularyTable(GROUP, max(num_groups, 1), dim, std=0.0)
        self.drop = nn.Dropout(dropout)
        self.skill: VocabularyTable | None = None
        if num_skills > RESERVED:
            self.skill = VocabularyTable(SKILL, num_skills, dim, std=0.0)

    def vectors(self, item: Tensor | None = None) -> Tensor:
        """Return the vectors of courses, those of what they teach among it."""
        own = super().vectors(item)
        if self.skill is None:
            return own
        return own + self.skill.mean(self.skill_NS if item is None else self.skill_NS[item])

    def forward(self, batch: EnrolmentBatch) -> Tensor:
        """Pool the courses; see ``Recommender.forward``."""
        x_BLD = shifted(self.vectors(batch.item_BL), self.start)
        steps = torch.arange(x_BLD.shape[1], device=x_BLD.device)
        ago_LL = (steps[:, None] - steps).clamp(min=0)
        fade_P11 = torch.exp(-self.speed)[:, None, None]
        weight_PLL = torch.tril(torch.exp(-ago_LL * fade_P11))
        weight_PLL = weight_PLL / weight_PLL.square().sum(-1, keepdim=True).sqrt()
        pool_BLPD = torch.einsum("pts,bsd->btpd", weight_PLL, x_BLD)
        x_BLW = self.drop(torch.cat([x_BLD.unsqueeze(2), pool_BLPD], 2).flatten(2))
        state_BLD = self.linear(x_BLW) + self.down(self.drop(F.gelu(self.up(x_BLW))))
        state_BLD = state_BLD + self.group(batch.group_BG).sum(1, keepdim=True)
        return self.drop(state_BLD)
