"""Explaining mathematics under a trainer."""

from torchedu.domains.explanation import Explanation
from torchedu.tasks.task import Task


class MathExplanation(Explanation, Task):
    """Learns to say what a tutor says, token by token.

    A LightningModule; arguments, loss and predictions are those of ``Explanation``.
    """
