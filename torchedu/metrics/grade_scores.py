"""Scores of grades over batches and devices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from torchedu.metrics.essay_scores import mean_of
from torchedu.metrics.grades import Floats, graded


class GradeScores(Metric):
    """Compares grades with what people gave, score by score.

    Args:
        num_scores: Scores of an answer.
    """

    full_state_update = False
    is_differentiable = False

    value: list[Tensor]
    target: list[Tensor]
    places: list[Tensor]

    def __init__(self, num_scores: int) -> None:
        super().__init__()
        self.num_scores = num_scores
        for name in ("value", "target", "places"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self, value_BY: Tensor, target_BY: Tensor, scored_BY: Tensor, places_Y: Tensor
    ) -> None:
        """Add a batch.

        Args:
            value_BY: Grades in 0..1.
            target_BY: What people gave.
            scored_BY: Which count.
            places_Y: Places on each score's scale.
        """
        here_B = scored_BY.any(1)
        self.value.append(value_BY[here_B].float())
        self.target.append(target_BY.masked_fill(~scored_BY, float("nan"))[here_B].float())
        self.places.append(places_Y.unsqueeze(0))

    def compute(self) -> dict[str, float | None]:
        """Return ``score``, the mean of each score's AUC or correlation, and ``mae`` in 0..1."""
        if not len(self.value):
            return {"score": None, "mae": None}
        value, target, places = (
            dim_zero_cat(kept).cpu().numpy() for kept in (self.value, self.target, self.places)
        )
        return total(value, target, places[0])


def total(value: Floats, target: Floats, places: NDArray[Any]) -> dict[str, float | None]:
    """Return what ``GradeScores`` does, of arrays; shape (answers, scores) each."""
    each = [graded(value[:, y], target[:, y], int(places[y])) for y in range(target.shape[1])]
    off = np.abs(value - target)
    return {
        "score": mean_of([own["auc"] if "auc" in own else own["pcc"] for own in each]),
        "mae": float(np.nanmean(off)) if np.isfinite(off).any() else None,
    }
