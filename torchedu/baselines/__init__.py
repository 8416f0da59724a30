"""Models that a network must beat: fit, then predict. Nothing here needs torch."""

from torchedu.baselines.baseline import Baseline
from torchedu.baselines.best_lr import BestLR
from torchedu.baselines.item_mean import ItemMean

__all__ = ["Baseline", "BestLR", "ItemMean"]
