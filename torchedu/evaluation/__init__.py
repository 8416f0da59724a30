"""Scores of a trained network beside those of everything it has to beat, for every task."""

from torchedu.evaluation import at_risk, tracing  # noqa: F401 - each file registers its task
from torchedu.evaluation.any_task import evaluate

__all__ = ["evaluate"]
