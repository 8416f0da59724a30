"""What weights belong to, and data has to agree with: one value, known by name everywhere."""

from torchedu.companions.agreeing import Agreeing
from torchedu.companions.companions import KEY, Companions

__all__ = ["KEY", "Agreeing", "Companions"]
