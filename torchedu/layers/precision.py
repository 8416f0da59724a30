"""In which precision numbers are summed up."""

from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call


def at_least_single(x: Tensor) -> Tensor:
    """Return numbers of half precision in single, and others as they are.

    Losses and softmaxes are computed so: what was asked for in double precision stays in it.

    Args:
        x: Any shape.

    Returns:
        The same shape.
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


def in_single(module: nn.Module, method: Callable[..., Tensor], *args: Tensor | None) -> Tensor:
    """Call a method of a module whose weights of half precision are single meanwhile.

    Args:
        module: The module.
        method: Its method.
        *args: What it is called with.

    Returns:
        What it returns.
    """
    tensors = chain(module.named_parameters(), module.named_buffers())
    wide = {
        f"module.{name}": at_least_single(x)
        for name, x in tensors
        if x.is_floating_point() and x.itemsize < torch.float32.itemsize
    }
    return functional_call(_Method(module, method), wide, args) if wide else method(*args)


class _Method(nn.Module):
    """A method of a module, as a module."""

    def __init__(self, module: nn.Module, method: Callable[..., Tensor]) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *args: Tensor | None) -> Tensor:
        """Call it."""
        return self.method(*args)
