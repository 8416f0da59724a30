"""From a store to batches: Lightning data modules."""

from torchedu.datamodules.base import DataModule
from torchedu.datamodules.course_events import CourseEvents
from torchedu.datamodules.enrolments import Enrolments
from torchedu.datamodules.essays import Essays
from torchedu.datamodules.explanations import Explanations
from torchedu.datamodules.interactions import Interactions
from torchedu.datamodules.spoken_answers import SpokenAnswers
from torchedu.datamodules.transcripts import Transcripts

__all__ = [
    "CourseEvents",
    "DataModule",
    "Enrolments",
    "Essays",
    "Explanations",
    "Interactions",
    "SpokenAnswers",
    "Transcripts",
]
