"""In which precision numbers are summed up."""

import torch
from torch import Tensor


def at_least_single(x: Tensor) -> Tensor:
    """Return numbers of half precision in single, and others as they are.

    Losses and softmaxes are computed so: what was asked for in double precision stays in it.

    Args:
        x: Any shape.

    Returns:
        The same shape.
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))
