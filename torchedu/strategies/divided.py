"""What strategies share that divide a network itself, and not its batches alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.utilities.optimizer import _optimizers_to_device
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import nn
from torch.distributed import broadcast
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from torchedu.errors import ConfigError
from torchedu.parallel import (
    StrategyTraits,
    average_numbers,
    check_divisible,
    checkpoint_activations,
    fill,
    gathered,
    has_sparse,
    network_of,
    of_one_mesh,
    scattered,
    shard,
    tensor,
)
from torchedu.parallel.undivided import Undivided, copied
from torchedu.strategies.filling import Filling
from torchedu.strategies.limits import is_deferred


@runtime_checkable
class SavesParts(Protocol):
    """What writes checkpoints whose tensors are divided, where it says so."""

    saves_parts: bool


class Divided(Filling):
    """Trains one network that several devices share.

    Devices stand in a mesh of three dimensions: ``replicate`` (each keeps what the others of the
    dimension keep), ``shard`` (each keeps a part of every parameter) and ``tensor`` (each computes
    a part of every batch). While it trains, the task's net is divided in place. Checkpoints are
    those of one process: whole tensors under plain names, gathered on the first rank and taken
    apart by each, so that any strategy goes on from any other's. After training the network is
    whole again; it is scored and predicts undivided, a copy on each device, as under ``ddp``.

    Args:
        tensor_size: Devices that compute a batch together; a divisor of their number.
        replicas: Copies of the network; a divisor of the number of devices that are left.
        activation_checkpointing: Compute the activations of each block again in the backward pass
            instead of keeping them.
        cpu_offload: Keep parameters and what the optimizer knows in the host's memory.
        bf16_gradients: Average gradients in bfloat16, which halves what is sent and rounds them.
        sharded_checkpoints: Let each device's process write what it keeps, instead of gathering all
            on the first one.
    """

    name: str
    """What it is called in messages."""

    def __init__(
        self,
        tensor_size: int = 1,
        replicas: int = 1,
        activation_checkpointing: bool = False,
        cpu_offload: bool = False,
        bf16_gradients: bool = False,
        sharded_checkpoints: bool = False,
    ) -> None:
        super().__init__()
        for option, value in (("tensor_size", tensor_size), ("replicas", replicas)):
            if value < 1:
                raise ConfigError(f"⟦trainer.strategy.{option}⟧ is {value}.", "It is 1 or more.")
        self.tensor_size = tensor_size
        self.replicas = replicas
        self.activation_checkpointing = activation_checkpointing
        self.cpu_offload = cpu_offload
        self.bf16_gradients = bf16_gradients
        self.sharded_checkpoints = sharded_checkpoints
        self.mesh: DeviceMesh | None = None
        self._undivided: Undivided | None = None

    @property
    def traits(self) -> StrategyTraits:
        """What it tells of this rank: those that share a batch take the same, the first counts."""
        world = self.num_nodes * self.num_processes
        return StrategyTraits(
            share=self.global_rank // self.tensor_size,
            shares=world // self.tensor_size,
            counts=self.global_rank % self.tensor_size == 0,
            together=self.tensor_size,
            parts=world // self.replicas,
            offloads=self.cpu_offload,
            fills=True,
        )

    def check(self, module: LightningModule) -> None:
        """Check that devices and precision can serve a task.

        Raises:
            ConfigError: They cannot.
        """
        world = self.num_nodes * self.num_processes
        if world % (self.tensor_size * self.replicas):
            raise ConfigError(
                f"{world} devices cannot be divided by ⟦trainer.strategy.tensor_size⟧ "
                f"{self.tensor_size} times ⟦trainer.strategy.replicas⟧ {self.replicas}.",
                "Their product is a divisor of the number of devices.",
            )
        if self.precision_plugin.precision == "16-mixed":
            raise ConfigError(
                f"{self.name} has no precision 16-mixed.", "Use bf16-mixed, or another strategy."
            )
        net = network_of(module)
        inside = set() if net is None else set(net.parameters())
        outside = [name for name, parameter in module.named_parameters() if parameter not in inside]
        if outside or not inside:
            raise ConfigError(
                f"{self.name} divides the network net of a task, and {type(module).__name__} has "
                f"{'parameters outside it: ' + outside[0] if outside else 'none'}.",
                "Keep all parameters in its net, or use ddp.",
            )
        assert net is not None
        if has_sparse(net):
            raise ConfigError(
                f"{self.name} cannot divide tables with sparse gradients.",
                "Set sparse to false, or use ddp.",
            )
        divides = isinstance(self.checkpoint_io, SavesParts) and self.checkpoint_io.saves_parts
        if self.sharded_checkpoints and not divides:
            raise ConfigError(
                f"{type(self.checkpoint_io).__name__} saves no sharded_checkpoints.",
                "Give the trainer torchedu's: plugins=[VerifiedCheckpointIO()].",
            )
        if self.tensor_size > 1 and not _is_divided(net):
            check_divisible(net, self.tensor_size)

    def setup_environment(self) -> None:
        """Join the processes, and lay out their mesh."""
        super().setup_environment()
        self.check(self.task)
        world = self.num_nodes * self.num_processes
        shards = world // (self.tensor_size * self.replicas)
        self.mesh = init_device_mesh(
            self.root_device.type,
            (self.replicas, shards, self.tensor_size),
            mesh_dim_names=("replicate", "shard", "tensor"),
        )

    def setup(self, trainer: Trainer) -> None:
        """Divide the network that is to be trained, and build its optimizers."""
        module, fits = self.task, trainer.state.fn == TrainerFn.FITTING
        assert self.accelerator is not None
        self.accelerator.setup(trainer)
        if not _is_divided(module):
            if fits and self._layer_sync:
                self._layer_sync.apply(module)
            self.precision_plugin.convert_module(module)
            if not is_deferred(module):
                self._agree(module)
            if fits:
                self._divide(module)
            else:
                self.model_to_device()
        if fits:
            self.setup_optimizers(trainer)
        self.setup_precision_plugin()
        if fits:
            _optimizers_to_device(self.optimizers, self.root_device)

    def setup_optimizers(self, trainer: Trainer) -> None:
        """Build the optimizers of the divided network."""
        super().setup_optimizers(trainer)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                meshes = set(of_one_mesh(group["params"]))
                if len(meshes) > 1:  # torch steps parameters of one mesh alone together
                    group.update(foreach=False, fused=False)

    def _agree(self, module: LightningModule) -> None:
        """Let every rank begin with the first one's weights."""
        for held in (*module.parameters(), *module.buffers()):
            sent = held.detach().to(self.root_device)
            broadcast(sent, 0)
            held.detach().copy_(sent)

    def _divide(self, module: LightningModule) -> None:
        net: Any = module.net
        deferred = is_deferred(module)
        self._undivided = Undivided(net)
        if self.tensor_size > 1 and not deferred:
            net.to(self.root_device)
        self.divide(net)
        if deferred:
            net.empty(torch.device("cpu") if self.cpu_offload else self.root_device)
            fill(net, net.stored())
        if (mesh := self._shards) is not None:
            average_numbers(net, mesh, self.root_device)
        for child in module.children():  # what computes scores, say
            if child is not net:
                child.to(self.root_device)

    @property
    def _shards(self) -> DeviceMesh | None:
        """The devices that average gradients, or keep parts; None where all compute together."""
        assert self.mesh is not None
        if self.mesh.size() == self.tensor_size > 1:
            return None
        return self.mesh["replicate", "shard"] if self.replicas > 1 else self.mesh["shard"]

    def divide(self, net: nn.Module) -> None:
        """Divide a network as it stands, which may have shapes alone, on the meta device."""
        assert self.mesh is not None
        if self.tensor_size > 1:
            tensor(net, self.mesh["tensor"])
        if self.activation_checkpointing:
            checkpoint_activations(net)
        if (mesh := self._shards) is not None:
            mixed = isinstance(self.precision_plugin, MixedPrecision)
            shard(
                net,
                mesh,
                torch.bfloat16 if mixed else None,
                torch.bfloat16 if self.bf16_gradients else torch.float32,
                self.cpu_offload,
            )

    def _get_process_group_backend(self) -> str:
        backend: str = super()._get_process_group_backend()
        # Norms of what the host keeps are added up on the host.
        return "cpu:gloo,cuda:nccl" if self.cpu_offload and backend == "nccl" else backend

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """Score a batch."""
        return self._put_away(super().validation_step(*args, **kwargs))

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """Score a batch."""
        return self._put_away(super().test_step(*args, **kwargs))

    def predict_step(self, *args: Any, **kwargs: Any) -> Any:
        """Predict a batch."""
        return self._put_away(super().predict_step(*args, **kwargs))

    def _put_away(self, result: Any) -> Any:
        """Keep parts alone again of what no backward pass puts away."""
        net: Any = network_of(self.task)
        if isinstance(net, FSDPModule):
            net.reshard()
        return result

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the weights to save: this rank's part, or all of them on the first rank alone."""
        return self._to_save(super().lightning_module_state_dict())

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take the weights of a checkpoint, on every rank its part."""
        own = self.task.state_dict()
        state = {
            name: scattered(value, own.get(name))
            for name, value in checkpoint["state_dict"].items()
        }
        self.task.load_state_dict(state, strict=strict)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return what an optimizer knows of this rank's part, or of all on the first rank alone."""
        return self._to_save(super().optimizer_state(optimizer))

    def _to_save(self, state: dict[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = (
            state if self.sharded_checkpoints else gathered(state, self.is_global_zero)
        )
        return whole

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: str | Path, storage_options: Any | None = None
    ) -> None:
        """Save a checkpoint: on every rank its part, or all on the first one."""
        if self.sharded_checkpoints and _is_divided(self.lightning_module):
            self.checkpoint_io.save_checkpoint(checkpoint, filepath, storage_options)
        else:
            super().save_checkpoint(checkpoint, filepath, storage_options)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Take the states of a checkpoint's optimizers, on every rank its part."""
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            state = {
                index: {name: scattered(value, parameters[index]) for name, value in known.items()}
                for index, known in saved["state"].items()
            }
            optimizer.load_state_dict({**saved, "state": state})

    def teardown(self) -> None:
        """Make the network whole again, on the CPU of every rank."""
        module: Any = self.lightning_module
        if _is_divided(module):
            whole = module.trainer.state.status != TrainerStatus.INTERRUPTED
            if self._undivided is not None and whole:  # else other ranks may not come to this
                state = gathered(module.net.state_dict(), keep=True)
                module.net = self._undivided.filled(copied(state)).train(module.net.training)
        if not _is_divided(module):
            super().teardown()
            return
        assert self.cluster_environment is not None
        assert self.accelerator is not None
        self.cluster_environment.teardown()
        self.precision_plugin.teardown()
        self.accelerator.teardown()
        self.checkpoint_io.teardown()


def _is_divided(module: nn.Module | None) -> bool:
    return module is not None and any(isinstance(p, DTensor) for p in module.parameters())
