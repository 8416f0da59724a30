"""Blocks that models share."""

from torchedu.layers.attention import AttentionBlock
from torchedu.layers.counts import add_marks, counts_before, look_up
from torchedu.layers.table import VocabularyTable

__all__ = ["AttentionBlock", "VocabularyTable", "add_marks", "counts_before", "look_up"]
