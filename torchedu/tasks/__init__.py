"""Tasks: Lightning modules with loss, metrics, optimizer and predictions."""

from torchedu.tasks.at_risk import AtRisk
from torchedu.tasks.base import Task
from torchedu.tasks.essay_grading import EssayGrading
from torchedu.tasks.explanation import MathExplanation
from torchedu.tasks.opening import open_task
from torchedu.tasks.recommendation import CourseRecommendation
from torchedu.tasks.tracing import KnowledgeTracing
from torchedu.tasks.transcripts import TranscriptTagging

__all__ = [
    "AtRisk",
    "CourseRecommendation",
    "EssayGrading",
    "KnowledgeTracing",
    "MathExplanation",
    "Task",
    "TranscriptTagging",
    "open_task",
]
