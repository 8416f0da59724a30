"""Scores of a trained network beside those of everything it has to beat, for every task."""

from torchedu.evaluation import (  # noqa: F401 - each registers its task
    explanation,
    grading,
    lessons,
    recommendation,
    risk,
    spoken,
    tracing,
)
from torchedu.evaluation.any_task import evaluate

__all__ = ["evaluate"]
