"""What a strategy computes, for comparison with one process: gradients, losses, weights."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from torchedu import Interactions, KnowledgeTracing
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.models import DKT, SAKT
from torchedu.strategies.named import strategy_class

NETS = {
    "DKT": partial(DKT, dim=8, dropout=0.0),
    "SAKT": partial(SAKT, dim=8, heads=2, blocks=4, dropout=0.0),
}
STEPS = 8
SAVED = 4
"""Steps after which a checkpoint is saved."""


class Numbers(NamedTuple):
    """What must not depend on the strategy.

    Attributes:
        gradients: Of the first step, by the parameter's name.
        losses: Of each step.
        weights: At the end, by name, as the checkpoint has them.
    """

    gradients: dict[str, Tensor]
    losses: list[float]
    weights: dict[str, Tensor]


class Asked(NamedTuple):
    """A run.

    Attributes:
        strategy: Its name.
        options: Its options.
        net: A name of ``NETS``.
        ranks: How many devices.
        precision: As the trainer has it.
        optimizer: ``SGD`` or ``AdamW``.
        more: Further options of the trainer.
        plugins: Its plugins, besides the checkpoints'.
        resume: Checkpoint to go on from.
        save: Where to save after ``SAVED`` steps.
    """

    strategy: str = "auto"
    options: Mapping[str, Any] = {}
    net: str = "DKT"
    ranks: int = 1
    precision: str = "32-true"
    optimizer: str = "SGD"
    more: Mapping[str, Any] = {}
    plugins: Sequence[Any] = ()
    resume: Path | None = None
    save: Path | None = None


class Tracing(KnowledgeTracing):
    """Plain SGD, under which weights can be compared; or AdamW, whose state must be kept."""

    optimizer = "SGD"

    def configure_optimizers(self) -> Any:
        if self.optimizer == "SGD":
            return torch.optim.SGD(self.parameters(), lr=self.lr)
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=0.1)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=2 * STEPS)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


class Recorder(Callback):
    """Notes the first step's gradients, each step's loss and the weights at the end."""

    def __init__(self, save: Path | None) -> None:
        self.save = save
        self.gradients: dict[str, Tensor] = {}
        self.losses: list[float] = []
        self.weights: dict[str, Tensor] = {}
        self._parts: list[Tensor] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        if not self.gradients:
            self.gradients = {
                name: gradient(trainer, one).double()
                for name, one in pl_module.named_parameters()
                if one.requires_grad
            }

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        state = trainer.strategy.lightning_module_state_dict()
        self.weights = {name: one.detach().clone() for name, one in state.items()}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._parts.append(outputs["loss"].detach().double())
        if len(self._parts) == trainer.accumulate_grad_batches:
            whole = torch.stack(self._parts).sum()  # Lightning has divided by their number
            self.losses.append(float(trainer.strategy.reduce(whole, reduce_op="mean")))
            self._parts = []
            if self.save is not None and len(self.losses) == SAVED:
                trainer.save_checkpoint(self.save)


def gradient(trainer: Trainer, parameter: nn.Parameter) -> Tensor:
    """Return the whole gradient of a parameter, wherever the strategy keeps it."""
    whole = getattr(trainer.strategy, "full_gradient", None)
    found = whole(parameter) if whole else parameter.grad
    return torch.zeros_like(parameter) if found is None else found.detach().clone()


def compute(store: Path, runs: list[Asked]) -> list[Numbers]:
    """Train one after the other; call it on as many ranks as the runs have."""
    return [_compute(store, one) for one in runs]


def _compute(store: Path, asked: Asked) -> Numbers:
    seed_everything(0, verbose=False)
    data = Interactions(str(store), batch_size=16)
    lr = 0.5 if asked.optimizer == "SGD" else 0.01
    task = Tracing(NETS[asked.net], data.num_items, data.num_skills, lr=lr)
    task.optimizer = asked.optimizer
    recorder = Recorder(asked.save)
    auto = asked.strategy == "auto"
    trainer = Trainer(
        accelerator="cpu",
        devices=asked.ranks,
        strategy="auto" if auto else strategy_class(asked.strategy)(**asked.options),
        precision=asked.precision,
        max_epochs=20,
        max_steps=STEPS,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[VerifiedCheckpointIO(), *asked.plugins],
        callbacks=[recorder],
        **asked.more,
    )
    trainer.fit(task, data, ckpt_path=asked.resume, weights_only=True)
    return Numbers(recorder.gradients, recorder.losses, recorder.weights)


def distance(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the norm of the difference of two sets of tensors over that of the second."""
    assert one.keys() == other.keys()
    names = [name for name in other if other[name].is_floating_point()]
    apart = torch.cat([(one[n].double() - other[n].double()).flatten() for n in names])
    return float(apart.norm() / torch.cat([other[n].double().flatten() for n in names]).norm())


def assert_equal(
    own: Numbers, wanted: Numbers, gradients: float = 1e-6, losses: float = 1e-5, weights=1e-6
) -> None:
    """Check that a strategy computed what one process does, within the shares given."""
    assert len(own.losses) == len(wanted.losses) > 0
    assert distance(own.gradients, wanted.gradients) <= gradients
    for loss, other in zip(own.losses, wanted.losses, strict=True):
        assert abs(loss - other) <= losses * abs(other)
    assert distance(own.weights, wanted.weights) <= weights
