"""Course recommendation under a trainer."""

from torchedu.domains.recommendation import Recommendation
from torchedu.tasks.task import Task


class CourseRecommendation(Recommendation, Task):
    """Recommends the courses that a student is likeliest to take next.

    A LightningModule; arguments, loss and predictions are those of ``Recommendation``.
    """
