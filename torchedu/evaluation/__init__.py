"""Scores of a trained network beside those of everything it has to beat, for every task."""

from torchedu.evaluation import (  # noqa: F401 - each registers its task
    at_risk,
    essays,
    explanation,
    recommendation,
    tracing,
    transcripts,
)
from torchedu.evaluation.any_task import evaluate

__all__ = ["evaluate"]
