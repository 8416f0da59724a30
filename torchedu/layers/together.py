"""Vectors of names that span which of them occur together, as a start that gradients go on with."""

import torch
from torch import Tensor

from torchedu.schema import RESERVED

ROUNDS = 6
"""Rounds of the subspace iteration: what is left out by then hardly differs from what is kept."""
POPULAR = -0.25
"""Names are weighed by their counts to this power, so that the most popular do not fill all."""


def together(name_SL: Tensor, num: int, dim: int) -> Tensor:
    """Return vectors whose products tell which names occur in the same lists.

    They span the leading eigenvectors of how often each two names share a list, found by subspace
    iteration on the lists themselves: no table of all pairs is made.

    Args:
        name_SL: The names of each list, ids below ``num``, padded with 0.
        num: Number of ids, the reserved ones included.
        dim: Most columns to return.

    Returns:
        vector_ND: Orthonormal columns, fewer than ``dim`` where there are fewer lists or names;
        zero where nothing is in any list. The same for the same lists.
    """
    row, slot = (name_SL >= RESERVED).nonzero(as_tuple=True)
    name = name_SL[row, slot]
    count_N = torch.bincount(name, minlength=num).float()
    weight = count_N[name] ** POPULAR
    lists = torch.sparse_coo_tensor(
        torch.stack([row, name]), weight, (len(name_SL), num), check_invariants=True
    ).coalesce()
    turned = lists.t().coalesce()
    width = min(dim, len(name_SL), int((count_N > 0).sum()))
    drawn = torch.Generator().manual_seed(0)
    vector_ND = torch.randn(num, width, generator=drawn).to(lists.device)
    for _ in range(ROUNDS):
        vector_ND = torch.linalg.qr(turned @ (lists @ vector_ND)).Q
    return vector_ND * (count_N > 0).unsqueeze(1)
