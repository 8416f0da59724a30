"""Scores of tags, a set of tags at a time: macro-F1 and Matthews' correlation."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric


def confusion(tag: NDArray[np.int64], given: NDArray[np.int64], num_tags: int) -> Tensor:
    """Count tags that were given.

    Args:
        tag: The tag that each sentence has, from 0; shape (sentences,).
        given: The one that it was given.
        num_tags: Number of tags T.

    Returns:
        confusion_TT: How often each tag (row) was given each tag (column).
    """
    cell = torch.from_numpy(tag * num_tags + given)
    return torch.bincount(cell, minlength=num_tags**2).view(num_tags, num_tags)


def tag_scores(confusion_TT: Tensor, alike: float | None = 0.0) -> dict[str, float | None]:
    """Score tags, or labels, that were given.

    Args:
        confusion_TT: How often each tag (row) was given each tag (column), whole numbers.
        alike: What the coefficient is where all have one tag, or were given one.

    Returns:
        ``macro_f1``, the mean F1 of all tags that stand there or were given; ``mcc``, Matthews'
        correlation coefficient of several classes (Gorodkin, 2004); ``accuracy``. None where there
        are no sentences.
    """
    counts = confusion_TT.cpu().double()
    total = counts.sum()
    if not total:
        return dict.fromkeys(("macro_f1", "mcc", "accuracy"))
    true, given, right = counts.sum(1), counts.sum(0), counts.diagonal()
    f1 = [value for value in tag_f1(counts) if value is not None]
    spread = (total**2 - true.square().sum()) * (total**2 - given.square().sum())
    covers = right.sum() * total - (true * given).sum()
    return {
        "macro_f1": sum(f1) / len(f1),
        "mcc": float(covers / spread.sqrt()) if spread else alike,
        "accuracy": float(right.sum() / total),
    }


def tag_f1(confusion_TT: Tensor) -> list[float | None]:
    """Return the F1 of each tag; None where it neither stands nor was given."""
    counts = confusion_TT.cpu().double()
    stands: Sequence[float] = (counts.sum(0) + counts.sum(1)).tolist()
    right: Sequence[float] = counts.diagonal().tolist()
    return [2 * a / b if b else None for a, b in zip(right, stands, strict=True)]


class TagScores(Metric):
    """Counts tags over batches and ranks, and scores each role's at the end.

    Counts are whole numbers, so the scores are the same on any number of devices, to the last bit.

    Args:
        num_tags: Number of each role's tags, by the role's name, without reserved ids.
    """

    full_state_update = False
    is_differentiable = False

    confusion_RTT: Tensor

    def __init__(self, num_tags: dict[str, int]) -> None:
        super().__init__()
        self.num_tags = dict(num_tags)
        most = max(1, *num_tags.values())
        self.add_state(
            "confusion_RTT",
            torch.zeros(len(num_tags), most, most, dtype=torch.int64),
            dist_reduce_fx="sum",
        )

    def update(self, given_BL: Tensor, tag_BL: Tensor, role_BL: Tensor, scored_BL: Tensor) -> None:
        """Add a batch.

        Args:
            given_BL: The tag that each sentence was given, from 0.
            tag_BL: The tag that it has, from 0.
            role_BL: Whose tags these are, by their order in ``num_tags``.
            scored_BL: Which sentences count.
        """
        roles, most, _ = self.confusion_RTT.shape
        cell_BL = (role_BL * most + tag_BL) * most + given_BL
        size = self.confusion_RTT.numel()
        # What does not count goes to a cell of its own: an index would wait for the device.
        cell_BL = torch.where(scored_BL, cell_BL, size)
        counts = torch.bincount(cell_BL.flatten(), minlength=size + 1)[:size]
        self.confusion_RTT += counts.view(roles, most, most)

    def compute(self) -> dict[str, float | None]:
        """Return each role's scores by ``<role>_<score>``, and their mean ``macro_f1``."""
        results: dict[str, float | None] = {}
        for number, role in enumerate(self.num_tags):
            scores = tag_scores(self.confusion_RTT[number])
            results |= {f"{role}_{name}": value for name, value in scores.items()}
        known = [results[f"{role}_macro_f1"] for role in self.num_tags]
        values = [value for value in known if value is not None]
        return {"macro_f1": sum(values) / len(values) if values else None} | results
