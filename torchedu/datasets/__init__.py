"""Data on disk: the store, importers, splits, order and the simulator. Nothing here needs torch."""

from torchedu.datasets.answers import Answers, AnswerStore, AnswerWriter
from torchedu.datasets.store import Store
from torchedu.datasets.writer import StoreWriter

__all__ = ["AnswerStore", "AnswerWriter", "Answers", "Store", "StoreWriter"]
