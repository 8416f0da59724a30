"""Grading of answers typed, spoken and photographed, under a trainer."""

from torchedu.domains.spoken import Spoken
from torchedu.tasks.task import Task


class AnswerGrading(Spoken, Task):
    """Grades answers by what was typed, spoken or photographed; several scores at once.

    A LightningModule; arguments, loss and predictions are those of ``Spoken``.
    """
