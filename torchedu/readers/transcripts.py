"""From stretches of lessons to padded batches, and from sentences in Python to lessons."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import LessonBatch
from torchedu.datasets.memory import Memory
from torchedu.datasets.order import Windows
from torchedu.datasets.transcripts import TranscriptStore, role_by_name, write_transcripts
from torchedu.features import Embeddings
from torchedu.readers.rows import Rows, columns_of, refuse
from torchedu.readers.rows import texts as texts_of
from torchedu.schema import RESERVED, ROLES, TAG, Names, Vocabulary


class LessonBatches:
    """Builds batches of lessons.

    Args:
        store: The lessons.
        windows: The stretches of lessons that batches are made of.
        vectors: A vector for each sentence.
        tag_ids: For each role, the id in use of each of the store's ids of tags.
    """

    def __init__(
        self,
        store: TranscriptStore,
        windows: Windows,
        vectors: Embeddings,
        tag_ids: list[NDArray[np.int64]],
    ) -> None:
        self.windows = windows
        self._vectors = vectors
        self._offsets = store.lesson_offsets
        names = ("role", "speaker", "turn", "words", "tag")
        self._columns = {name: store.column(name) for name in names}
        self._tag_ids = tag_ids

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> LessonBatch:
        """Build one batch.

        Args:
            index: Which stretches; shape (B,).
            scored: Whether its sentences count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        lesson, start, first, stop = self.windows.take(index)
        length = stop - start
        step_L = np.arange(length.max())
        seen_BL = step_L < length[:, None]
        sentence = ((self._offsets[lesson] + start)[:, None] + step_L)[seen_BL]
        vector_BLD = np.zeros((*seen_BL.shape, self._vectors.dim), np.float32)
        vector_BLD[seen_BL] = self._vectors[sentence]

        def padded(name: str, fill: int) -> NDArray[np.int64]:
            table = np.full(seen_BL.shape, fill, np.int64)
            table[seen_BL] = self._columns[name][sentence]
            return table

        role_BL, tag_BL = padded("role", 0), padded("tag", 0)
        for number, ids in enumerate(self._tag_ids):
            mine = role_BL == number
            tag_BL[mine] = ids[tag_BL[mine]]
        asked_BL = seen_BL & (step_L >= (first - start)[:, None]) & scored
        return LessonBatch(
            torch.from_numpy(vector_BLD),
            torch.from_numpy(role_BL),
            torch.from_numpy(padded("speaker", -1)),
            torch.from_numpy(padded("turn", -1)),
            torch.from_numpy(padded("words", 0).astype(np.float32)),
            torch.from_numpy(tag_BL),
            torch.from_numpy(seen_BL),
            torch.from_numpy(asked_BL),
            torch.from_numpy(asked_BL & (tag_BL >= RESERVED)),
            torch.from_numpy(np.asarray(lesson)),
            torch.from_numpy(np.asarray(start)),
            torch.full((len(index),), float(max(1, asked_BL.sum()))),
        )


def read_lesson(rows: Rows) -> TranscriptStore:
    """Read the sentences of a lesson.

    Args:
        rows: In the order in which they were said, each with ``sentence``, and where it is known
            ``speaker``, ``role`` (``teacher`` or ``student``; where it is not said the speaker's
            name tells) and ``turn`` (another one begins where it changes, or the speaker does).

    Returns:
        A store of one lesson, in memory.

    Raises:
        DataError: A sentence is missing, or a role is neither; it names the row, from 0.
    """
    columns = columns_of(rows, ("sentence",), ("speaker", "role", "turn"))
    texts = texts_of(columns["sentence"], "sentence")
    size = len(texts)
    speaker = [str(x or "unknown").strip() for x in columns.get("speaker", [None] * size)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(speaker))}
    role = np.empty(size, np.int64)
    for row, (said, who) in enumerate(
        zip(columns.get("role", [None] * size), speaker, strict=True)
    ):
        if said is not None and said not in ROLES:
            refuse(row, "role", said, f"It is {' or '.join(ROLES)}.")
        role[row] = role_by_name(who) if said is None else ROLES.index(said)
    turns = list(zip(columns.get("turn", [None] * size), speaker, strict=True))
    begins = [row > 0 and turns[row] != turns[row - 1] for row in range(size)]
    sentences: dict[str, Any] = {
        "role": role, "turn": np.cumsum(begins, dtype=np.int64),
        "speaker": [numbers[who] for who in speaker], "tag": np.zeros(size, np.int64),
        "words": [len(text.split()) for text in texts],
    }  # fmt: skip
    names = Vocabulary({TAG + name: Names() for name in ROLES})
    return write_transcripts(Memory(), names, ["lesson"], [size], sentences, texts, list(numbers))
