"""Tasks: Lightning modules with loss, metrics, optimizer and predictions."""

from torchedu.tasks.base import Task
from torchedu.tasks.opening import open_task
from torchedu.tasks.recommendation import CourseRecommendation
from torchedu.tasks.tracing import KnowledgeTracing

__all__ = ["CourseRecommendation", "KnowledgeTracing", "Task", "open_task"]
