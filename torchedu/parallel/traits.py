"""What a strategy tells everyone who works beside it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

Norms = Callable[[Sequence[Sequence[nn.Parameter]]], Tensor]


@dataclass(frozen=True)
class StrategyTraits:
    """How a strategy divides batches and networks.

    Attributes:
        share: Which share of every batch this rank takes, from 0.
        shares: How many shares there are.
        counts: Whether this rank's answers count in evaluation: of ranks with one batch, the
            first's do.
        parts: Devices that share one copy of what is trained.
        together: Devices whose layers are computed together (tensor parallelism).
        offloads: Whether what is trained lies in the host's memory.
        fills: Whether it reads the weights of a network that has none yet, once that is divided.
        scales: Whether it scales losses, and passes over steps that are not finite by itself.
        norms: The norms of the gradients of groups of parameters, where no rank has them all.
    """

    share: int = 0
    shares: int = 1
    counts: bool = True
    parts: int = 1
    together: int = 1
    offloads: bool = False
    fills: bool = False
    scales: bool = False
    norms: Norms | None = None


class HasTraits(ABC):
    """A strategy that tells its traits; of any other, those are known that Lightning asks for."""

    @property
    @abstractmethod
    def traits(self) -> StrategyTraits:
        """What it tells, of this rank."""

    @property
    def task(self) -> Any:
        """What is trained; there is such once processes have been joined."""
        return cast(Any, self).lightning_module

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        """The same shares, as Lightning asks for them."""
        return {"rank": self.traits.share, "num_replicas": self.traits.shares}


def traits_of(trainer: Any) -> StrategyTraits:
    """Return the traits of a trainer's strategy, one of Lightning's own among them.

    Args:
        trainer: A Lightning trainer; None stands for one process without any.
    """
    if trainer is None:
        return StrategyTraits()
    if isinstance(trainer.strategy, HasTraits):
        return trainer.strategy.traits
    shares = trainer.distributed_sampler_kwargs or {"rank": 0, "num_replicas": 1}
    return StrategyTraits(shares["rank"], shares["num_replicas"])
