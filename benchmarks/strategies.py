"""Every strategy beside one process, and beside the same training written by hand on torch.

The matrix trains one network of repeated blocks (SAKT, 4 blocks) under each strategy on two
devices: whether its losses equal those of one process, how long a step takes, and how much memory a
rank needs at most, beyond what it had before. What a strategy costs is measured against a loop
written by hand for the same two processes, in turns.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch
from harness import Goal, Job, Skip, main
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from strategies_pipeline import MICROBATCHES, SKILLS, PipelineByHand, batches
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from torchedu import SAKT, KnowledgeTracing
from torchedu.batch import AnswerBatch
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.companions import Companions
from torchedu.parallel.stages import rows_of
from torchedu.run import quiet
from torchedu.strategies.named import AUTO, STRATEGIES, strategy_class
from torchedu.testing.launch import LaunchServer

MOST = 5.0
"""Percent that a strategy may cost beyond a loop by hand."""
WARM = 5
"""Steps that are not counted."""
EQUAL = 1e-5
SECONDS = 1200.0
SHARED = ("tensor", "pipeline")
"""Strategies whose ranks share each batch."""
NEEDS = {"deepspeed": "deepspeed", "horovod": "horovod"}
PLAN: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(("query", "key", "value", "up"), ColwiseParallel),
    **dict.fromkeys(("out", "down"), RowwiseParallel),
}


class ByHand:
    """A training step as one would write it on torch."""

    def __init__(self, strategy: str, net: SAKT, lr: float) -> None:
        self.net = _divided(strategy, net)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr, weight_decay=0.0)

    def step(self, batch: AnswerBatch) -> float:
        """Return the loss before the step."""
        self.optimizer.zero_grad()
        loss = _loss(self.net, batch)
        loss.backward()
        self.optimizer.step()
        return float(loss)


def _divided(strategy: str, net: SAKT) -> nn.Module:
    if strategy == "ddp":
        return DistributedDataParallel(net)
    mesh = init_device_mesh("cpu", (2,))
    for block in net.attention:
        if strategy == "fsdp":
            fully_shard(block, mesh=mesh)
        else:
            parallelize_module(block, mesh, {name: style() for name, style in PLAN.items()})
    if strategy == "fsdp":
        fully_shard(net, mesh=mesh)
    return net


class ByDeepSpeed:
    """A training step as one would write it on DeepSpeed, at its second stage."""

    def __init__(self, strategy: str, net: SAKT, lr: float) -> None:
        import deepspeed

        self.engine, *_ = deepspeed.initialize(
            model=net,
            optimizer=torch.optim.AdamW(net.parameters(), lr, weight_decay=0.0),
            config={
                "train_micro_batch_size_per_gpu": 1,
                "zero_optimization": {"stage": 2},
                "zero_allow_untested_optimizer": True,
                "zero_force_ds_cpu_optimizer": False,
                "steps_per_print": None,
            },
            dist_init_required=False,
        )

    def step(self, batch: AnswerBatch) -> float:
        """Return the loss before the step."""
        loss = _loss(self.engine, batch)
        self.engine.backward(loss)
        self.engine.step()
        return float(loss)


def _loss(net: nn.Module, batch: AnswerBatch) -> Tensor:
    each_BL: Tensor = F.binary_cross_entropy_with_logits(
        net(batch), batch.correct_BL, reduction="none"
    )
    return (each_BL * batch.scored_BL).sum() / batch.mean_over_B[0]


HANDS: dict[str, Any] = {"deepspeed": ByDeepSpeed, "pipeline": PipelineByHand}
"""Where a step by hand is not ``ByHand``'s."""
OPTIONS: dict[str, dict[str, Any]] = {
    "pipeline": {"schedule": "1F1B", "microbatches": MICROBATCHES}
}


