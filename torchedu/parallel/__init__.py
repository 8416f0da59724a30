"""Transforms that spread a single-device network over devices, from what its layers say of them.

They are applied in this order: ``tensor``, ``checkpoint_activations``, ``shard``. A network is
compiled (``callbacks.Compile``) block by block, each when it is first used and so after the others.
"""

from torchedu.parallel.activations import checkpoint_activations
from torchedu.parallel.plan import blocks, check_divisible, tensor_styles
from torchedu.parallel.shard import shard
from torchedu.parallel.tensor import tensor
from torchedu.parallel.whole import fill, gathered, scattered

__all__ = [
    "blocks",
    "check_divisible",
    "checkpoint_activations",
    "fill",
    "gathered",
    "scattered",
    "shard",
    "tensor",
    "tensor_styles",
]
