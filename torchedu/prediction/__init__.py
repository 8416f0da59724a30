"""What a trained network says, in the user's own names, for every task."""

from torchedu.prediction import at_risk, tracing  # noqa: F401 - each file registers its task
from torchedu.prediction.any_task import predict

__all__ = ["predict"]
