"""Scores of predictions: overall, by group of students, as curves, and over batches and ranks.

What needs torchmetrics is loaded when it is first asked for: it is slow to import, and a trained
network in use scores nothing.
"""

from typing import TYPE_CHECKING

from torchedu.metrics.scores import (
    SCORES,
    calibration_points,
    roc_points,
    scores,
    scores_by,
    scores_of,
)

if TYPE_CHECKING:
    from torchedu.metrics.answer_scores import AnswerScores

__all__ = [
    "SCORES",
    "AnswerScores",
    "calibration_points",
    "roc_points",
    "scores",
    "scores_by",
    "scores_of",
]


def __getattr__(name: str) -> object:
    """Load ``AnswerScores`` from the module it lives in (PEP 562)."""
    if name != "AnswerScores":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torchedu.metrics.answer_scores import AnswerScores

    return AnswerScores
