"""From a store to batches: Lightning data modules."""

from torchedu.datamodules.enrolments import Enrolments
from torchedu.datamodules.interactions import Interactions

__all__ = ["Enrolments", "Interactions"]
