"""Short runs of every strategy: the networks, the trainer, and what is compared of them."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torchmetrics import MeanMetric, MetricCollection

from torchedu import DKT, SAKT, Interactions, KnowledgeTracing, LogisticDKT
from torchedu.batch import TokenBatch
from torchedu.callbacks.gradients import layers, norms
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.datamodules.stream import BatchStream, EpochLoader, ranks_of
from torchedu.datasets.order import Order, Windows
from torchedu.models.causal_lm import CausalLM
from torchedu.strategies.named import AUTO, strategy_class
from torchedu.tasks import Task

STEPS = 8
SAVED = 4
"""Steps after which a checkpoint is saved."""
TOKENS = 40
LLAMA = {
    "model_type": "llama",
    "vocab_size": TOKENS,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "bos_token_id": None,
    "eos_token_id": None,
}


class TextBatches:
    """Builds batches of texts that count on from a number, some by twos."""

    def __init__(self, texts: int) -> None:
        length = np.random.default_rng(0).integers(5, 13, texts)
        self.windows = Windows(np.arange(texts), length * 0, length * 0 + 1, length)

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> TokenBatch:
        length_B = torch.from_numpy(self.windows.stop[index])
        place_L = torch.arange(int(length_B.max()))
        text_B1 = torch.from_numpy(index)[:, None]
        token_BL = (text_B1 * 7 + place_L * (1 + text_B1 % 2)) % TOKENS
        scored_BL = (place_L > 0) & (place_L < length_B[:, None]) & scored
        mean_B = torch.full((len(index),), float(max(1, scored_BL.sum())))
        token_BL = token_BL * (place_L < length_B[:, None])
        none_BL = token_BL[:, :0]  # a text a row
        return TokenBatch(token_BL, scored_BL, text_B1.expand_as(token_BL), none_BL, mean_B)


class Texts(LightningDataModule):
    """Texts in batches of unequal size."""

    def _loader(self, texts: int, shuffle: bool) -> EpochLoader:
        batches = TextBatches(texts)
        order = Order(batches.windows.length, 8, shuffle=shuffle)
        stream = BatchStream(batches, order, *ranks_of(self.trainer))
        return EpochLoader(stream, 0, lambda: self.trainer.current_epoch if self.trainer else 0)

    def train_dataloader(self) -> EpochLoader:
        return self._loader(45, shuffle=True)

    def val_dataloader(self) -> EpochLoader:
        return self._loader(21, shuffle=False)


class Telling(Task):
    """Predicts each token of a text."""

    def __init__(self) -> None:
        super().__init__(0.01, 0.1, "one_cycle")
        self.net = CausalLM(TOKENS, LLAMA)
        self.metrics = MetricCollection({"loss": MeanMetric()})

    def _of_texts(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        return self.net(batch).sum(1), batch.scored_BL.sum(1)

    def loss(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        return self._of_texts(batch)

    def outcome(self, batch: TokenBatch) -> tuple[Tensor, ...]:
        loss_B, count_B = self._of_texts(batch)
        return loss_B / count_B.clamp(min=1), count_B

    def pseudonyms(self, batch: TokenBatch) -> list[str]:
        return [f"text {row}" for row in range(len(batch.token_BL))]

    def predict(self, batch: TokenBatch) -> Tensor:
        return self._of_texts(batch)[0]


NETS: dict[str, Callable[[int, int], Any]] = {
    "DKT": partial(DKT, dim=16, dropout=0.0),
    "SAKT": partial(SAKT, dim=16, heads=4, blocks=4, dropout=0.0),
    "LogisticDKT": partial(LogisticDKT, dim=16, dropout=0.0),  # it has a parameter of one number
}
"""Networks that compute the same under every strategy."""
DRAWN = {"dropout": partial(SAKT, dim=16, heads=4, blocks=2, dropout=0.3)}
"""One that draws numbers."""


def built(net: str, store: Path) -> tuple[Task, LightningDataModule]:
    """Return a task with its data: one of ``NETS`` or ``DRAWN``, or ``LM``, a language model."""
    seed_everything(1, verbose=False)
    if net == "LM":
        return Telling(), Texts()
    data = Interactions(str(store), batch_size=8, window=16, context=4)
    sizes = data.num_items, data.num_skills
    return KnowledgeTracing(
        (NETS | DRAWN)[net], *sizes, lr=0.01, weight_decay=0.1, schedule="one_cycle"
    ), data


def step_by_sgd(task: Task, lr: float = 0.3) -> None:
    """Replace the optimizer by plain SGD, which makes no difference out of rounding."""

    def sgd() -> OptimizerLRScheduler:
        return torch.optim.SGD(task.parameters(), lr)

    task.configure_optimizers = sgd  # type: ignore[method-assign]


class Run(NamedTuple):
    """What is to be trained, and how.

    Attributes:
        net: One of ``NETS`` or ``DRAWN``, or ``LM``.
        strategy: Its name.
        options: Its options.
        devices: How many each process has; the launch's number of ranks where it is None.
        precision: As the trainer has it.
        sgd: Step by plain SGD; else as the task does.
        save: Where a checkpoint goes after ``SAVED`` steps.
        go_on: A checkpoint to go on from.
        more: Further options of the trainer.
        plugins: Its plugins, besides the checkpoints'.
        seed: Of what is drawn once training has begun.
        lr: Of plain SGD.
    """

    net: str
    strategy: str = AUTO
    options: Mapping[str, Any] = {}
    devices: int | None = None
    precision: str = "32-true"
    sgd: bool = False
    save: Path | None = None
    go_on: Path | None = None
    more: Mapping[str, Any] = {}
    plugins: Sequence[Any] = ()
    seed: int = 1
    lr: float = 0.3


class Seen(NamedTuple):
    """What must not depend on the strategy.

    Attributes:
        gradients: Of the first step, by the parameter's name.
        norms: Of them, by layer, as ``GradientGuard`` sees them.
        losses: By step.
        weights: At the end, as a checkpoint has them.
        scores: Of the last validation.
    """

    gradients: dict[str, Tensor]
    norms: dict[str, Tensor]
    losses: dict[int, float]
    weights: dict[str, Tensor]
    scores: dict[str, float]


class Watch(Callback):
    """Notes the first step's gradients and every step's loss, and saves."""

    def __init__(self, save: Path | None) -> None:
        self.save = save
        self.gradients: dict[str, Tensor] = {}
        self.norms: dict[str, Tensor] = {}
        self.losses: dict[int, float] = {}
        self.weights: dict[str, Tensor] = {}
        self._parts = torch.zeros(())
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step
        self._parts = torch.zeros((), device=pl_module.device)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self.gradients:
            found = {name: _gradient(trainer, one) for name, one in pl_module.named_parameters()}
            self.gradients = {name: one for name, one in found.items() if one is not None}
            groups = layers(pl_module)
            each = getattr(trainer.strategy, "norms", norms)(list(groups.values())).cpu()
            self.norms = dict(zip(groups, each, strict=True))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._parts += outputs["loss"].detach().clone()  # Lightning has divided by their number
        if trainer.global_step == self._step:
            return  # gradients are still being accumulated
        self._step = trainer.global_step
        self.losses[self._step] = float(trainer.strategy.reduce(self._parts, reduce_op="mean"))
        self._parts = torch.zeros_like(self._parts)
        if self.save is not None and trainer.global_step == SAVED:
            trainer.save_checkpoint(self.save)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        state = trainer.strategy.lightning_module_state_dict()
        self.weights = {n: one.cpu().clone() for n, one in state.items() if one is not None}


def _gradient(trainer: Trainer, parameter: torch.nn.Parameter) -> Tensor | None:
    """Return the whole gradient of a parameter; None where another rank has it."""
    asked = getattr(trainer.strategy, "full_gradient", None)
    grad = asked(parameter) if asked else parameter.grad
    if grad is None:
        return None
    whole = grad.full_tensor() if isinstance(grad, DTensor) else grad
    return whole.detach().float().cpu().clone()


def train(store: Path, run: Run) -> Seen:
    """Train in this process, one of as many as the environment says."""
    task, data = built(run.net, store)
    watch = Watch(run.save)
    if run.sgd:
        step_by_sgd(task, run.lr)
    torch.manual_seed(run.seed)
    auto = run.strategy == AUTO
    options: dict[str, Any] = {
        "accelerator": "cpu",
        "max_steps": STEPS,
        "max_epochs": 9,
        "num_sanity_val_steps": 1,
        **run.more,
    }
    trainer = Trainer(
        devices=run.devices or int(os.environ.get("WORLD_SIZE", "1")),
        strategy=AUTO if auto else strategy_class(run.strategy)(**run.options),
        precision=run.precision,  # type: ignore[arg-type]
        callbacks=[watch],
        plugins=[VerifiedCheckpointIO(), *run.plugins],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(task, data, ckpt_path=run.go_on, weights_only=True)
    gradients = watch.gradients
    if distributed.is_initialized():
        ranks: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(ranks, gradients)
        gradients = {name: one for rank in reversed(ranks) for name, one in rank.items()}
    scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return Seen(gradients, watch.norms, watch.losses, watch.weights, scores)


def train_each(store: Path, runs: list[Run]) -> list[Seen]:
    """Train one after the other; call it on as many ranks as the runs are for."""
    return [train(store, run) for run in runs]


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the norm of the difference, relative to the second."""
    assert one.keys() == other.keys()
    gap = math.hypot(*(float((one[k].float() - other[k].float()).norm()) for k in one))
    return gap / math.hypot(*(float(other[k].float().norm()) for k in other))


def losses_apart(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    """Return the largest relative difference of losses by step."""
    assert one
    assert one.keys() <= other.keys()
    return max(abs(one[step] - other[step]) / abs(other[step]) for step in one)


def assert_equal(
    own: Seen,
    wanted: Seen,
    gradients: float = 1e-6,
    losses: float = 1e-5,
    weights: float = 1e-6,
) -> None:
    """Check that a run by SGD computed what another did, within the shares given."""
    assert own.losses.keys() == wanted.losses.keys()
    assert apart(own.gradients, wanted.gradients) <= gradients
    assert apart(own.norms, wanted.norms) <= gradients
    assert losses_apart(own.losses, wanted.losses) <= losses
    assert apart(own.weights, wanted.weights) <= weights
