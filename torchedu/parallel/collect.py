"""States of which each rank holds a part, brought together on one."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributed import ProcessGroup


def collected(own: Mapping[Any, Any], group: ProcessGroup, device: torch.device) -> dict[Any, Any]:
    """Bring what the ranks of a group hold together on its first rank.

    Args:
        own: What this rank holds: tensors, and values that can be pickled. No two ranks hold the
            same.
        group: Its ranks, all of which have to call this.
        device: Where the group's backend takes tensors from.

    Returns:
        On the first rank what all hold, on the CPU where it came from elsewhere; on the others
        nothing.
    """
    rank, size = distributed.get_rank(group), distributed.get_world_size(group)
    form = {
        key: value.to("meta") if isinstance(value, Tensor) else value for key, value in own.items()
    }
    forms: list[Any] = [None] * size
    first = distributed.get_global_rank(group, 0)
    # Tensors go one by one, so that no rank ever needs room for a second copy of its part.
    distributed.gather_object(form, forms if rank == 0 else None, dst=first, group=group)
    if rank:
        for value in own.values():
            if isinstance(value, Tensor):
                distributed.send(value.detach().to(device).contiguous(), first, group)
        return {}
    whole = dict(own)
    for source in range(1, size):
        for key, value in forms[source].items():
            if isinstance(value, Tensor):
                value = torch.empty(value.shape, dtype=value.dtype, device=device)
                distributed.recv(value, distributed.get_global_rank(group, source), group)
                value = value.cpu()
            whole[key] = value
    return whole
