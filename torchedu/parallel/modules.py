"""What a strategy asks of the module that it trains."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def network_of(module: nn.Module) -> nn.Module | None:
    """Return the network ``net`` of a task; None where it has none."""
    return dict(module.named_children()).get("net")


def has_sparse(module: nn.Module) -> bool:
    """Say whether a module has tables with sparse gradients."""
    tables = (nn.Embedding, nn.EmbeddingBag)
    return any(isinstance(part, tables) and part.sparse for part in module.modules())


def of_one_mesh(tensors: Sequence[Tensor]) -> dict[Any, list[Tensor]]:
    """Group tensors by the devices that share each, since torch joins no others in one operation.

    Args:
        tensors: Any, shared or not.

    Returns:
        Them by their mesh; None stands for those that are not shared.
    """
    by_mesh: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        mesh = tensor.device_mesh if isinstance(tensor, DTensor) else None
        by_mesh.setdefault(mesh, []).append(tensor)
    return by_mesh
