"""From windows of students' courses to padded batches, and from histories in Python to both."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from torchedu.batch import EnrolmentBatch
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.datasets.memory import Memory
from torchedu.datasets.order import Windows
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.readers.answers import pad_lists
from torchedu.readers.rows import listed, refuse
from torchedu.schema import GROUP, ITEM, RESERVED, Names, Vocabulary


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


class NextCourseBatches(EnrolmentBatches):
    """Builds batches in which what each student takes next is asked for, after all courses so far.

    Args:
        store: The enrolments; students without any are left out.
        window: The most slots a student takes, that of the next course included.
        vocabulary: The names that the network knows.
        needs: What each course requires, in its ids: one that requires more than the student has
            taken is not to be recommended.
    """

    def __init__(
        self, store: EnrolmentStore, window: int, vocabulary: Vocabulary, needs: Prerequisites
    ) -> None:
        lengths = np.diff(store.history_offsets)
        student = np.flatnonzero(lengths)
        stop = lengths[student]
        start = np.maximum(stop - (window - 1), 0)
        windows = Windows(student, start, start, stop)
        super().__init__(store, windows, vocabulary, with_history=True)
        self._needs = needs

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> EnrolmentBatch:
        """Build one batch; see ``EnrolmentBatches``."""
        batch = super().__call__(index, scored=False)
        windows = self.windows.take(index)
        item_BL = F.pad(batch.item_BL, (0, 1))
        next_B1 = torch.from_numpy(windows.length).unsqueeze(1)
        scored_BL = (torch.arange(item_BL.shape[1]) == next_B1) & scored
        taken = self.store.enrolled(windows.student, windows.stop)
        row = np.repeat(np.arange(len(index)), windows.stop)
        row, closed = self._needs.closed(row, self._item_id[taken.item], len(index)).nonzero()
        offsets = np.searchsorted(row, np.arange(len(index) + 1))
        closed_BM = torch.from_numpy(pad_lists(offsets, closed.astype(np.int32)))
        before_BM = torch.cat([batch.before_BM, closed_BM], 1)
        return batch._replace(item_BL=item_BL, scored_BL=scored_BL, before_BM=before_BM)


def popularity(store: EnrolmentStore, item: NDArray[np.int32], known: Vocabulary) -> torch.Tensor:
    """Return how often each course of a vocabulary was taken; shape (num_items,), float32."""
    ids = np.array(store.vocabulary[ITEM].translation(known[ITEM]))[item]
    count = np.bincount(ids, minlength=len(known[ITEM])).astype(np.float32)
    count[:RESERVED] = 0
    return torch.from_numpy(count)


def read_histories(
    histories: Sequence[Sequence[str]],
    groups: Mapping[str, Sequence[str | None]] | None = None,
    student: Sequence[int] | None = None,
) -> EnrolmentStore:
    """Read what students have taken.

    Args:
        histories: The courses of each, in order; one at least.
        groups: Attributes of the students, such as ``{"gender": ["F", None]}``.
        student: The number of each among those of the training data, for networks that know them.

    Returns:
        A store in memory. Where numbers are given, it has as many students as the highest says,
        most of them without courses.

    Raises:
        DataError: Somebody has taken nothing; it names the row, from 0.
    """
    for row, history in enumerate(histories):
        if isinstance(history, str) or not hasattr(history, "__len__") or not len(history):
            nothing = hasattr(history, "__len__") and not len(history)
            refuse(
                row,
                "history",
                None if nothing else history,
                "It is a list of courses, one at least.",
            )
    numbers = list(range(len(histories)) if student is None else student)
    size = 1 + max(numbers, default=-1)
    by_number: list[Sequence[str]] = [()] * size
    for number, history in zip(numbers, histories, strict=True):
        by_number[number] = history
    courses = Names(dict.fromkeys(str(name) for history in by_number for name in history))
    kinds, of_students = {ITEM: courses}, {}
    for attribute, given in (groups or {}).items():
        column = listed(given)
        names = Names(dict.fromkeys(str(name) for name in column if name is not None))
        kinds[GROUP + attribute] = names
        ids = np.zeros(size, np.int64)
        ids[numbers] = [0 if name is None else names.id(str(name)) for name in column]
        of_students[attribute] = ids
    return write_enrolments(
        Memory(),
        Vocabulary(kinds),
        [str(number) for number in range(size)],
        [len(history) for history in by_number],
        courses.ids(str(name) for history in by_number for name in history),
        groups=of_students,
    )
