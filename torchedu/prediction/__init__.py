"""What a trained network says, in the user's own names, for every task."""

from torchedu.prediction import (  # noqa: F401 - each registers its task
    explanation,
    grading,
    lessons,
    questions,
    recommendation,
    risk,
    spoken,
    tracing,
)
from torchedu.prediction.any_task import predict, predictions

__all__ = ["predict", "predictions"]
