"""From a store to batches: Lightning data modules."""

from torchedu.datamodules.interactions import Interactions

__all__ = ["Interactions"]
