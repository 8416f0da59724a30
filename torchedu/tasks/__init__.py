"""What a model is trained for: loss, metrics, optimizer and predictions."""

from torchedu.tasks.tracing import KnowledgeTracing

__all__ = ["KnowledgeTracing"]
