"""Students at risk, under a trainer."""

from torchedu.domains.risk import Risk
from torchedu.tasks.task import Task


class AtRisk(Risk, Task):
    """Says at any moment of a course how likely each student is to fail it or to leave.

    A LightningModule; arguments, loss and predictions are those of ``Risk``.
    """
