"""Leaks: whatever makes scores on data better than they will be; found, counted and told."""

from torchedu.leaks.check import check, refuse
from torchedu.leaks.finding import KINDS, Finding

__all__ = ["KINDS", "Finding", "check", "refuse"]
