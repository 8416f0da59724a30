"""A whole copy of the network on each device, whose gradients are averaged."""

from lightning.pytorch.strategies import DDPStrategy


class DDP(DDPStrategy):
    """Trains a copy of the network on each device, as ``DistributedDataParallel`` does."""

    def __init__(self) -> None:
        # Where it looks for parameters without a gradient, gradients keep their places from step to
        # step, and with them the order in which ranks are added: a resumed run is exact.
        super().__init__(find_unused_parameters=True)
