"""Answers typed, spoken and photographed, graded as they come."""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import SpokenBatch
from torchedu.domains import Spoken
from torchedu.engine.encoder import embedder, listener, viewer
from torchedu.engine.engine import Engine
from torchedu.features import Embedder
from torchedu.features.log_mel import LogMel
from torchedu.features.pictures import PictureStates, Pixels
from torchedu.features.speech import SpeechStates
from torchedu.metrics.grades import interval
from torchedu.readers.rows import Rows
from torchedu.readers.spoken import SpokenBatches, ranges_of, read_answers
from torchedu.schema import SCORE

MOST_FRAMES = 60_000
"""Frames of a batch with its padding, where it has several answers: memory goes by these."""


class SpokenScore(NamedTuple):
    """A score.

    Attributes:
        value: What is expected, on the scale that the network was trained on.
        low: The true score lies above this, and below ``high``, with a chance of 80 %.
        high: See ``low``.
    """

    value: float
    low: float
    high: float


class SpokenEngine(Engine[Spoken], serves=Spoken):
    """Grades answers typed, spoken and photographed."""

    @torch.inference_mode()
    def grade(
        self, answers: Rows, most_seconds: float = math.inf, most_pixels: float = math.inf
    ) -> list[dict[str, SpokenScore]]:
        """Grade answers.

        Args:
            answers: Each with ``text``, ``audio``, ``image`` or several; see
                ``readers.spoken.read_answers``.
            most_seconds: Seconds that their recordings may have together.
            most_pixels: Pixels that their photographs may have together, as they come.

        Returns:
            Of each answer its scores, by name.

        Raises:
            DataError: A file cannot be used, or there is nothing; it names the row, from 0.
        """
        batches = self._batches(answers, most_seconds, most_pixels)
        if not len(batches.rows):
            return []
        pieces = _together(batches.lengths(batches.rows))
        chance_BYK = torch.cat([self.domain.chances(batches(rows)) for rows in pieces])
        low, high = ranges_of(self.companions).T
        value = low + self.domain.values(chance_BYK).double().numpy() * (high - low)
        graded: list[dict[str, SpokenScore]] = [{} for _ in value]
        for y, name in enumerate(self.companions.vocabulary[SCORE]):
            ends = interval(chance_BYK[:, y].double().numpy(), int(self.domain.places_Y[y]))
            first, last = (low[y] + end * (high[y] - low[y]) for end in ends)
            for row, scores in enumerate(graded):
                numbers = (float(value[row, y]), float(first[row]), float(last[row]))
                scores[name] = SpokenScore(*(round(number, 6) for number in numbers))
        return graded

    def batch(self, answers: Rows) -> SpokenBatch:
        """Return the batch that the network reads of answers; see ``grade``."""
        batches = self._batches(answers)
        return batches(batches.rows)

    def _batches(
        self, answers: Rows, most_seconds: float = math.inf, most_pixels: float = math.inf
    ) -> SpokenBatches:
        known, how = self.companions, self.companions.reading
        store = read_answers(answers, known, most_seconds, most_pixels)
        vectors = None if how["encoder"] is None else self._embed(store.all_texts)
        ranges = ranges_of(known)
        return SpokenBatches(
            store, np.full((store.num_answers, len(ranges)), np.nan), ranges,
            self._hears, int(how["frames"]), int(how["text_bytes"]), vectors, self._looks,
        )  # fmt: skip

    @cached_property
    def _embed(self) -> Embedder:
        return embedder(self.companions)

    @cached_property
    def _hears(self) -> LogMel | SpeechStates:
        return listener(self.companions)

    @cached_property
    def _looks(self) -> Pixels | PictureStates | None:
        return viewer(self.companions)


def _together(length_B: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the answers that are graded at once, in their order; see ``MOST_FRAMES``."""
    begin, longest = 0, 0
    for row, length in enumerate(length_B.tolist()):
        longest = max(longest, length)
        if row > begin and (row + 1 - begin) * longest > MOST_FRAMES:
            yield np.arange(begin, row)
            begin, longest = row, length
    yield np.arange(begin, len(length_B))
