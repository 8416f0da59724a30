"""Talk moves under a trainer."""

from torchedu.domains.lessons import Lessons
from torchedu.tasks.task import Task


class TranscriptTagging(Lessons, Task):
    """Tags each sentence of a lesson, a teacher's and a student's by sets of their own.

    A LightningModule; arguments, loss and predictions are those of ``Lessons``.
    """