class Turns(Callback):
    """Takes a step by hand after each of the trainer's, and the time of both."""

    def __init__(self, strategy: str, net: SAKT, lr: float) -> None:
        self.asked = strategy, net, lr
        self.seconds: list[tuple[float, float, float, float]] = []
        self.differ = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        strategy, *_ = self.asked
        self.hand = HANDS.get(strategy, ByHand)(*self.asked)
        self._begin = time.perf_counter(), time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = self.hand.step(batch)
        end = time.perf_counter(), time.process_time()
        began = self._begin
        self.seconds.append((wall - began[0], end[0] - wall, cpu - began[1], end[1] - cpu))
        if loss:  # a stage that is not the last sees none
            self.differ = max(self.differ, abs(float(outputs["loss"]) - loss) / loss)
        self._begin = end


def network(dim: int) -> Callable[[int, int], SAKT]:
    return partial(SAKT, dim=dim, heads=4, blocks=4, dropout=0.0, max_history=64)


def fit(task: KnowledgeTracing, data: Any, strategy: str, steps: int, callback: Callback) -> None:
    """Train without anything that is not needed."""
    task.companions = Companions()  # its batches are drawn, and of no data
    Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        devices=1 if strategy == AUTO else 2,
        strategy=AUTO
        if strategy == AUTO
        else strategy_class(strategy)(**OPTIONS.get(strategy, {})),
        use_distributed_sampler=False,
        callbacks=[callback],
        plugins=[VerifiedCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, DataLoader(data, batch_size=None))


def in_turns(strategy: str, steps: int) -> dict[str, float]:
    """Train by the strategy and by hand in turns, on one of two ranks."""
    quiet()
    seed_everything(0, verbose=False)
    net = network(256)
    task = KnowledgeTracing(net, SKILLS, SKILLS, lr=1e-4)
    twin = net(SKILLS, SKILLS)
    twin.load_state_dict(task.net.state_dict())
    turns = Turns(strategy, twin, 1e-4)
    own = batches(8)
    if strategy not in SHARED:  # each rank its half
        own = [half(batch, int(os.environ["RANK"])) for batch in own]
    fit(task, own, strategy, steps + WARM, turns)
    warm = turns.seconds[WARM:]
    wall, hand_wall, *_ = (median(column) for column in zip(*warm, strict=True))
    # Each step beside the one by hand right after it: the machine's pace changes within a run.
    ratio = torch.tensor(median(cpu / hand for *_, cpu, hand in warm))
    distributed.all_reduce(ratio)
    differ = torch.tensor(turns.differ)
    distributed.all_reduce(differ, distributed.ReduceOp.MAX)
    return {
        "cpu": 100 * (float(ratio) / 2 - 1),
        "wall": 100 * (median(one / hand for one, hand, *_ in warm) - 1),
        "wall_seconds": wall,
        "wall_seconds_by_hand": hand_wall,
        "losses_differ": float(differ),
    }


def half(batch: AnswerBatch, rank: int) -> AnswerBatch:
    """Return every second row, and the mean that ranks then average."""
    rows: AnswerBatch = rows_of(batch, slice(rank, None, 2))
    return rows._replace(mean_over_B=rows.mean_over_B / 2)


def overhead(steps: int, goal: str) -> tuple[list[Goal], Any]:
    """Measure what each strategy costs beside a loop by hand."""
    table: dict[str, dict[str, float]] = {}
    for strategy in COMPARED:
        if strategy in NEEDS and find_spec(NEEDS[strategy]) is None:
            print(f"  {strategy:10} not installed", flush=True)
            continue
        found = _beside(strategy, steps)
        table[strategy] = found
        print(f"  {strategy:10} {found['cpu']:+.1f} % of a loop by hand", flush=True)
    worst = max(found["cpu"] for found in table.values())
    must = f"each of {', '.join(table)} below {MOST:g} % of a loop by hand"
    return [Goal(goal, worst, must, worst < MOST)], table


