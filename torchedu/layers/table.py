"""A row of parameters for each name of the vocabulary."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.schema import PADDING, UNKNOWN


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
