"""Ridge regression in closed form, as a start for layers that gradients then go on with."""

import torch
from torch import Tensor

PENALTIES = torch.logspace(-2, 2, 17, dtype=torch.float64)
"""Penalties that are tried, beside a mean square of one a row."""


def ridge(x_BI: Tensor, y_B: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a line with the penalty under which each row is best told from all the others.

    The errors of leaving out one row after the other are known in closed form (Allen's PRESS), for
    all penalties at once from one decomposition.

    Args:
        x_BI: Numbers of each row, about zero.
        y_B: What is to be told.

    Returns:
        weight_I and the bias, float64.
    """
    x_BI, y_B = x_BI.double(), y_B.double()
    centre_I, mean = x_BI.mean(0), y_B.mean()
    x_BI, y_B = x_BI - centre_I, y_B - mean
    scale = (x_BI**2).sum(1).mean().clamp(min=1e-12)
    # Of the two Gram matrices the smaller; x = U S V' with either U or V from it.
    if len(x_BI) <= x_BI.shape[1]:
        square_R, u_BR = torch.linalg.eigh(x_BI @ x_BI.T / scale)
    else:
        square_R, v_IR = torch.linalg.eigh(x_BI.T @ x_BI / scale)
        u_BR = x_BI @ v_IR / (scale * square_R.clamp(min=1e-12)).sqrt()
        u_BR = u_BR * (square_R > 1e-9 * square_R.max())
    square_R, turned_R = square_R.clamp(min=0), u_BR.T @ y_B
    best, weight_I = torch.inf, torch.zeros_like(centre_I)
    for penalty in PENALTIES.to(x_BI.device):
        shrunk_R = square_R / (square_R + penalty)
        leverage_B = (u_BR**2) @ shrunk_R + 1 / len(x_BI)  # the mean is left out along
        error_B = (y_B - u_BR @ (shrunk_R * turned_R)) / (1 - leverage_B).clamp(min=1e-6)
        error = float((error_B**2).mean())
        if error < best:
            best = error
            weight_I = x_BI.T @ (u_BR @ (turned_R / (square_R + penalty))) / scale
    return weight_I, mean - centre_I @ weight_I
