"""What a network of repeated blocks tells of itself, so that it can be divided between them."""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn


class BlockPlan(NamedTuple):
    """Where the parameters of a network of repeated blocks are used.

    Attributes:
        blocks: Name of the ``ModuleList`` of blocks.
        entrance: Names of the modules and parameters that are used before the first block.
        exit: Names of those that are used after the last block, in the loss too. A name, or a
            parameter under two names, may stand on both sides.
    """

    blocks: str
    entrance: tuple[str, ...]
    exit: tuple[str, ...]


@runtime_checkable
class BlockNetwork(Protocol):
    """A network that is an entrance, blocks that are alike, and an exit.

    Its ``forward`` is ``leave(through(blocks, enter(batch), batch), batch)``, with all its blocks.
    What goes from block to block are tensors with B as their first dimension; a block changes
    neither their number nor their shapes.
    """

    block_plan: ClassVar[BlockPlan]

    def enter(self, batch: Any) -> tuple[Tensor, ...]:
        """Return what goes into the first block; it has to run on the meta device as well."""

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: Any
    ) -> tuple[Tensor, ...]:
        """Return what comes out of some blocks, one after the other."""

    def leave(self, x: tuple[Tensor, ...], batch: Any) -> Tensor:
        """Return the network's output from what comes out of the last block."""
