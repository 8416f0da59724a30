"""From parts that devices keep to whole tensors, and back."""

from collections.abc import Iterable
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def gathered(state: Any, keep: bool) -> Any:
    """Return a state with whole tensors in the place of parts; every rank has to call it.

    Args:
        state: A state dict, or anything that holds tensors.
        keep: Whether this rank needs them. The others take part, and get what is not divided.

    Returns:
        The same, with whole tensors on the CPU; None in the place of each where they are not kept.
    """

    def whole(part: DTensor) -> Tensor | None:
        # Parts that are kept in the host's memory are gathered where the devices meet.
        there: Any = part.detach().to(part.device_mesh.device_type)
        full: Tensor = there.full_tensor()
        return full.cpu() if keep else None

    return apply_to_collection(state, DTensor, whole)


def scattered(full: Any, like: Any) -> Any:
    """Return this rank's part of a whole tensor; no rank needs to wait for another.

    Args:
        full: A whole tensor, the same on each rank, or anything else.
        like: The parameter that it belongs to.

    Returns:
        A tensor that is divided as the parameter is; what has another shape stays as it is.
    """
    if not (isinstance(like, DTensor) and isinstance(full, Tensor) and full.shape == like.shape):
        return full
    part = distribute_tensor(
        full.to(like.device_mesh.device_type), like.device_mesh, like.placements, src_data_rank=None
    )
    return part.to(like.device)


def fill(net: nn.Module, weights: Iterable[tuple[str, Tensor]]) -> None:
    """Put whole tensors into a network of which each rank holds a part, one after the other.

    Args:
        net: The network; its parameters have their places on a device.
        weights: Names and values, the same on each rank.
    """
    own = net.state_dict()
    with torch.no_grad():
        for name, value in weights:
            own[name].copy_(scattered(value.to(own[name].dtype), own[name]))
