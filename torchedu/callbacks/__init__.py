"""Lightning callbacks, each in its own file."""

from torchedu.callbacks.advice import Advice, advice
from torchedu.callbacks.companions import CompanionsFiles
from torchedu.callbacks.compile import Compile
from torchedu.callbacks.gradients import GradientGuard
from torchedu.callbacks.hung_rank import HungRank
from torchedu.callbacks.job_progress import JobProgress
from torchedu.callbacks.progress import AnswersProgressBar
from torchedu.callbacks.random_state import RandomState

__all__ = [
    "Advice",
    "AnswersProgressBar",
    "CompanionsFiles",
    "Compile",
    "GradientGuard",
    "HungRank",
    "JobProgress",
    "RandomState",
    "advice",
]
