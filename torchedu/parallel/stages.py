"""A network of repeated blocks, divided into the stages of a pipeline."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.utils._pytree import tree_map_only

from torchedu.layers import BlockNetwork


def blocks_of(net: BlockNetwork) -> list[nn.Module]:
    """Return the blocks of a network."""
    assert isinstance(net, nn.Module)
    blocks = net.get_submodule(net.block_plan.blocks)
    assert isinstance(blocks, nn.ModuleList)
    return list(blocks)


def stages_of(name: str, net: BlockNetwork, num_stages: int) -> set[int]:
    """Return the stages that use a parameter.

    Args:
        name: Its name in the network.
        net: The network.
        num_stages: How many stages share the blocks evenly.

    Returns:
        Numbers of stages, from 0; both ends for one that the entrance and the exit use, and the
        last for one that the plan does not name, which only a loss can use.
    """
    plan = net.block_plan
    if name.startswith(f"{plan.blocks}."):
        block = int(name.removeprefix(f"{plan.blocks}.").split(".")[0])
        return {block * num_stages // len(blocks_of(net))}
    ends = ((0, plan.entrance), (num_stages - 1, plan.exit))
    held = {end for end, parts in ends if any(f"{name}.".startswith(f"{p}.") for p in parts)}
    return held or {num_stages - 1}


def on_meta(net: nn.Module) -> nn.Module:
    """Return a copy of a network that has shapes and no numbers."""
    tensors = [*net.parameters(), *net.buffers()]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        meta = tensor.detach().to("meta")
        memo[id(tensor)] = (
            Parameter(meta, tensor.requires_grad) if isinstance(tensor, Parameter) else meta
        )
    return copy.deepcopy(net, memo)


def rows_of(batch: Any, row_B: Tensor | slice) -> Any:
    """Return some rows of a batch, a named tuple whose tensors all have B as first dimension."""
    return tree_map_only(Tensor, lambda x: x[row_B], batch)


class Stage(nn.Module):
    """What one stage computes: some blocks, the first one after the entrance, the last the exit.

    It is called with numbers of rows; the batch that they are of lies on every rank. Rows past its
    end, which make all micro-batches alike, are the last one again. What goes from stage to stage
    is brought to the network's own type, which a narrower one of autocast fits into.

    Args:
        net: The network, of which a part may be on the meta device.
        index: Which stage it is, from 0.
        num_stages: Of how many.
        parameters: Those that it uses.
        context: Gives the context in which the precision asked for computes.
    """

    def __init__(
        self,
        net: BlockNetwork,
        index: int,
        num_stages: int,
        parameters: Sequence[Parameter],
        context: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        super().__init__()
        blocks = blocks_of(net)
        share = len(blocks) // num_stages
        self._blocks = [
            *blocks[index * share : (index + 1) * share]
        ]  # a list: no modules of its own
        self._net = [net]
        self._used = list(parameters)
        self._first, self._last = index == 0, index == num_stages - 1
        self._context = context
        self._dtype = next(p.dtype for p in parameters if p.is_floating_point())
        self.batch: Any = None

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Return the parameters that this stage uses."""
        return iter(self._used)

    def forward(self, *x: Tensor, row: Tensor) -> Any:
        """Return what the next stage takes, or of the last stage the network's output.

        Args:
            *x: What the stage before returned; nothing at the first stage.
            row: Which rows of the batch.
        """
        net = self._net[0]
        with self._context():
            part = rows_of(self.batch, row.clamp(max=len(self.batch[0]) - 1))
            inside = net.enter(part) if self._first else x
            out = net.through(self._blocks, inside, part)
            if self._last:
                return net.leave(out, part)
        # A stage hands on nothing of what it was given itself, which autograd takes for a leaf.
        return tuple(
            tensor.clone() if any(tensor is given for given in x) else self._own_type(tensor)
            for tensor in out
        )

    def _own_type(self, x: Tensor) -> Tensor:
        return x.to(self._dtype) if x.is_floating_point() else x


def shapes_between(shadow: BlockNetwork, batch: Any, rows: int, dtype: torch.dtype) -> list[Tensor]:
    """Return tensors without numbers, like those that go from stage to stage.

    Args:
        shadow: The network on the meta device.
        batch: A batch.
        rows: Rows of a micro-batch.
        dtype: The network's type.
    """
    part = tree_map_only(
        Tensor, lambda x: torch.empty(rows, *x.shape[1:], dtype=x.dtype, device="meta"), batch
    )
    with torch.no_grad():
        out = shadow.enter(part)
    return [
        tensor.to(dtype).contiguous().requires_grad_() if tensor.is_floating_point() else tensor
        for tensor in out
    ]
