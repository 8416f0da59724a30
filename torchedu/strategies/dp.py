"""One process that divides each batch among its devices."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from copy import copy
from threading import Thread
from typing import Any, cast

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.utilities.apply_func import apply_to_collection
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.nn.parallel.scatter_gather import gather

from torchedu.errors import ConfigError
from torchedu.models.network import Network
from torchedu.parallel import network_of


class DP(ParallelStrategy):
    """Trains in one process that divides each batch among its devices, as ``DataParallel`` does.

    The task's network is copied to each device for every batch and run there by a thread; its
    outputs are gathered on the first device, where the loss is computed from all of them. So
    losses, penalties and scores are those of one device. On a CPU the threads share its numbers;
    where it draws random numbers (dropout), which thread draws first is left to chance. ``ddp`` is
    faster wherever several processes can run.
    """

    @property
    def root_device(self) -> torch.device:
        """The device that holds the network."""
        assert self.parallel_devices
        return self.parallel_devices[0]

    @property
    def is_distributed(self) -> bool:
        """False: one process sees all data."""
        return False

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        """One process that takes the whole of every batch."""
        return {"num_replicas": 1, "rank": 0}

    @property
    def world_size(self) -> int:
        """One process."""
        return 1

    def check(self, module: LightningModule) -> None:
        """Raise ``ConfigError`` where it cannot train this task."""
        if network_of(module) is None:
            raise ConfigError(
                f"dp divides a batch among copies of the task's net, and {type(module).__name__} "
                "has none.",
                "Name the network net, or use ⟦trainer.strategy⟧ ddp.",
            )

    def setup(self, trainer: Trainer) -> None:
        """Let the network run on all devices at once."""
        assert self.lightning_module is not None
        self.check(self.lightning_module)
        net: Any = self.lightning_module.net
        devices = self.parallel_devices or []
        super().setup(trainer)
        if len(devices) > 1:
            # On the object, so that names of weights and what else a network has stay as they are.
            on_cpu = self.root_device.type == "cpu"
            at = net.rows_at if isinstance(net, Network) else 0
            net.forward = (
                _Threads(net, len(devices), at) if on_cpu else _Replicas(net, devices, at).forward
            )

    def model_to_device(self) -> None:
        """Put the network on the first device."""
        assert self.model is not None
        self.model.to(self.root_device)

    def teardown(self) -> None:
        """Let the network run on one device again."""
        net = None if self.lightning_module is None else network_of(self.lightning_module)
        if net is not None:
            vars(net).pop("forward", None)
        self.cluster_environment = None
        super(ParallelStrategy, self).teardown()

    def reduce(self, tensor: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what is whole already."""
        return tensor

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        """Return what is decided already."""
        return decision

    def all_gather(self, tensor: Any, group: Any = None, sync_grads: bool = False) -> Any:
        """Return what is whole already."""
        return tensor

    def barrier(self, name: str | None = None) -> None:
        """Wait for nobody."""

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """Return what is known already."""
        return obj


class _Replicas(nn.DataParallel[Any]):
    """Runs copies of a network, one on each GPU, and gathers rows where its output has them."""

    def __init__(self, net: nn.Module, devices: Sequence[torch.device], rows_at: int) -> None:
        super().__init__(net, [*devices])
        self._rows_at = rows_at

    def replicate(self, module: Any, device_ids: Any) -> list[Any]:
        """Return a copy of the network on each device, which divides nothing any more."""
        return [_undivided(net) for net in super().replicate(module, device_ids)]

    def parallel_apply(self, replicas: Any, inputs: Any, kwargs: Any) -> list[Any]:
        """Return each copy's output; torch's own forgets in which precision the caller is."""
        devices = [torch.device("cuda", i) for i in self.device_ids]
        return _outputs(replicas, inputs, kwargs, devices)

    def gather(self, outputs: Any, output_device: Any) -> Any:
        """Return the rows of all copies on the first device."""
        return gather(outputs, output_device, dim=self._rows_at)


class _Threads:
    """Runs a network in several threads of a CPU."""

    def __init__(self, net: nn.Module, number: int, rows_at: int = 0) -> None:
        self.net = net
        self.number = number
        self._rows_at = rows_at

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return the network's output for a batch, divided by its rows."""
        parts: list[Any] = []
        with suppress(IndexError):  # fewer rows than threads
            parts.extend(self._part((inputs, named), i) for i in range(self.number))
        nets = [_undivided(_twin(self.net, {})) for _ in parts]
        rows, keywords = ([part[i] for part in parts] for i in range(2))
        outputs = _outputs(nets, rows, keywords, [torch.device("cpu")] * len(parts))
        return _joined(outputs, self._rows_at)

    def _part(self, whole: Any, i: int) -> Any:
        return apply_to_collection(whole, Tensor, lambda x: x.chunk(self.number)[i])


def _twin(part: nn.Module, made: dict[nn.Module, nn.Module]) -> nn.Module:
    """Copy a network with all its parts, of the same parameters and buffers.

    What stands in for a part for a while, as in a language model's forward, is one thread's alone.
    """
    if part not in made:
        made[part] = copy(part)
        parts = {name: child and _twin(child, made) for name, child in part._modules.items()}
        vars(made[part])["_modules"] = parts
    return made[part]


def _undivided(net: nn.Module) -> nn.Module:
    vars(net).pop("forward", None)
    return net


def _outputs(
    nets: Sequence[nn.Module],
    inputs: Sequence[Any],
    named: Sequence[Any],
    devices: Sequence[torch.device],
) -> list[Any]:
    """Return each network's output, or raise what the first that failed has raised."""
    kind, gradients = devices[0].type, torch.is_grad_enabled()
    mixed, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    done: dict[int, Any] = {}
    failed: dict[int, BaseException] = {}

    def run(i: int) -> None:
        place = torch.cuda.device(devices[i]) if kind == "cuda" else nullcontext()
        try:
            with place, torch.set_grad_enabled(gradients), torch.autocast(kind, dtype, mixed):
                done[i] = nets[i](*inputs[i], **named[i])
        except BaseException as error:  # noqa: BLE001  # told by the thread that asked
            failed[i] = error

    threads = [Thread(target=run, args=(i,), name=f"replica-{i}") for i in range(len(nets))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[min(failed)]
    return [done[i] for i in range(len(nets))]


def _joined(outputs: Sequence[Any], rows_at: int) -> Any:
    if isinstance(outputs[0], Tensor):
        return torch.cat(cast(Any, outputs), rows_at)
    return tuple(_joined(part, rows_at) for part in zip(*outputs, strict=True))
