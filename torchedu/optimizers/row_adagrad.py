"""Row-wise Adagrad: one number a row of a table beside the table, and only rows in use are touched.

Duchi et al., "Adaptive Subgradient Methods", JMLR 2011; a row at a time as in Mudigere et al.,
"Software-Hardware Co-design for Fast and Scalable Training of Deep Learning Recommendation Models",
ISCA 2022, https://arxiv.org/abs/2104.05158.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class RowAdagrad(Optimizer):
    """Adagrad whose step size is a row's own.

    A table with sparse gradients costs as much a step as the rows in the batch, whatever its
    length; its state is one float32 a row, where Adam's is two a parameter. Parameters with dense
    gradients are stepped in the same way, those of one dimension each element for itself.

    Args:
        params: The parameters.
        lr: Learning rate.
        weight_decay: Weight decay; of a table with sparse gradients, of the rows in use alone.
        eps: Added to the root, so that nothing is divided by zero.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.05,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step.

        Args:
            closure: Computes the loss again, where one is needed.

        Returns:
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group["lr"], group["weight_decay"], group["eps"])
        return loss

    def _step(self, parameter: Tensor, lr: float, weight_decay: float, eps: float) -> None:
        state = self.state[parameter]
        if not state:
            state["sum"] = parameter.new_zeros(len(parameter) if parameter.dim() else 1)
        gradient = parameter.grad
        assert gradient is not None
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            row, value = gradient.indices()[0], gradient.values()
            value = value + weight_decay * parameter[row] if weight_decay else value
            state["sum"].index_add_(0, row, value.flatten(1).square().mean(1))
            size = state["sum"][row].sqrt_().add_(eps)
            parameter.index_add_(0, row, value / size.view(-1, *[1] * (value.dim() - 1)), alpha=-lr)
            return
        value = gradient + weight_decay * parameter if weight_decay else gradient
        square = value.square()
        state["sum"] += square.flatten(1).mean(1) if square.dim() > 1 else square
        size = state["sum"].sqrt().add_(eps)
        parameter.sub_(lr * value / size.view(size.shape + (1,) * (value.dim() - 1)))
