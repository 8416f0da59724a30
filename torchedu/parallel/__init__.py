"""Transforms that spread a single-device network over devices, from what its layers say of them.

They are applied in this order: ``tensor``, ``checkpoint_activations``, ``shard``. A network is
compiled (``callbacks.Compile``) block by block, each when it is first used and so after the others.
"""

from torchedu.parallel.activations import checkpoint_activations
from torchedu.parallel.modules import has_sparse, network_of, of_one_mesh
from torchedu.parallel.plan import blocks, check_divisible, tensor_styles
from torchedu.parallel.shard import average_numbers, shard
from torchedu.parallel.tensor import tensor
from torchedu.parallel.traits import HasTraits, StrategyTraits, traits_of
from torchedu.parallel.whole import fill, gathered, scattered

__all__ = [
    "HasTraits",
    "StrategyTraits",
    "average_numbers",
    "blocks",
    "check_divisible",
    "checkpoint_activations",
    "fill",
    "gathered",
    "has_sparse",
    "network_of",
    "of_one_mesh",
    "scattered",
    "shard",
    "tensor",
    "tensor_styles",
    "traits_of",
]
