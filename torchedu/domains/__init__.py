"""Tasks of themselves: names, loss, scores and predictions of each, without a trainer."""

from torchedu.domains.domain import Domain, Schedule
from torchedu.domains.explanation import Explanation
from torchedu.domains.grading import Grading
from torchedu.domains.lessons import Lessons
from torchedu.domains.opening import open_domain
from torchedu.domains.recommendation import Recommendation
from torchedu.domains.risk import Risk
from torchedu.domains.spoken import Spoken
from torchedu.domains.tracing import Tracing

__all__ = [
    "Domain",
    "Explanation",
    "Grading",
    "Lessons",
    "Recommendation",
    "Risk",
    "Schedule",
    "Spoken",
    "Tracing",
    "open_domain",
]
