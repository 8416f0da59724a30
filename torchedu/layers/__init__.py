"""Blocks that models share."""

import torch

from torchedu.layers.attention import AttentionBlock
from torchedu.layers.block_network import BlockNetwork, BlockPlan
from torchedu.layers.counts import (
    add_marks,
    counts_before,
    counts_of_each,
    look_up,
    look_up_each,
)
from torchedu.layers.distinct import distinct
from torchedu.layers.dropout import Dropout
from torchedu.layers.local_attention import LocalAttentionBlock
from torchedu.layers.lstm import LSTM
from torchedu.layers.precision import at_least_single, in_single
from torchedu.layers.recurrence import along
from torchedu.layers.running import marks_before, running_sum
from torchedu.layers.table import VocabularyTable
from torchedu.layers.times import seconds_between
from torchedu.layers.together import together

# torch keeps which functions make tensors when it is first asked to make some elsewhere. Where that
# is while transformers loads a model, another linspace stands in place and is kept: what is built
# with linspace afterwards would never be on the meta device.
with torch.device("cpu"):
    torch.empty(0)

__all__ = [
    "LSTM",
    "AttentionBlock",
    "BlockNetwork",
    "BlockPlan",
    "Dropout",
    "LocalAttentionBlock",
    "VocabularyTable",
    "add_marks",
    "along",
    "at_least_single",
    "counts_before",
    "counts_of_each",
    "distinct",
    "in_single",
    "look_up",
    "look_up_each",
    "marks_before",
    "running_sum",
    "seconds_between",
    "together",
]
