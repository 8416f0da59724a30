"""Answers that look alike to a network need be looked up once a batch."""

import torch
from torch import Tensor


def distinct(skill_BLS: Tensor, correct_BL: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the distinct pairs of skill and mark of a batch, where they are cheap to tell.

    They are on a CPU and where each item has one skill; a batch of many thousand answers has a few
    hundred or thousand of them.

    Args:
        skill_BLS: Skills of each answer.
        correct_BL: Marks, from 0 to 1.

    Returns:
        Skills, shape (distinct, 1), marks, shape (distinct,), and which of these stands in each
        slot, shape (B, L); or the arguments and None.
    """
    on_cpu = skill_BLS.device.type == "cpu" and not torch.compiler.is_compiling()
    # A mark that is no number tells no pair; it goes on to the loss, where it is found.
    if not on_cpu or skill_BLS.shape[-1] != 1 or correct_BL.isnan().any():
        return skill_BLS, correct_BL, None
    # One number a pair: a mark is at most 1, so that twice the skill with it tells both.
    pair_U, which_BL = (2 * skill_BLS.squeeze(-1) + correct_BL.double()).unique(return_inverse=True)
    skill_U = (pair_U / 2).long()
    return skill_U.unsqueeze(-1), (pair_U - 2 * skill_U).to(correct_BL.dtype), which_BL
