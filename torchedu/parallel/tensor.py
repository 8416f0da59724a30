"""Layers whose weights are shared by devices that compute each batch together."""

from collections.abc import Callable

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)

from torchedu.errors import ConfigError, allowed
from torchedu.parallel.plan import tensor_styles

STYLES: dict[str, Callable[[], ParallelStyle]] = {
    "colwise": ColwiseParallel,
    "rowwise": RowwiseParallel,
    "colwise_gather_output": lambda: ColwiseParallel(output_layouts=Replicate()),
    "embedding_rowwise": lambda: RowwiseParallel(input_layouts=Replicate()),
}
"""The words of plans, those of Hugging Face among them."""


def tensor(net: nn.Module, mesh: DeviceMesh) -> None:
    """Share the layers of a network among devices, as its plan says.

    What enters and leaves a pair of layers is whole on each device; what is between them is
    divided. Layers without a plan stay whole, and get the same gradients on each device.

    Shoeybi et al., "Megatron-LM", 2019, https://arxiv.org/abs/1909.08053. Deviation: dropout inside
    what is divided draws the same numbers on each device, for other heads.

    Args:
        net: The network, changed in place.
        mesh: The devices that share it, in one dimension.

    Raises:
        ConfigError: Its plan has a style that is not known.
    """
    styles = tensor_styles(net)
    for name, style in styles.items():
        if style not in STYLES:
            raise ConfigError(
                f"the plan of {type(net).__name__} shares {name} as {style!r}.",
                allowed(style, STYLES),
            )
    parallelize_module(net, mesh, {name: STYLES[style]() for name, style in styles.items()})
