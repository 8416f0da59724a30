"""Models that a network must beat: fit, then predict. Nothing here needs torch."""

from torchedu.baselines.baseline import Baseline, Tuned
from torchedu.baselines.best_lr import BestLR
from torchedu.baselines.blend import Blend
from torchedu.baselines.ease import EASE, ItemKNN, RecentEASE
from torchedu.baselines.ials import IALS
from torchedu.baselines.item_mean import ItemMean
from torchedu.baselines.next_course import Markov, NextCourseRidge
from torchedu.baselines.popularity import Popularity
from torchedu.baselines.streaming_lr import StreamingLR

__all__ = [
    "EASE",
    "IALS",
    "Baseline",
    "BestLR",
    "Blend",
    "ItemKNN",
    "ItemMean",
    "Markov",
    "NextCourseRidge",
    "Popularity",
    "RecentEASE",
    "StreamingLR",
    "Tuned",
]
