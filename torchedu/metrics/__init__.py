"""Scores of predictions: overall, by group of students, as curves, and over batches and ranks."""

from torchedu.metrics.answer_scores import AnswerScores
from torchedu.metrics.scores import (
    SCORES,
    calibration_points,
    roc_points,
    scores,
    scores_by,
)

__all__ = ["SCORES", "AnswerScores", "calibration_points", "roc_points", "scores", "scores_by"]
