"""Parameters of which each device keeps a part, and that are gathered block by block for use."""

from functools import partial

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)

from torchedu.parallel.plan import blocks


def shard(
    net: nn.Module,
    mesh: DeviceMesh,
    compute: torch.dtype | None = None,
    reduce: torch.dtype | None = None,
    cpu_offload: bool = False,
) -> None:
    """Keep a part of each parameter on each device (FSDP2), and gather a block's before its use.

    A parameter of one number has no parts: each device keeps it (see ``average_numbers``).

    Args:
        net: The network, changed in place: sharded block by block, and then as a whole.
        mesh: The devices: one dimension shards, or two of which the first replicates.
        compute: Precision that parameters are gathered in; their own where it is None.
        reduce: Precision that gradients are averaged in; that of ``compute`` where it is None.
        cpu_offload: Keep parameters, gradients and what the optimizer knows in the memory of the
            host.
    """
    # Inputs stay as they are: autocast and the layers know which precision each of them needs.
    precision = MixedPrecisionPolicy(compute, reduce, cast_forward_inputs=False)
    pinned = mesh.device_type == "cuda"
    offload = CPUOffloadPolicy(pin_memory=pinned) if cpu_offload else OffloadPolicy()
    numbers = _numbers(net)
    for module in (*blocks(net), net):
        fully_shard(
            module,
            mesh=mesh,
            mp_policy=precision,
            offload_policy=offload,
            ignored_params=numbers,
        )


def average_numbers(net: nn.Module, mesh: DeviceMesh, device: torch.device) -> None:
    """Let devices average the gradients of parameters of one number, of which each keeps a copy.

    Args:
        net: A network that is sharded, with its weights.
        mesh: The devices, as ``shard`` has them.
        device: This rank's.
    """
    for number in _numbers(net):
        number.data = number.data.to(device)
        if number.requires_grad:
            number.register_post_accumulate_grad_hook(partial(_average, mesh))


def _numbers(net: nn.Module) -> set[nn.Parameter]:
    return {parameter for parameter in net.parameters() if parameter.dim() == 0}


def _average(mesh: DeviceMesh, parameter: Tensor) -> None:
    """Average a gradient over devices; the part that earlier batches gave is equal on all."""
    assert parameter.grad is not None
    for group in mesh.get_all_groups():
        distributed.all_reduce(parameter.grad, group=group)
    parameter.grad /= mesh.size()
