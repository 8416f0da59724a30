"""What a trained network says, in the user's own names, for every task."""

from torchedu.prediction import (  # noqa: F401 - each registers its task
    at_risk,
    essays,
    explanation,
    recommendation,
    tracing,
    transcripts,
)
from torchedu.prediction.any_task import predict

__all__ = ["predict"]
