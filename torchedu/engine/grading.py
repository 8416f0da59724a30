"""Texts graded as they come."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from torchedu.batch import EssayBatch
from torchedu.companions import Companions
from torchedu.domains import Grading
from torchedu.engine.encoder import embedder, tokens_of
from torchedu.engine.engine import Engine
from torchedu.errors import DataError
from torchedu.features import Embedder
from torchedu.readers.rows import Rows
from torchedu.readers.texts import EssayBatches, beside, counted, lines_beside, read_texts
from torchedu.schema import LABEL, SCORE, SURFACE_NUMBERS


class Grade(NamedTuple):
    """What a text is given.

    Attributes:
        scores: The overall score, then traits, in steps of the prompt's scale; none where labels
            are given.
        label: The likeliest label; None where scores are given.
        chances: The chance of each label.
    """

    scores: dict[str, float]
    label: str | None
    chances: dict[str, float]


class GradingEngine(Engine[Grading], serves=Grading):
    """Grades essays and short answers."""

    def grade(
        self,
        texts: str | Sequence[str],
        *,
        prompt: str | None = None,
        reference: str | None = None,
        question: str | None = None,
    ) -> Any:
        """Grade texts of one prompt.

        Args:
            texts: One text, or several.
            prompt: The prompt; may be left out where the network knows one alone.
            reference: What a right answer says, a line each.
            question: What was asked.

        Returns:
            A ``Grade``; a list of them for several texts.

        Raises:
            DataError: See ``grade_many``.
        """
        several = (
            list(texts) if hasattr(texts, "__iter__") and not isinstance(texts, str) else [texts]
        )
        given = {"prompt": prompt, "reference": reference, "question": question}
        columns = {name: [value] * len(several) for name, value in given.items() if value}
        grades = self.grade_many({"text": several, **columns})
        return grades[0] if isinstance(texts, str) else grades

    @torch.inference_mode()
    def grade_many(self, rows: Rows) -> list[Grade]:
        """Grade texts.

        Args:
            rows: Dicts or a table with ``text``, and where they have them ``prompt``,
                ``reference`` and ``question``; see ``readers.texts.read_texts``.

        Raises:
            DataError: A field is missing, or a prompt is not known; it names the row, from 0.
        """
        batch = self.batch(rows)
        value = self.domain.values(batch)
        names = self.companions.vocabulary
        if self.domain.num_labels:
            labels = list(names[LABEL])
            return [
                Grade({}, labels[int(np.argmax(row))], dict(zip(labels, row, strict=True)))
                for row in value.tolist()
            ]
        scores = self.domain.scaled(value.double().numpy(), batch.prompt_B.numpy())
        scored = [dict(zip(names[SCORE], row, strict=True)) for row in scores.tolist()]
        return [Grade(scores, None, {}) for scores in scored]

    def batch(self, rows: Rows) -> EssayBatch:
        """Return the batch that the network reads of texts; see ``grade_many``."""
        store = read_texts(rows, self.companions)
        pairs = beside(store)
        if self.domain.num_roles > 1 and pairs is None:
            raise DataError(
                "the rows have no field 'reference', against which the network holds answers.",
                "Give what a right answer says, or else the question.",
                option="reference",
            )
        pairs = pairs if self.domain.num_roles > 1 else None
        if self.domain.net.reads == "tokens":
            tokens = tokens_of(self.companions, store.all_texts, pairs)
            batches = EssayBatches(store, counted(store), tokens=tokens)
        else:
            lines = lines_beside(pairs)
            texts = [*store.all_texts, *(line for some in lines for line in some)]
            counts = [len(some) for some in lines]
            batches = EssayBatches(store, counted(store), self._embed(texts), counts)
        own = Companions(columns={"surface": SURFACE_NUMBERS})
        batches.use(self.companions, self.companions.places("surface", own))
        return batches(np.arange(store.num_texts))

    @cached_property
    def _embed(self) -> Embedder:
        return embedder(self.companions)
