"""What the pipeline strategy costs beside a loop written by hand on torch.distributed.pipelining.

Both train the same network on the same batches in the same two processes, in turns.
"""

import time
from functools import partial
from statistics import median
from typing import Any

import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch import Tensor, distributed, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.nn import functional as F
from torch.utils.data import DataLoader

from torchedu import SAKT, KnowledgeTracing
from torchedu.batch import AnswerBatch
from torchedu.run import quiet
from torchedu.strategies.pipeline import Pipeline
from torchedu.testing.launch import LaunchServer

MICROBATCHES = 4
SKILLS, ROWS, STEPS = 50, 72, 64
WARM = 5
"""Steps that are not counted."""


def overhead(steps: int) -> dict[str, Any]:
    """Measure the strategy's time a step beside that of a loop by hand.

    Args:
        steps: Pairs of steps, one of each, that are counted.

    Returns:
        ``wall`` and ``cpu``, the medians of the extra time in percent; the seconds of each, and how
        far the losses of the two differ.
    """
    with LaunchServer(modules=["torchedu.run", "torch.distributed.pipelining"]) as server:
        launch = server.start(measure, steps, ranks=2)
        if any(launch.wait(1200)):
            raise RuntimeError(launch.output() + launch.output(1))
        found: dict[str, Any] = launch.result()
    return found


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
            q_BLD = block(q_BLD, memory_BLD, True)
        return self.out(q_BLD).squeeze(-1) if hasattr(self, "out") else (q_BLD, memory_BLD.clone())


class ByHand:
    """A training step of a pipeline of two ranks, written out."""

    def __init__(self, net: SAKT, lr: float) -> None:
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


class Turns(Callback):
    """Takes a step by hand after each of the trainer's, and the time of both."""

    def __init__(self, by_hand: SAKT, lr: float) -> None:
        self.net = by_hand
        self.lr = lr
        self.seconds: list[tuple[float, float, float, float]] = []
        self.losses: list[tuple[float, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.hand = ByHand(self.net, self.lr)
        self._begin = time.perf_counter(), time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = self.hand.step(batch)
        end = time.perf_counter(), time.process_time()
        began = self._begin
        self.seconds.append((wall - began[0], end[0] - wall, cpu - began[1], end[1] - cpu))
        self.losses.append((float(outputs["loss"]), loss))
        self._begin = end


def measure(steps: int) -> dict[str, Any]:
    """Train in turns, on one of two ranks."""
    quiet()
    seed_everything(0, verbose=False)
    net = partial(SAKT, dim=256, heads=4, blocks=4, dropout=0.0, max_steps=STEPS)
    task = KnowledgeTracing(net, SKILLS, SKILLS, lr=1e-4)
    turns = Turns(net(SKILLS, SKILLS), 1e-4)
    turns.net.load_state_dict(task.net.state_dict())
    Trainer(
        max_steps=steps + WARM,
        max_epochs=-1,
        accelerator="cpu",
        devices=2,
        strategy=Pipeline("1F1B", MICROBATCHES),
        use_distributed_sampler=False,
        callbacks=[turns],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, DataLoader(batches(8), batch_size=None))  # type: ignore[arg-type]
    warm = turns.seconds[WARM:]
    wall, hand_wall, cpu, hand_cpu = (median(column) for column in zip(*warm, strict=True))
    # Both ranks work at once: what counts is the processor time of the two.
    both = torch.tensor([cpu, hand_cpu])
    distributed.all_reduce(both)
    last = distributed.get_rank() == 1
    gap = max(abs(own - hand) / own for own, hand in turns.losses) if last else 0.0
    gaps = torch.tensor(gap)
    distributed.all_reduce(gaps)
    return {
        "wall": 100 * (median(own / hand for own, hand, *_ in warm) - 1),
        "cpu": 100 * (float(both[0] / both[1]) - 1),
        "wall_seconds": wall,
        "wall_seconds_by_hand": hand_wall,
        "cpu_seconds": float(both[0]),
        "cpu_seconds_by_hand": float(both[1]),
        "losses_differ": float(gaps),
    }
