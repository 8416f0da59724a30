"""Grading of answers typed and spoken, under a trainer."""

from torchedu.domains.spoken import Spoken
from torchedu.tasks.task import Task


class AnswerGrading(Spoken, Task):
    """Grades answers by what was typed, by what was spoken, or by both; several scores at once.

    A LightningModule; arguments, loss and predictions are those of ``Spoken``.
    """
