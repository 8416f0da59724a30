"""A row of parameters for each name of the vocabulary."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from torchedu.layers.room import room
from torchedu.schema import PADDING, UNKNOWN

BLOCK = 1024
"""Slots whose rows are looked up at once: what a processor keeps near."""


class VocabularyTable(nn.Embedding):
    """Parameters with one row a name, so that they follow the names wherever a model goes.

    A checkpoint's rows are matched to another data set's ids by name, and new rows are added when
    the vocabulary grows; both find the tables of a network by this class. Row 0 (padding) is zero
    and stays so.

    Args:
        kind: The kind of name, ``item`` or ``skill``.
        num: Number of ids, the reserved ones included.
        dim: Parameters a name.
        std: Standard deviation of the normal distribution that the rows start from.
        unknown_is_zero: Keep the row of unknown names at zero, for tables whose rows are deviations
            from something that an unknown name has too (an item's from its skills).
    """

    def __init__(
        self, kind: str, num: int, dim: int, std: float, unknown_is_zero: bool = False
    ) -> None:
        self.kind = kind
        self.std = std
        self.unknown_is_zero = unknown_is_zero
        super().__init__(num, dim, padding_idx=PADDING)

    def reset_parameters(self) -> None:
        """Draw the rows anew."""
        nn.init.normal_(self.weight, std=self.std)
        with torch.no_grad():
            self.weight[PADDING] = 0
            if self.unknown_is_zero:
                self.weight[UNKNOWN] = 0

    def forward(self, id: Tensor) -> Tensor:
        """Return the rows of ids.

        Args:
            id: Any shape.

        Returns:
            One more dimension, of size ``dim``.
        """
        if self.unknown_is_zero:
            id = id.masked_fill(id == UNKNOWN, PADDING)
        return super().forward(id)

    def mean(self, id: Tensor) -> Tensor:
        """Return the mean row of several ids, padding left out; zero where all are padding.

        Args:
            id: Shape (..., S).

        Returns:
            Shape (..., dim).
        """
        if id.shape[-1] == 1:
            return self(id.squeeze(-1))
        if not id.shape[-1]:  # nothing is told of any
            return self.weight.new_zeros(*id.shape[:-1], self.embedding_dim)
        bags = F.embedding_bag(
            id.reshape(-1, id.shape[-1]),
            self.weight,
            mode="mean",
            sparse=self.sparse,
            padding_idx=PADDING,
        )
        return bags.view(*id.shape[:-1], -1)

    def dot(self, x: Tensor, id: Tensor) -> Tensor:
        """Return the product of vectors with the mean row of their ids; see ``mean``.

        On a CPU the rows of all slots, which hold as much memory as the vectors do, are never
        there at once.

        Args:
            x: Shape (..., dim).
            id: Shape (..., S).

        Returns:
            Shape (...), of the type of the rows.
        """
        on_cpu = x.device.type == "cpu" and not torch.compiler.is_compiling()
        if not on_cpu or id.shape[-1] != 1 or self.sparse or self.unknown_is_zero:
            return (x.to(self.weight.dtype) * self.mean(id)).sum(-1)
        dots: Tensor = _Dots.apply(  # type: ignore[no-untyped-call]
            x.reshape(-1, x.shape[-1]), self.weight, id.flatten()
        )
        return dots.view(x.shape[:-1])


class _Dots(torch.autograd.Function):
    """Products of vectors with rows of a table, a block of T vectors at a time."""

    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, weight_ND: Tensor, id_T: Tensor) -> Tensor:
        ctx.save_for_backward(x_TD, weight_ND, id_T)
        kind = weight_ND.dtype
        dot_T = torch.empty(len(x_TD), dtype=kind)
        for x, id, dot in zip(*(y.split(BLOCK) for y in (x_TD, id_T, dot_T)), strict=True):
            torch.sum(F.embedding(id, weight_ND).mul_(x.to(kind)), -1, out=dot)
        return dot_T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_T: Tensor) -> tuple[Tensor | None, ...]:
        x_TD, weight_ND, id_T = ctx.saved_tensors
        slope_TD = room(len(x_TD), x_TD.shape[1], x_TD.dtype) if ctx.needs_input_grad[0] else None
        slope_ND = torch.zeros_like(weight_ND) if ctx.needs_input_grad[1] else None
        for first in range(0, len(x_TD), BLOCK):
            block = slice(first, first + BLOCK)
            id, slope = id_T[block], slope_T[block].unsqueeze(1)
            if slope_TD is not None:
                slope_TD[block] = F.embedding(id, weight_ND).mul_(slope)
            if slope_ND is not None:
                known_U, which = id.unique(return_inverse=True)
                count_U = which.bincount()
                starts_U = count_U.cumsum(0) - count_U
                sum_UD = F.embedding_bag(which.argsort(), x_TD[block] * slope, starts_U, mode="sum")
                slope_ND.index_add_(0, known_U, sum_UD.to(slope_ND.dtype))
        if slope_ND is not None:
            slope_ND[PADDING] = 0
        return slope_TD, slope_ND, None
