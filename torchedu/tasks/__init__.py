"""Tasks: Lightning modules with loss, metrics, optimizer and predictions."""

from torchedu.tasks.at_risk import AtRisk
from torchedu.tasks.base import Task
from torchedu.tasks.explanation import MathExplanation
from torchedu.tasks.opening import open_task
from torchedu.tasks.recommendation import CourseRecommendation
from torchedu.tasks.tracing import KnowledgeTracing

__all__ = [
    "AtRisk",
    "CourseRecommendation",
    "KnowledgeTracing",
    "MathExplanation",
    "Task",
    "open_task",
]
