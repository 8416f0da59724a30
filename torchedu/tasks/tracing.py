"""Knowledge tracing under a trainer."""

from torchedu.domains.tracing import Tracing
from torchedu.tasks.task import Task


class KnowledgeTracing(Tracing, Task):
    """Predicts every answer of a student from those before it.

    A LightningModule; arguments, loss and predictions are those of ``Tracing``.
    """
