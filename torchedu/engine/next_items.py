"""What should a student do next? The rule, one for the engine and for ``torchedu predict``."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import Asked
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.engine.mastery import chances, crossed, mastery
from torchedu.errors import ConfigError
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import PADDING, RESERVED

RECENT = 64
"""Latest answers of a student among which it is looked for when a skill was last practised."""
NEAR = 0.05
"""Chances that are closer than this to one another are as good: no network knows better."""
RULE = (
    "No item whose skills require one that is not mastered; of the others those first whose chance "
    "of a right answer is nearest to the target; of those as near, those whose skill was practised "
    "longest ago or never."
)


@dataclass(frozen=True)
class NextItems:
    """Puts items in the order in which a student should meet them; ``RULE`` says it in words.

    Args:
        target: The chance of a right answer that is wanted, 0..1.
        count: How many items.
        prerequisites: Which skills require which, by id; None where nothing is known of that.
        mastered: The mastery from which on a skill opens those that require it, 0..1.

    Raises:
        ConfigError: ``target`` or ``mastered`` is no chance, or ``count`` is below 1.
    """

    target: float = 0.7
    count: int = 1
    prerequisites: Prerequisites | None = None
    mastered: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("target", "mastered"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ConfigError(f"⟦{name}⟧ is {value}.", "It is a chance of 0 to 1.", option=name)
        if self.count < 1:
            raise ConfigError(f"⟦count⟧ is {self.count}.", "It is at least 1.", option="count")

    @torch.inference_mode()
    def chosen(
        self, net: KTModel, state: State, asked: Asked, skill_NS: Tensor, recent_BR: Tensor
    ) -> list[list[tuple[int, float]]]:
        """Choose among questions for each of B students.

        Args:
            net: The network, in evaluation mode.
            state: What it knows of the students.
            asked: M questions, each about a known item.
            skill_NS: The skills of each item of the network, filled up with 0.
            recent_BR: The items of each student's latest answers, the latest last; 0 before them.

        Returns:
            Places among the M questions with the chance of a right answer, the first to do first,
            at most ``count`` a student.
        """
        size = len(state[0]), len(asked.item_B)
        row_P, question_P = crossed(*size)
        chance_BM = chances(net, state, row_P, asked, question_P).view(size)
        order_BM = torch.arange(chance_BM.shape[1]).expand(chance_BM.shape)
        off_BM = (chance_BM - self.target).abs()
        item_ago_BM, skill_ago_BM = _practised(asked.item_B, skill_NS, recent_BR)
        closed_BM = self._closed(net, state, skill_NS[asked.item_B])
        # Sorted by the least of the reasons first: each sort keeps the order of those before it.
        for key_BM in (off_BM, item_ago_BM, skill_ago_BM, off_BM.div(NEAR).floor(), closed_BM):
            by_BM = key_BM.gather(1, order_BM).to(torch.float32)
            order_BM = order_BM.gather(1, by_BM.argsort(stable=True, dim=1))
        open_B = (~closed_BM).sum(1).clamp(max=self.count)
        return [
            [(place, float(chance_M[place])) for place in order_M[:number].tolist()]
            for chance_M, order_M, number in zip(chance_BM, order_BM, open_B.tolist(), strict=True)
        ]

    def _closed(self, net: KTModel, state: State, skill_MS: Tensor) -> Tensor:
        """Say which items have a skill that requires one that is not mastered; shape (B, M)."""
        if self.prerequisites is None:
            return torch.zeros(len(state[0]), len(skill_MS), dtype=torch.bool)
        level_BK = F.pad(mastery(net, state), (RESERVED, 0), value=1.0)
        has_BK = (level_BK >= self.mastered).numpy()
        return torch.from_numpy(self.prerequisites.missing(has_BK))[:, skill_MS].any(-1)


def latest(recent_BR: Tensor, item_B: Tensor) -> Tensor:
    """Return the items of the latest answers after one more of each student."""
    return torch.cat([recent_BR[:, 1:], item_B.to(recent_BR.dtype).unsqueeze(1)], 1)


def nothing_practised(size: int) -> Tensor:
    """Return the items of the latest answers of students who have given none."""
    return torch.zeros(size, RECENT, dtype=torch.int32)


def _practised(item_M: Tensor, skill_NS: Tensor, recent_BR: Tensor) -> tuple[Tensor, Tensor]:
    """Say when items and their skills were last practised; the higher the later, 0 never.

    Of an item's skills the one counts that was practised longest ago.
    """
    recent_BR = recent_BR.long()
    when_BR = torch.arange(1, recent_BR.shape[1] + 1).expand_as(recent_BR)
    item_BN = torch.zeros(len(recent_BR), len(skill_NS), dtype=torch.int64)
    item_BN = item_BN.scatter_reduce(1, recent_BR, when_BR, "amax")
    item_BN[:, :RESERVED] = 0
    skill_BRS = skill_NS[recent_BR]
    skill_BK = torch.zeros(len(recent_BR), int(skill_NS.max()) + 1, dtype=torch.int64)
    skill_BK = skill_BK.scatter_reduce(
        1, skill_BRS.flatten(1), when_BR.unsqueeze(-1).expand_as(skill_BRS).flatten(1), "amax"
    )
    skill_MS = skill_NS[item_M]
    named_MS = skill_MS != PADDING
    ago_BMS = skill_BK[:, skill_MS].masked_fill(~named_MS, recent_BR.shape[1] + 1)
    return item_BN[:, item_M], ago_BMS.amin(-1) * named_MS.any(-1)
