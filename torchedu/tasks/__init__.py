"""Tasks: Lightning modules, each a domain with the plumbing that trains it."""

from torchedu.tasks.explanation import MathExplanation
from torchedu.tasks.grading import EssayGrading
from torchedu.tasks.lessons import TranscriptTagging
from torchedu.tasks.opening import open_task
from torchedu.tasks.recommendation import CourseRecommendation
from torchedu.tasks.risk import AtRisk
from torchedu.tasks.spoken import AnswerGrading
from torchedu.tasks.task import Task
from torchedu.tasks.tracing import KnowledgeTracing

__all__ = [
    "AnswerGrading",
    "AtRisk",
    "CourseRecommendation",
    "EssayGrading",
    "KnowledgeTracing",
    "MathExplanation",
    "Task",
    "TranscriptTagging",
    "open_task",
]
