"""A whole copy of the network on each device, whose gradients are averaged."""

from typing import Any

from lightning import Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.distributed import GradBucket  # type: ignore[attr-defined]
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel


class DDP(DDPStrategy):
    """Trains a copy of the network on each device, as ``DistributedDataParallel`` does.

    Args:
        bf16_gradients: Average gradients in bfloat16, which halves what is sent and rounds them.
    """

    def __init__(self, bf16_gradients: bool = False) -> None:
        # Where it looks for parameters without a gradient, gradients keep their places from step to
        # step, and with them the order in which ranks are added: a resumed run is exact.
        super().__init__(find_unused_parameters=True)
        self.bf16_gradients = bf16_gradients

    def _register_ddp_hooks(self) -> None:
        """Round what is sent; Lightning's own way to ask for it does nothing on a CPU."""
        if self.bf16_gradients:
            assert isinstance(self.model, DistributedDataParallel)
            self.model.register_comm_hook(None, _rounded)


def _rounded(group: Any, bucket: GradBucket) -> Future[Tensor]:
    """Average a bucket in bfloat16; by torch's own name it would ask for NCCL, and Gloo can too."""
    averaged: Future[Tensor] = bf16_compress_hook(group, bucket)
    return averaged


def keep_sums(trainer: Trainer) -> None:
    """Keep more than two ranks adding up gradients in one order, so that a resumed run is exact.

    DDP lays the gradients out anew after the first step of every start, and where one lies decides
    in which order ranks are added. It does not where it looks for parameters without a gradient.

    Args:
        trainer: What may have chosen Lightning's own ``ddp``.
    """
    if isinstance(trainer.strategy, DDPStrategy):
        trainer.strategy._ddp_kwargs.setdefault("find_unused_parameters", True)
