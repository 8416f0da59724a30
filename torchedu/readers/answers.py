"""From windows of histories to padded batches, with vectorised numpy."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.batch import UNKNOWN_VALUES, AnswerBatch
from torchedu.datasets import AnswerStore
from torchedu.datasets.order import Windows
from torchedu.schema import ITEM, SKILL, Vocabulary


class AnswerBatches:
    """Builds batches of answers whose ids are those of a given vocabulary.

    Args:
        store: The answers.
        windows: The stretches of histories that batches are made of.
        vocabulary: The names that the network knows; the store's own where it is None. Names that
            it lacks become the unknown id.
        reads: What answers carry beside item, skills and mark; see ``KTModel``. Where the store has
            no such column, nothing is known of it.
    """

    def __init__(
        self,
        store: AnswerStore,
        windows: Windows,
        vocabulary: Vocabulary | None = None,
        reads: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.windows = windows
        self.reads = reads
        own = store.vocabulary
        known = vocabulary or own
        self._item_id = np.array(own[ITEM].translation(known[ITEM]), np.int64)
        skill_id = np.array(own[SKILL].translation(known[SKILL]), np.int64)
        skill, item = skill_id[store.skill], np.arange(len(store.skill_offsets) - 1)
        owner = np.repeat(item, np.diff(store.skill_offsets))
        # Two skills that the network lacks are one to it: each name counts an answer's mark once.
        kept = np.sort(np.unique(owner * len(known[SKILL]) + skill, return_index=True)[1])
        starts = np.searchsorted(owner[kept], np.append(item, len(item)))
        self._item_skill_NS = pad_lists(starts, skill[kept])

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> AnswerBatch:
        """Build one batch.

        Args:
            index: Which windows; shape (B,).
            scored: Whether its answers count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        student, start, first, stop = self.windows.take(index)
        length = stop - start
        step_L = np.arange(length.max())
        seen_BL = step_L < length[:, None]
        place_BL = (self.store.history_offsets[student] + start)[:, None] + step_L
        # Padded slots take what follows the window, which then becomes zero: no second gather.
        item_BL = self.store.item.take(place_BL, mode="clip")
        item_BL *= seen_BL
        correct_BL = self.store.correct.take(place_BL, mode="clip")
        scored_BL = seen_BL & (step_L >= (first - start)[:, None]) & scored
        return AnswerBatch(
            torch.from_numpy(self._item_id.take(item_BL)),
            torch.from_numpy(self._item_skill_NS.take(item_BL, axis=0)),
            torch.from_numpy(np.multiply(correct_BL, seen_BL, dtype=np.float32)),
            torch.from_numpy(scored_BL),
            torch.from_numpy(np.asarray(student)),
            torch.from_numpy(np.asarray(start)),
            torch.full((len(index),), float(max(1, scored_BL.sum()))),
            **{f"{column}_BL": self._read(column, place_BL, seen_BL) for column in self.reads},
        )

    def _read(self, column: str, place_BL: NDArray[np.int64], seen_BL: NDArray[np.bool_]) -> Tensor:
        """Return a column of answers, and where nothing is known of it what stands for that."""
        dtype, unknown = UNKNOWN_VALUES[column]
        if not self.store.has(column):
            return torch.full(seen_BL.shape, unknown, dtype=dtype)
        known_BL = torch.from_numpy(self.store.answer_column(column).take(place_BL, mode="clip"))
        return known_BL.to(dtype).masked_fill_(torch.from_numpy(~seen_BL), unknown)


def pad_lists(offsets: NDArray[np.int64], values: NDArray[Any]) -> NDArray[np.int64]:
    """Return ragged rows as a rectangle, filled up with zero.

    Args:
        offsets: Where each row begins; shape (rows + 1,).
        values: The values of all rows; shape (offsets[-1],).

    Returns:
        Shape (rows, longest row), at least one column.
    """
    lengths = np.diff(offsets)
    padded = np.zeros((len(lengths), max(1, int(lengths.max(initial=0)))), np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = values
    return padded
