"""A task whose half without a trainer stands where Lightning is imported."""

from lightning import Trainer

from torchedu.domains import Tracing

TRAINER = Trainer


class NeedsATrainer(Tracing):
    """Says that it needs no trainer, and brings one."""
