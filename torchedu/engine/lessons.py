"""Lessons tagged sentence by sentence."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from torchedu.batch import LessonBatch
from torchedu.datasets.order import cut_windows
from torchedu.datasets.splits import Part
from torchedu.domains import Lessons
from torchedu.engine.encoder import embedder
from torchedu.engine.engine import Engine
from torchedu.features import Embedder
from torchedu.readers.rows import Rows
from torchedu.readers.transcripts import LessonBatches, read_lesson
from torchedu.schema import RESERVED, ROLES, TAG


class SentenceTag(NamedTuple):
    """A sentence's role, its likeliest tag, and how likely the network takes it to be.

    ``tag`` is None where the network knows none of the role.
    """

    role: str
    tag: str | None
    probability: float


class LessonsEngine(Engine[Lessons], serves=Lessons):
    """Tags what teachers and students say."""

    @torch.inference_mode()
    def tag(self, lesson: Rows) -> list[SentenceTag]:
        """Tag each sentence of a lesson.

        Args:
            lesson: Its sentences in order; see ``readers.transcripts.read_lesson``.

        Returns:
            A tag for each sentence.

        Raises:
            DataError: A field is missing or cannot be; it names the row, from 0.
        """
        batch = self.batch(lesson)
        said, names = self.domain.predict(batch), self.companions.vocabulary
        # Sentences that stand in a stretch as what came before are asked about in another.
        role = batch.role_BL[batch.asked_BL].tolist()
        columns = zip(role, said.tag.tolist(), said.probability.tolist(), strict=True)
        tags = []
        for who, id, chance in columns:
            known = names[TAG + ROLES[who]]
            named = known.name(id) if len(known) > RESERVED else None
            tags.append(SentenceTag(ROLES[who], named, chance))
        order = np.argsort(said.position.numpy(), kind="stable")
        return [tags[i] for i in order.tolist()]

    def batch(self, lesson: Rows) -> LessonBatch:
        """Return the batch that the network reads of a lesson; see ``tag``."""
        store = read_lesson(lesson)
        size = np.array([store.num_sentences])
        most = int(self.companions.reading.get("sentences", 2500))
        windows = cut_windows(Part(np.zeros(1, np.int64), 0 * size, size), most, most // 10)
        vectors = self._embed(store.sentences(np.arange(store.num_sentences)))
        none = [np.arange(RESERVED) for _ in ROLES]
        return LessonBatches(store, windows, vectors, none)(np.arange(len(windows.student)))

    @cached_property
    def _embed(self) -> Embedder:
        return embedder(self.companions)
