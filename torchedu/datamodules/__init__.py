"""From a store to batches: Lightning data modules."""

from torchedu.datamodules.course_events import CourseEvents
from torchedu.datamodules.enrolments import Enrolments
from torchedu.datamodules.explanations import Explanations
from torchedu.datamodules.interactions import Interactions

__all__ = ["CourseEvents", "Enrolments", "Explanations", "Interactions"]
