"""From windows of students' courses to padded batches, with vectorised numpy."""

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import EnrolmentBatch
from torchedu.datamodules.batches import pad_lists
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.order import Windows
from torchedu.schema import GROUP, ITEM, RESERVED, Vocabulary


class EnrolmentBatches:
    """Builds batches of courses whose ids are those of a given vocabulary.

    Args:
        store: The enrolments.
        windows: The stretches of histories that batches are made of.
        vocabulary: The names that the network knows; the store's own where it is None.
        with_history: Whether batches tell the courses before each window too, which evaluation
            takes out of the running.
    """

    def __init__(
        self,
        store: EnrolmentStore,
        windows: Windows,
        vocabulary: Vocabulary | None = None,
        with_history: bool = False,
    ) -> None:
        self.store = store
        self.windows = windows
        self.with_history = with_history
        own = store.vocabulary
        known = vocabulary or own
        self._item_id = np.array(own[ITEM].translation(known[ITEM]), np.int64)
        # All attributes share one table: each attribute's ids begin where the last one's end.
        columns, begin = [], 0
        for name in known.groups:
            size = len(known[GROUP + name])
            if name in own.groups:
                ids = np.array(own[GROUP + name].translation(known[GROUP + name]))
                columns.append(ids[store.group(name)] + begin)
            else:
                columns.append(np.full(store.num_students, begin + 1))
            begin += size
        none = np.zeros((store.num_students, 0), np.int64)
        self._group_SG = np.stack(columns, 1).astype(np.int64) if columns else none

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> EnrolmentBatch:
        """Build one batch.

        Args:
            index: Which windows; shape (B,).
            scored: Whether its courses count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        student, start, first, stop = self.windows.take(index)
        length = stop - start
        step_L = np.arange(length.max())
        seen_BL = step_L < length[:, None]
        begin = self.store.history_offsets[student]
        place_BL = np.where(seen_BL, (begin + start)[:, None] + step_L, begin[:, None])
        item_BL = np.where(seen_BL, self._item_id[self.store.item[place_BL]], 0)
        scored_BL = seen_BL & (step_L >= (first - start)[:, None]) & scored
        before_BM = np.zeros((len(index), 0), np.int64)
        if self.with_history:
            at, offsets = stretch_index(begin, start)
            before_BM = pad_lists(offsets, self._item_id[self.store.item[at]].astype(np.int32))
        return EnrolmentBatch(
            torch.from_numpy(item_BL),
            torch.from_numpy(scored_BL),
            torch.from_numpy(before_BM),
            torch.from_numpy(self._group_SG[student]),
            torch.from_numpy(np.asarray(student)),
            torch.from_numpy(np.asarray(start)),
            torch.full((len(index),), float(max(1, scored_BL.sum()))),
        )


def popularity(store: EnrolmentStore, item: NDArray[np.int32], known: Vocabulary) -> torch.Tensor:
    """Return how often each course of a vocabulary was taken; shape (num_items,), float32."""
    ids = np.array(store.vocabulary[ITEM].translation(known[ITEM]))[item]
    count = np.bincount(ids, minlength=len(known[ITEM])).astype(np.float32)
    count[:RESERVED] = 0
    return torch.from_numpy(count)
