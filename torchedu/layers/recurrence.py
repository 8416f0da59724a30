"""What goes along histories one answer after the other."""

from collections.abc import Callable

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[[State, tuple[Tensor, ...]], tuple[State, Tensor]]
"""Takes a state and the inputs of one step; gives the next state, and what comes out."""


def along(step: Step, state: State, inputs: tuple[Tensor, ...]) -> Tensor:
    """Go along histories of any length, in a graph that is exported too.

    Args:
        step: What is done at each answer, of tensors alone.
        state: Where it begins; B is the first dimension of each tensor.
        inputs: What each step takes; each of shape (B, L, ...).

    Returns:
        What came out at each step, of shape (B, L, ...).
    """
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan  # the one loop that graphs of any length have

        def copied(state: State, taken: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            state, out = step(state, taken)
            return tuple(tensor.clone() for tensor in state), out.clone()

        ahead = tuple(x.transpose(0, 1).contiguous() for x in inputs)
        _, out_LB = scan(copied, tuple(tensor.clone() for tensor in state), ahead)
        return out_LB.transpose(0, 1)
    outs = []
    for taken in zip(*(x.unbind(1) for x in inputs), strict=True):
        state, out = step(state, taken)
        outs.append(out)
    return torch.stack(outs, dim=1)
