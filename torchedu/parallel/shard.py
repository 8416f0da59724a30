"""Parameters of which each device keeps a part, and that are gathered block by block for use."""

import torch
from torch import nn
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
    for module in (*blocks(net), net):
        fully_shard(module, mesh=mesh, mp_policy=precision, offload_policy=offload)