def _beside(strategy: str, steps: int) -> dict[str, float]:
    # Memory that one turn gives back to the system would be paid for by the other, page by page.
    os.environ |= {"MALLOC_TRIM_THRESHOLD_": str(2**31), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
    with LaunchServer(modules=["torchedu.run", "torch.distributed.fsdp"]) as server:
        launch = server.start(in_turns, strategy, steps, ranks=2)
        if any(launch.wait(SECONDS)):
            raise RuntimeError(launch.output() + launch.output(1))
        found: dict[str, float] = launch.result()
    return found


class Noted(Callback):
    """Notes losses, seconds and memory."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.times: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        loss = outputs["loss"].detach().clone()
        self.losses.append(float(trainer.strategy.reduce(loss, reduce_op="mean")))
        self.times.append(time.perf_counter())


def alone(strategy: str, dim: int) -> dict[str, Any]:
    """Train 8 steps under a strategy, in one of its processes."""
    quiet()
    seed_everything(0, verbose=False)
    task = KnowledgeTracing(network(dim), SKILLS, SKILLS, lr=1e-4)
    own = batches(8)
    if strategy not in (AUTO, "dp", *SHARED):
        own = [half(batch, int(os.environ["RANK"])) for batch in own]
    noted = Noted()
    before = _peak()
    fit(task, own, strategy, 8, noted)
    seconds = [after - at for at, after in zip(noted.times[1:], noted.times[2:], strict=False)]
    return {"losses": noted.losses, "seconds": median(seconds), "mib": _peak() - before}


def _peak() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1024 if sys.platform == "linux" else 2**20)


def matrix(dim: int, goal: str) -> tuple[list[Goal], Any]:
    """Train under every strategy, and compare it with one process."""
    table: dict[str, dict[str, Any]] = {}
    with LaunchServer(modules=["torchedu.run", "torch.distributed.fsdp"]) as server:
        for strategy in (AUTO, *STRATEGIES):
            if strategy in NEEDS and find_spec(NEEDS[strategy]) is None:
                continue
            ranks = 1 if strategy in (AUTO, "dp") else 2
            launch = server.start(alone, strategy, dim, ranks=ranks)
            if any(launch.wait(SECONDS)):
                table[strategy] = {"failed": launch.output()[-500:]}
                continue
            found = [launch.result(rank) for rank in range(ranks)]
            one = table.get(AUTO, found[0])
            gaps = [
                abs(own - wanted) / wanted
                for own, wanted in zip(found[0]["losses"], one["losses"], strict=True)
            ]
            table[strategy] = {
                "equal": max(gaps) <= EQUAL,
                "losses_differ": max(gaps),
                "losses": found[0]["losses"],
                "seconds": found[0]["seconds"],
                "speed": one["seconds"] / found[0]["seconds"],
                "mib": max(rank["mib"] for rank in found),
            }
            told = table[strategy]
            print(
                f"  {strategy:10} {'equal' if told['equal'] else 'DIFFERS'} "
                f"({told['losses_differ']:.0e}), {told['speed']:.2f} times the speed of one "
                f"process, {told['mib']:,.0f} MiB more at most",
                flush=True,
            )
    if len(table) < 2:
        raise Skip("no strategy but one process is there")
    unequal = [name for name, told in table.items() if not told.get("equal")]
    must = f"0 of {len(table)} whose losses differ by more than {EQUAL:g}"
    return [Goal(goal, float(len(unequal)), must, not unequal)], {"matrix": table}


COMPARED = ("ddp", "fsdp", "tensor", "pipeline", "deepspeed")
JOBS = (
    Job(("strategies.matrix",), partial(matrix, 768, "strategies.matrix")),
    Job(("strategies.overhead",), partial(overhead, 60, "strategies.overhead")),
    Job(("strategies.matrix_short",), partial(matrix, 128, "strategies.matrix_short"), short=True),
    Job(("strategies.overhead_short",), partial(overhead, 15, "strategies.overhead_short"), True),
)

if __name__ == "__main__":
    sys.exit(main("strategies", JOBS, __doc__ or ""))
