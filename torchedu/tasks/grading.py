"""Grading of texts under a trainer."""

from torchedu.domains.grading import Grading
from torchedu.tasks.task import Task


class EssayGrading(Grading, Task):
    """Grades essays and short answers, of several prompts and scales in one network.

    A LightningModule; arguments, loss and predictions are those of ``Grading``.
    """
