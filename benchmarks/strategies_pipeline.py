"""A pipeline of two stages, written by hand on torch.distributed.pipelining."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.nn import functional as F

from torchedu import SAKT
from torchedu.batch import AnswerBatch

MICROBATCHES = 4
SKILLS, ROWS, STEPS = 50, 72, 64


def batches(number: int) -> list[AnswerBatch]:
    """Return batches of one shape, which a schedule by hand asks for."""
    found = []
    for seed in range(number):
        draw = torch.Generator().manual_seed(seed)
        skill_BLS = torch.randint(2, SKILLS, (ROWS, STEPS, 1), generator=draw)
        correct_BL = torch.randint(2, (ROWS, STEPS), generator=draw).float()
        scored_BL = torch.ones(ROWS, STEPS, dtype=torch.bool)
        first_B, mean_B = torch.zeros(ROWS), torch.full((ROWS,), float(ROWS * STEPS))
        found.append(
            AnswerBatch(
                skill_BLS[..., 0], skill_BLS, correct_BL, scored_BL, first_B, first_B, mean_B
            )
        )
    return found


class Part(nn.Module):
    """One of two stages of SAKT, as one would write it by hand."""

    def __init__(self, net: SAKT, first: bool) -> None:
        super().__init__()
        half = len(net.attention) // 2
        self.blocks = net.attention[:half] if first else net.attention[half:]
        if first:
            self.answered, self.asked, self.position = net.answered, net.asked, net.position
        else:
            self.out = net.out

    def forward(self, *x: Tensor) -> Any:
        if hasattr(self, "asked"):
            skill_BLS, correct_BL = x
            wrong, right = self.answered.mean(skill_BLS).chunk(2, dim=-1)
            history_BLD = torch.lerp(wrong, right, correct_BL.unsqueeze(-1))
            start = history_BLD.new_zeros(len(history_BLD), 1, history_BLD.shape[2])
            memory_BLD = torch.cat([start, history_BLD[:, :-1]], 1)
            memory_BLD = memory_BLD + self.position[: memory_BLD.shape[1]]
            q_BLD = self.asked.mean(skill_BLS)
        else:
            q_BLD, memory_BLD = x
        for block in self.blocks:
            q_BLD = block(q_BLD, memory_BLD)
        return self.out(q_BLD).squeeze(-1) if hasattr(self, "out") else (q_BLD, memory_BLD.clone())


class PipelineByHand:
    """A training step of a pipeline of two ranks, written out."""

    def __init__(self, strategy: str, net: SAKT, lr: float) -> None:
        self.rank = distributed.get_rank()
        part = Part(net, self.rank == 0)
        self.optimizer = torch.optim.AdamW(part.parameters(), lr, weight_decay=0.0)
        stage = PipelineStage(part, self.rank, 2, torch.device("cpu"))
        self.schedule = Schedule1F1B(stage, MICROBATCHES, self._loss, scale_grads=False)
        self.mean = torch.ones(())

    def _loss(self, logit_BL: Tensor, target_BL2: Tensor) -> Tensor:
        correct_BL, scored_BL = target_BL2.unbind(-1)
        each_BL = F.binary_cross_entropy_with_logits(logit_BL, correct_BL, reduction="none")
        return (each_BL * scored_BL).sum() / self.mean

    def step(self, batch: Any) -> float:
        """Return the loss before the step; 0 on the rank that does not see it."""
        self.mean = batch.mean_over_B[0]
        self.optimizer.zero_grad()
        losses: list[Tensor] = []
        if self.rank == 0:
            self.schedule.step(batch.skill_BLS, batch.correct_BL, return_outputs=False)
        else:
            target_BL2 = torch.stack([batch.correct_BL, batch.scored_BL.float()], -1)
            self.schedule.step(target=target_BL2, losses=losses, return_outputs=False)
        self.optimizer.step()
        return float(sum(losses))
