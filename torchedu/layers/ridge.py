"""Ridge regression in closed form, as a start for layers that gradients then go on with."""

from typing import NamedTuple

import torch
from torch import Tensor

PENALTIES = torch.logspace(-2, 2, 17, dtype=torch.float64)
"""Penalties that are tried, beside a mean square of one a row."""


class Line(NamedTuple):
    """A line that was fitted, float64.

    Attributes:
        weight_I: Its weights.
        bias: Where it stands at zero.
        told_B: What each row is told to be by the line of all the others, under that penalty.
    """

    weight_I: Tensor
    bias: Tensor
    told_B: Tensor


def ridge(x_BI: Tensor, y_B: Tensor, weight_B: Tensor | None = None) -> Line:
    """Fit a line with the penalty under which each row is best told from all the others.

    The errors of leaving out one row after the other are known in closed form (Allen's PRESS), for
    all penalties at once from one decomposition.

    Args:
        x_BI: Numbers of each row, about zero.
        y_B: What is to be told.
        weight_B: How much each row counts, above 0; all alike where it is None.
    """
    x_BI, y_B = x_BI.double(), y_B.double()
    count_B = torch.ones_like(y_B) if weight_B is None else weight_B.double()
    share_B, root_B = count_B / count_B.sum(), count_B.sqrt()
    centre_I, mean = share_B @ x_BI, share_B @ y_B
    x_BI, y_B = (x_BI - centre_I) * root_B.unsqueeze(1), (y_B - mean) * root_B
    scale = (x_BI**2).sum(1).mean().clamp(min=1e-12)
    # Of the two Gram matrices the smaller; x = U S V' with either U or V from it.
    if len(x_BI) <= x_BI.shape[1]:
        square_R, u_BR = torch.linalg.eigh(x_BI @ x_BI.T / scale)
    else:
        square_R, v_IR = torch.linalg.eigh(x_BI.T @ x_BI / scale)
        u_BR = x_BI @ v_IR / (scale * square_R.clamp(min=1e-12)).sqrt()
        u_BR = u_BR * (square_R > 1e-9 * square_R.max())
    square_R, turned_R = square_R.clamp(min=0), u_BR.T @ y_B
    best, weight_I, left_out_B = torch.inf, torch.zeros_like(centre_I), y_B
    for penalty in PENALTIES.to(x_BI.device):
        shrunk_R = square_R / (square_R + penalty)
        leverage_B = (u_BR**2) @ shrunk_R + share_B  # the mean is left out along
        error_B = (y_B - u_BR @ (shrunk_R * turned_R)) / (1 - leverage_B).clamp(min=1e-6)
        error = float((error_B**2).mean())
        if error < best:
            best, left_out_B = error, error_B
            weight_I = x_BI.T @ (u_BR @ (turned_R / (square_R + penalty))) / scale
    told_B = mean + (y_B - left_out_B) / root_B
    return Line(weight_I, mean - centre_I @ weight_I, told_B)
