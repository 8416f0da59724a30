"""Short runs of every strategy: the networks, the trainer, and what is compared of them."""

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from torchedu import DKT, SAKT, Interactions, KnowledgeTracing
from torchedu.checkpoints import VerifiedCheckpointIO

STEPS = 8
NETS: dict[str, Callable[[int, int], Any]] = {
    "DKT": partial(DKT, dim=16, dropout=0.0),
    "SAKT": partial(SAKT, dim=16, heads=2, blocks=4, dropout=0.0),
}


class Plain(KnowledgeTracing):
    """Steps by plain SGD, which makes no difference out of rounding."""

    def configure_optimizers(self) -> OptimizerLRScheduler:
        return torch.optim.SGD(self.parameters(), 0.5)


class Seen(NamedTuple):
    """What must not depend on the strategy."""

    gradients: dict[str, Tensor]
    losses: list[float]
    weights: dict[str, Tensor]
    steps: list[int]


class Watch(Callback):
    """Notes the first step's gradients and every step's loss."""

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}
        self.losses: list[float] = []
        self.steps: list[int] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self.gradients:
            for name, one in pl_module.named_parameters():
                grad = one.grad
                assert grad is not None, name
                whole = grad.full_tensor() if isinstance(grad, DTensor) else grad
                self.gradients[name] = whole.detach().float().cpu().clone()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"].detach().clone()
        self.losses.append(float(trainer.strategy.reduce(loss, reduce_op="mean")))
        self.steps.append(trainer.global_step)


def run(
    store: Path,
    net: str,
    strategy: str | Strategy,
    precision: str = "32-true",
    steps: int = STEPS,
    save: Path | None = None,
    go_on: Path | None = None,
    **options: Any,
) -> Seen:
    """Train some steps in this process, one of as many as the environment says."""
    seed_everything(1, verbose=False)
    data = Interactions(str(store), batch_size=8, window=16, context=4)
    task = Plain(NETS[net], data.num_items, data.num_skills)
    watch = Watch()
    trainer = Trainer(
        accelerator="cpu",
        devices=int(os.environ.get("WORLD_SIZE", "1")),
        strategy=strategy,
        precision=precision,
        max_steps=steps,
        max_epochs=9,
        callbacks=[watch],
        plugins=[VerifiedCheckpointIO()],
        limit_val_batches=2,
        num_sanity_val_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **options,
    )
    trainer.fit(task, data, ckpt_path=go_on, weights_only=True)
    if save is not None:
        trainer.save_checkpoint(save)
    weights = trainer.strategy.lightning_module_state_dict()
    return Seen(watch.gradients, watch.losses, weights, watch.steps)


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the norm of the difference, relative to the second."""
    assert one.keys() == other.keys()
    gap = math.hypot(*(float((one[k].float() - other[k].float()).norm()) for k in one))
    return gap / math.hypot(*(float(other[k].float().norm()) for k in other))
