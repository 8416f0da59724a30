"""Each rank holds some of the network's blocks, and micro-batches pass from rank to rank."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from torchedu.errors import ConfigError, allowed
from torchedu.layers import BlockNetwork
from torchedu.parallel import StrategyTraits, fill, network_of
from torchedu.parallel.collect import collected
from torchedu.parallel.holdings import Holdings
from torchedu.parallel.schedule import Relay, stages_held
from torchedu.parallel.stages import blocks_of, on_meta, rows_of, stages_of
from torchedu.strategies.filling import Filling

Schedule = Literal[
    "GPipe", "1F1B", "Interleaved1F1B", "LoopedBFS", "InterleavedZeroBubble", "ZBVZeroBubble"
]
ONE_STAGE = ("GPipe", "1F1B")
"""Schedules under which a rank holds one stage; under the others it holds several."""


class Pipeline(Filling):
    """Divides a network of repeated blocks into stages, and hands micro-batches through them.

    Every rank of a pipeline draws the same batch. Its rows are divided into micro-batches, whose
    losses add up to the batch's. The first stage has what comes before the blocks, the last what
    comes after them and the task's loss; a parameter that both ends use stands on both, and its
    gradients are added up. Checkpoints are those that one process would have written. Of a trained
    model that is yet to be read, each rank reads what it holds.

    The schedules are those of ``torch.distributed.pipelining``. ``GPipe`` (Huang et al.,
    https://arxiv.org/abs/1811.06965) goes forward with all micro-batches, then backward; ``1F1B``
    (https://arxiv.org/abs/1806.03377) holds activations of fewer of them; ``Interleaved1F1B``
    (https://arxiv.org/abs/2104.04473) and ``LoopedBFS`` (https://arxiv.org/abs/2211.05953) wait
    less with several stages a rank; the zero-bubble ones (https://arxiv.org/abs/2401.10241) fill
    the wait with the gradients of weights.

    Args:
        schedule: In which order stages take micro-batches.
        microbatches: Parts that the rows of a batch are divided into.
        size: Ranks of a pipeline; where it is below the number of ranks, several pipelines train
            copies of the network, whose gradients are averaged. All ranks where it is None.
        stages_per_rank: Stages that a rank holds; 1 under ``GPipe`` and ``1F1B``, 2 under
            ``ZBVZeroBubble``, and where it is None 2 under the others.

    Raises:
        ConfigError: A value is not allowed.
    """

    def __init__(
        self,
        schedule: Schedule = "1F1B",
        microbatches: int = 8,
        size: int | None = None,
        stages_per_rank: int | None = None,
    ) -> None:
        super().__init__()
        if schedule not in get_args(Schedule):
            raise ConfigError(
                f"⟦trainer.strategy.schedule⟧ {schedule!r} is not known.",
                allowed(schedule, get_args(Schedule)),
            )
        for name, value in (
            ("microbatches", microbatches),
            ("size", 1 if size is None else size),
            ("stages_per_rank", 1 if stages_per_rank is None else stages_per_rank),
        ):
            if value < 1:
                raise ConfigError(f"⟦trainer.strategy.{name}⟧ is {value}.", "It is at least 1.")
        usual = 1 if schedule in ONE_STAGE else 2
        self.schedule = schedule
        self.microbatches = microbatches
        self.stages_per_rank = stages_per_rank or usual
        if self.stages_per_rank != usual and (schedule in ONE_STAGE or schedule[:3] == "ZBV"):
            raise ConfigError(
                f"⟦trainer.strategy.stages_per_rank⟧ is {stages_per_rank}, and "
                f"{schedule} takes {usual} a rank.",
                "Leave it out, or take Interleaved1F1B, LoopedBFS or InterleavedZeroBubble.",
            )
        self._size = size
        self._accumulates = False
        self._failed = False
        self._gradients: list[Tensor | None] = []
        self._methods: dict[str, Callable[..., Any]] = {}

    @property
    def size(self) -> int:
        """Ranks of a pipeline."""
        return self._size or self.num_nodes * self.num_processes

    @property
    def traits(self) -> StrategyTraits:
        """What it tells of this rank: all ranks of a pipeline take the same batches."""
        return StrategyTraits(
            share=self.global_rank // self.size,
            shares=self.num_nodes * self.num_processes // self.size,
            parts=self.size,
            fills=True,
            norms=self.norms,
        )

    def check(self, module: LightningModule) -> None:
        """Refuse what cannot be divided.

        Raises:
            ConfigError: The network has no repeated blocks or a penalty, or numbers do not divide.
        """
        net: Any = network_of(module)
        kind = type(net or module).__name__
        if not isinstance(net, BlockNetwork):
            raise ConfigError(
                f"pipeline divides networks of repeated blocks, and {kind} is none.",
                "Take such a network (SAKT, SASRec), or ⟦trainer.strategy⟧ ddp or fsdp.",
            )
        task: Any = module
        if isinstance(task.penalty(), Tensor):
            raise ConfigError(
                f"{kind} adds a penalty on its parameters, which no single stage holds.",
                "Take a network without, or ⟦trainer.strategy⟧ ddp or fsdp.",
            )
        compiled = any(hasattr(b.forward, "_torchdynamo_orig_callable") for b in blocks_of(net))
        if compiled and "ZeroBubble" in self.schedule:
            raise ConfigError(
                f"{self.schedule} divides the backward pass, which compiled blocks have whole.",
                "Take 1F1B or Interleaved1F1B, or leave ⟦compile⟧ out.",
            )
        ranks = self.num_nodes * self.num_processes
        if ranks % self.size:
            raise ConfigError(
                f"⟦trainer.strategy.size⟧ is {self.size}, of {ranks} ranks.",
                "Give a size that divides the number of ranks, or leave it out.",
            )
        blocks, stages = len(blocks_of(net)), self.size * self.stages_per_rank
        if blocks % stages:
            raise ConfigError(
                f"{kind} has {blocks} blocks for {stages} stages, {self.stages_per_rank} on each "
                f"of {self.size} ranks.",
                "The number of blocks must be a multiple of the number of stages.",
            )
        rounds = max(1, self.microbatches // self.size)
        looped = self.schedule in ("Interleaved1F1B", "InterleavedZeroBubble")
        if looped and self.microbatches % rounds:
            raise ConfigError(
                f"⟦trainer.strategy.microbatches⟧ is {self.microbatches}, for {rounds} "
                f"rounds of {self.size} ranks.",
                f"Under {self.schedule} give a multiple of the number of ranks, {self.size}.",
            )
        if self.schedule != "GPipe" and self.microbatches < self.size:
            raise ConfigError(
                f"⟦trainer.strategy.microbatches⟧ is {self.microbatches}, for {self.size} ranks.",
                f"Under {self.schedule} give at least as many as ranks, or take GPipe.",
            )

    def setup(self, trainer: Trainer) -> None:
        """Divide the network, and keep what this rank holds."""
        self.check(self.task)
        ranks = self.num_nodes * self.num_processes
        self._mesh = init_device_mesh(
            self.root_device.type, (ranks // self.size, self.size), mesh_dim_names=("data", "pipe")
        )
        self._pipe = self._mesh.get_group("pipe")
        self._failed = False
        # Not DDP's own: it wraps the network, or sends all of it from rank to rank.
        super(DDPStrategy, self).setup(trainer)
        plugin = self.precision_plugin
        if isinstance(plugin, MixedPrecision) and plugin.scaler is not None:
            # Stages agree on whether a step was too large for float16.
            known = plugin.scaler.state_dict()
            plugin.scaler = ShardedGradScaler(self.root_device.type)
            plugin.scaler.load_state_dict(known)
        plugin.clip_grad_by_norm = self._clip  # type: ignore[method-assign]

    def _setup_model(self, model: nn.Module) -> nn.Module:  # type: ignore[override]
        return model

    def model_to_device(self) -> None:
        """Bring what this rank holds to its device, as the first rank has it; drop the rest."""
        task = self.task
        net, shadow = task.net, on_meta(task)
        stages = self.size * self.stages_per_rank
        held = stages_held(self.size, self.stages_per_rank, v=self.schedule == "ZBVZeroBubble")

        def stages_that_use(name: str) -> set[int]:
            inside = name.startswith("net.")
            return stages_of(name.removeprefix("net."), net, stages) if inside else {stages - 1}

        self._holdings = Holdings(
            task,
            shadow,
            stages_that_use,
            held,
            self._pipe,
            self._mesh.mesh.tolist(),
            self.root_device,
        )
        self._relay = Relay(
            net,
            shadow.get_submodule("net"),
            self.schedule,
            self.microbatches,
            held,
            self._holdings.of_stage,
            self.precision_plugin.forward_context,
            self._pipe,
            self.root_device,
        )
        # The task's own methods, of which only the last stage can compute the result.
        self._methods = {"loss": task.loss, "outcome": task.outcome, "predict": task.predict}
        for name in self._methods:
            setattr(task, name, partial(self._at_the_end, name))
        net.forward = self._relay.output
        if self._late:
            fill(net, net.stored())

    def training_step(self, batch: Any, batch_idx: int) -> STEP_OUTPUT:
        """Take a batch through the pipeline, forward and backward; return its loss on every rank.

        Its gradients are kept aside until ``backward``: Lightning drops those of the step before
        in between.
        """
        task = self.task
        accumulate = task.trainer.accumulate_grad_batches
        before = [p.grad if batch_idx % accumulate else None for p in self._holdings.parameters]
        for parameter in self._holdings.parameters:
            parameter.grad = None
        known_2B = torch.zeros(2, len(self._relay.rows(batch)), device=self.root_device)
        precision = self.precision_plugin
        scaler = precision.scaler if isinstance(precision, MixedPrecision) else None

        def loss(output: Tensor, row: Tensor) -> Tensor:
            size = len(batch[0])
            part = rows_of(batch, row.clamp(max=size - 1))
            with self.precision_plugin.train_step_context():
                sums = self._relay.of_output(output, self._methods["loss"], part)
                loss_B, count_B = (torch.where(row < size, sum_B, 0) for sum_B in sums)
                known_2B[:, row] = torch.stack([loss_B, count_B]).detach().to(known_2B.dtype)
                share = task.share(part, loss_B) / accumulate
            return share if scaler is None else scaler.scale(share)

        seed = int(torch.randint(2**62, ()))  # the same on every rank of a pipeline
        cuda = [self.root_device] if self.root_device.type == "cuda" else []
        with torch.random.fork_rng(cuda):
            torch.manual_seed(seed + self._holdings.place)  # each draws its own dropout
            self._relay.train(batch, loss)
        self._holdings.add_both_ends()
        self._gradients = [p.grad for p in self._holdings.parameters]
        for parameter, gradient in zip(self._holdings.parameters, before, strict=True):
            parameter.grad = gradient
        distributed.broadcast(known_2B, self._relay.last_rank, self._pipe)
        loss_B, count_B = known_2B[:, : len(batch[0])]
        task.note(loss_B, count_B)
        return task.share(batch, loss_B)

    def backward(
        self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Add the gradients that ``training_step`` found to those of the batches before."""
        closure_loss = self.precision_plugin.pre_backward(closure_loss, self.task)
        for parameter, gradient in zip(self._holdings.parameters, self._gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            elif gradient is not None:
                parameter.grad += gradient
        self._gradients = []
        if not self._accumulates:
            self._holdings.average(self._mesh.get_group("data"))
        return self.precision_plugin.post_backward(closure_loss, self.task)

    @contextmanager
    def block_backward_sync(self) -> Generator[None, None, None]:
        """Leave the gradients of several pipelines apart, as more batches are accumulated."""
        self._accumulates = True
        try:
            yield
        finally:
            self._accumulates = False

    def _at_the_end(self, name: str, batch: Any, *more: Any) -> Any:
        """Return what a method of the task that asks for the network's output returns.

        Losses come to every rank; scores and predictions to the first, so that they count once, and
        to the others without rows.
        """
        method = self._methods[name]
        if self._relay.at_hand:  # it is another such method that asks
            return method(batch, *more)
        output = self._relay.evaluate(batch)
        result: list[Any] = [None]
        if output is not None:
            said = self._relay.of_output(output, method, batch, *more)
            result = [tree_map_only(Tensor, lambda x: x.detach().cpu(), said)]
        distributed.broadcast_object_list(result, self._relay.last_rank, self._pipe)
        rows = slice(None if name == "loss" or self._holdings.place == 0 else 0)
        return tree_map_only(Tensor, lambda tensor: tensor[rows].to(self.root_device), result[0])

    def norms(self, groups: Sequence[Sequence[Parameter]]) -> Tensor:
        """Return the norms of the gradients of groups of parameters, over all stages."""
        return self._holdings.norms(groups)

    def _clip(self, optimizer: Optimizer, clip_val: float) -> None:
        parameters = list(self.precision_plugin.main_params(optimizer))
        total = self.norms([parameters])[0]
        own = [p for p in parameters if not p.is_meta]
        nn.utils.clip_grads_with_norm_(own, clip_val, total)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the whole network on the first rank."""
        state = self.task.state_dict(keep_vars=True)
        own = {name: x.detach() for name, x in state.items() if self._holdings.owns(x)}
        whole = self._collected(own)
        return {name: whole[name] for name in state} if whole else own

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the state of the whole network's optimizer on the first rank."""
        optimizer = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        saved = optimizer.state_dict()
        numbers = _numbers(optimizer)
        own = {
            (number, name): value
            for parameter, number in numbers.items()
            if self._holdings.owns(parameter)
            for name, value in saved["state"].get(number, {}).items()
        }
        state: dict[int, dict[str, Any]] = {}
        for (number, name), value in sorted(
            self._collected(own).items(), key=lambda item: item[0][0]
        ):
            state.setdefault(number, {})[name] = value
        return {**saved, "state": state}

    def _collected(self, own: Mapping[Any, Any]) -> dict[Any, Any]:
        """Bring together what the ranks of the first pipeline hold; nothing elsewhere."""
        if self.global_rank >= self.size:
            return {}
        return collected(own, self._pipe, self.root_device)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take what this rank holds from a checkpoint of the whole network."""
        own = self.task.state_dict()
        state = {
            name: own[name] if name in own and own[name].is_meta else value
            for name, value in checkpoint["state_dict"].items()
        }
        self.task.load_state_dict(state, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Take the states of what this rank holds from a checkpoint of the whole network."""
        kept = []
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            own = {number for p, number in _numbers(optimizer).items() if not p.is_meta}
            state = {number: known for number, known in saved["state"].items() if number in own}
            kept.append({**saved, "state": state})
        super().load_optimizer_state_dict({"optimizer_states": kept})

    def on_exception(self, exception: BaseException) -> None:
        """Note that the other ranks may be gone."""
        self._failed = True
        super().on_exception(exception)

    def teardown(self) -> None:
        """Make the network whole again on every rank, unless training broke off."""
        task: Any = self.lightning_module
        if self._methods:
            del task.net.forward
        while self._methods:
            delattr(task, self._methods.popitem()[0])
        if not self._failed:
            self._holdings.make_whole()
            super().teardown()
            return
        # What has shapes alone cannot be brought to the CPU, where Lightning would have it.
        for part in (self.cluster_environment, self.precision_plugin, self.accelerator):
            assert part is not None
            part.teardown()
        self.checkpoint_io.teardown()


def _numbers(optimizer: Optimizer) -> dict[Parameter, int]:
    """Return the number that each parameter has in an optimizer's saved state."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return {parameter: number for number, parameter in enumerate(parameters)}
