"""Activations that are computed again in the backward pass instead of kept."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from torchedu.parallel.plan import blocks


def checkpoint_activations(net: nn.Module) -> None:
    """Keep only what enters each repeated block, and compute the rest again in the backward pass.

    Memory falls by most of the activations, and a step takes about a third longer. Results do not
    change: dropout draws the same numbers again. Names of parameters stay as they are.

    Args:
        net: The network, changed in place; without repeated blocks, it is one block.
    """
    for block in blocks(net) or [net]:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
