"""Times of answers as numbers that a network can take in."""

import torch
from torch import Tensor

from torchedu.schema import NO_TIME


def seconds_between(earlier: Tensor, later: Tensor) -> Tensor:
    """Return how long after one time another is, in seconds, float32; NaN where one is not known.

    Args:
        earlier: Milliseconds since 1970, int64; ``NO_TIME`` where not known.
        later: The same, of the same shape.
    """
    known = (earlier != NO_TIME) & (later != NO_TIME)
    seconds = (later - earlier).float() / 1000
    return seconds.masked_fill(~known, torch.nan)
