"""How many marks a student won and lost before, on each name: skills, say."""

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.layers.running import PARTS, in_parts
from torchedu.schema import PADDING


def counts_before(id_BLS: Tensor, correct_BL: Tensor, num: int) -> Tensor:
    """Count the marks that each answer's names got earlier in the same window.

    Args:
        id_BLS: Names of each answer, such as its skills; 0 where it has fewer than S.
        correct_BL: 0, 1 or a share of the marks.
        num: Number of ids.

    Returns:
        count_BL2: Marks won and marks lost on earlier answers with the same name, each the mean
        over the answer's names; zero where it has none.
    """
    return _mean(counts_of_each(id_BLS, correct_BL, num), id_BLS)


def counts_of_each(id_BLS: Tensor, correct_BL: Tensor, num: int) -> Tensor:
    """Count the marks that each name of an answer got earlier in the same window.

    Args:
        id_BLS: As ``counts_before`` has it, like what follows.
        correct_BL: Marks.
        num: Number of ids.

    Returns:
        count_BLS2: Marks won and marks lost; without meaning where there is no name.
    """
    size, steps, names = id_BLS.shape
    history = torch.arange(size, device=id_BLS.device).view(-1, 1, 1) * num
    key = (history + id_BLS).flatten()
    # In the order of (history, name, step), earlier marks of a name are a running sum of its run.
    order = key.argsort(stable=True)
    whole = in_parts(_marks(correct_BL)).unsqueeze(2).expand(-1, -1, names, -1).flatten(0, 2)[order]
    before = whole.cumsum(0) - whole
    ordered = key[order]
    places = torch.arange(ordered.shape[0], device=key.device)  # len() is a constant in exports
    begins = F.pad(ordered[1:] != ordered[:-1], (1, 0), value=True)
    run = begins.cumsum(0) - 1
    first = torch.zeros_like(places).scatter_add(0, run, places * begins)[run]
    before = ((before - before[first]) / PARTS).to(correct_BL.dtype)
    counts = torch.empty_like(before).index_copy_(0, order, before)
    return counts.view(size, steps, names, 2)


def look_up(count_BK2: Tensor, id_BS: Tensor) -> Tensor:
    """Return the marks of some names from counts that are kept along.

    Args:
        count_BK2: Marks won and lost so far, by id.
        id_BS: The names; 0 where there are fewer than S.

    Returns:
        count_B2: Their mean over the names.
    """
    return _mean(look_up_each(count_BK2, id_BS), id_BS)


def look_up_each(count_BK2: Tensor, id_BS: Tensor) -> Tensor:
    """Return the marks of each of some names, of shape (B, S, 2); see ``look_up``."""
    return count_BK2.gather(1, id_BS.unsqueeze(-1).expand(-1, -1, 2))


def add_marks(count_BK2: Tensor, id_BS: Tensor, correct_B: Tensor) -> Tensor:
    """Return counts with one more answer of each student.

    Args:
        count_BK2: Marks won and lost so far, by id.
        id_BS: The answer's names; 0 where there are fewer than S.
        correct_B: 0, 1 or a share of the marks.

    Returns:
        The new counts; what padding gathers is never read.
    """
    marks_BS2 = _marks(correct_B).unsqueeze(1).expand(-1, id_BS.shape[1], -1)
    return count_BK2.scatter_add(1, id_BS.unsqueeze(-1).expand(-1, -1, 2), marks_BS2)


def _marks(correct: Tensor) -> Tensor:
    return torch.stack([correct, 1 - correct], dim=-1)


def _mean(counts: Tensor, id: Tensor) -> Tensor:
    real = (id != PADDING).unsqueeze(-1)
    return (counts * real).sum(-2) / real.sum(-2).clamp(min=1)
