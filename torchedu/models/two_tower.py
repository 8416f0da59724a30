"""Two towers: one makes a vector of a student, the other of a course; their product is the score.

Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016,
https://doi.org/10.1145/2959100.2959190, and Yi et al., "Sampling-Bias-Corrected Neural Modeling for
Large Corpus Item Recommendations", RecSys 2019, https://doi.org/10.1145/3298689.3346996.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import CourseFacts, EnrolmentBatch
from torchedu.layers import VocabularyTable, together
from torchedu.models.recommender import DotProduct, shifted
from torchedu.schema import GROUP, RESERVED, SKILL

LEAST = 10
"""Students that a regression is begun with."""
PENALTY = 2.0
"""Of the regression, beside a mean square of one a number."""
SCALES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Log odds in a unit of what the regression says, which is near a chance; training finds others."""
BLOCK = 1 << 24
"""Scores by which one of these is chosen, at most."""
ROWS = 256
"""Students whose pools are in memory at once."""


class TwoTower(DotProduct):
    """Pools a student's courses at several speeds of forgetting, adds their attributes, and maps.

    Deviations from the papers: the history is pooled by exponential averages whose speeds are
    learned, in place of one mean, so that order counts; the student's attributes join the pools;
    both towers share one vector a course, the sum of its own and of the mean of what it teaches.
    Before the first pass the vectors are set to span which courses are taken together, and the
    linear layer to a ridge regression of the next course on the pools: a small class is not enough
    to find by gradients what its counts say at once.

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
        x_BLW = self.drop(self._pooled(batch.item_BL))
        state_BLD = self.linear(x_BLW) + self.down(self.drop(F.gelu(self.up(x_BLW))))
        state_BLD = state_BLD + self.group(batch.group_BG).sum(1, keepdim=True)
        return self.drop(state_BLD)

    @torch.no_grad()
    def learn(self, facts: CourseFacts, fresh: bool) -> None:
        """Take what data says of courses, and begin from its counts; see ``Recommender.learn``."""
        super().learn(facts, fresh)
        if not fresh or facts.taken_SL is None or len(facts.taken_SL) < LEAST:
            return
        taken_SL = facts.taken_SL.to(self.start.device)
        course_ND = together(taken_SL, self.num_items, self.dim).to(self.start.dtype)
        width = course_ND.shape[1]
        self.course.weight[:, :width] = course_ND
        gram_WW, moment_WD = self._sums(taken_SL, width)
        gram_WW.diagonal().add_((PENALTY * gram_WW.trace() / len(gram_WW)).clamp(min=1e-6))
        weight_WD = torch.linalg.solve(gram_WW, moment_WD).to(course_ND)
        most = max(1, BLOCK // (taken_SL.shape[1] * self.num_items))
        pooled_MW, next_M = self._cases(taken_SL[:most])
        said_MN = pooled_MW @ weight_WD @ course_ND.T

        def loss(scale: float) -> float:
            logit_MN = scale * said_MN + self.bias.weight.squeeze(1)
            return float(F.cross_entropy(logit_MN[:, RESERVED:], next_M - RESERVED))

        self.linear.weight[:width] = min(SCALES, key=loss) * weight_WD.T

    def _cases(self, taken_SL: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is pooled before some courses, and these; shapes (M, W) and (M,)."""
        row_M, slot_M = (taken_SL >= RESERVED).nonzero(as_tuple=True)
        return self._pooled(taken_SL)[row_M, slot_M], taken_SL[row_M, slot_M]

    def _sums(self, taken_SL: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Return what the regression is solved from, newer courses counting for more.

        Shapes (W, W) and (W, ``width``), float64.
        """
        wide = self.linear.in_features
        gram_WW = self.start.new_zeros(wide, wide, dtype=torch.float64)
        moment_WD = gram_WW.new_zeros(wide, width)
        for some_SL in taken_SL.split(ROWS):
            pooled_MW, next_M = self._cases(some_SL)
            real_SL = some_SL >= RESERVED
            left_SL = real_SL.flip(1).cumsum(1).flip(1)
            weighed_MW = pooled_MW / left_SL[real_SL].sqrt().unsqueeze(1)
            gram_WW += (weighed_MW.T @ pooled_MW).double()
            moment_WD += (weighed_MW.T @ self.course.weight[next_M, :width]).double()
        return gram_WW, moment_WD

    def _pooled(self, item_BL: Tensor) -> Tensor:
        """Return the course before each slot and the averages of all before; shape (B, L, W)."""
        x_BLD = shifted(self.vectors(item_BL), self.start)
        steps = torch.arange(x_BLD.shape[1], device=x_BLD.device)
        ago_LL = (steps[:, None] - steps).clamp(min=0)
        fade_P11 = torch.exp(-self.speed)[:, None, None]
        weight_PLL = torch.tril(torch.exp(-ago_LL * fade_P11))
        weight_PLL = weight_PLL / weight_PLL.square().sum(-1, keepdim=True).sqrt()
        pool_BLPD = torch.einsum("pts,bsd->btpd", weight_PLL, x_BLD)
        return torch.cat([x_BLD.unsqueeze(2), pool_BLPD], 2).flatten(2)
