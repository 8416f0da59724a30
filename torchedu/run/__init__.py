"""A run as a value: what words ask for, the task, data and trainer built of it, and its result."""

from torchedu.run.building import Run, build
from torchedu.run.config import RunConfig
from torchedu.run.trainers import quiet, trainer

__all__ = ["Run", "RunConfig", "build", "quiet", "trainer"]
