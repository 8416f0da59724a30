"""From answers typed and spoken to batches, and from answers in Python to both."""

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import SpokenBatch
from torchedu.companions import Companions
from torchedu.datasets.audio import BadRecording, decode, from_samples
from torchedu.datasets.memory import Memory
from torchedu.datasets.order import Windows
from torchedu.datasets.spoken import SpokenStore, write_spoken
from torchedu.features import Embeddings
from torchedu.features.log_mel import LogMel
from torchedu.features.speech import SpeechStates
from torchedu.readers.rows import Rows, columns_of, refuse
from torchedu.readers.rows import texts as texts_of
from torchedu.schema import RESERVED, SCORE

MOST_SECONDS = 600.0
"""A longer recording is no answer."""
EITHER = "Each row has a text, a recording, or both."


class SpokenBatches:
    """Builds batches of answers.

    Attributes:
        target: What people gave, in 0..1 of the ranges in use, NaN where missing; shape
            (answers, scores).

    Args:
        store: The answers.
        scores: What each answer was given; shape (answers, scores).
        ranges: Lowest and highest score; shape (scores, 2).
        how: Makes frames of recordings, or states that stand for them.
        window: Frames of a window, at most.
        most_bytes: Bytes of a text that are read, from its beginning.
        vectors: A frozen encoder's vectors of the texts, instead of bytes.
    """

    def __init__(
        self,
        store: SpokenStore,
        scores: NDArray[np.floating[Any]],
        ranges: NDArray[np.floating[Any]],
        how: LogMel | SpeechStates,
        window: int,
        most_bytes: int,
        vectors: Embeddings | None = None,
    ) -> None:
        self.store, self.vectors = store, vectors
        self._scores, self._how, self._window, self._most_bytes = scores, how, window, most_bytes
        self._frames = np.where(store.recording >= 0, how.frames(store.lengths), 0)
        self._typed = np.diff(store.offsets("answers", "text")) > 0
        self.rescale(ranges)
        self._choose(np.arange(store.num_answers))

    def rescale(self, ranges: NDArray[np.floating[Any]]) -> None:
        """Tell scores in 0..1 of other ranges; shape (scores, 2)."""
        low, high = np.asarray(ranges, np.float64).T
        self.target = (self._scores - low) / np.maximum(high - low, 1e-9)
        self._known = np.isfinite(self.target)

    def _choose(self, rows: NDArray[np.int64]) -> None:
        self.rows = rows
        zero = np.zeros_like(rows)
        self.windows = Windows(rows, zero, zero, self._known[rows].sum(1))

    def of(self, rows: NDArray[np.int64]) -> Self:
        """Return what builds batches of some answers alone.

        Args:
            rows: Their rows in the store.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._choose(rows)
        return other

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what each answer costs: its frames, one at least."""
        return np.maximum(self._frames[rows], 1)

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> SpokenBatch:
        """Build one batch.

        Args:
            index: Which of the answers chosen; shape (B,).
            scored: Whether they count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        rows = self.rows[index]
        frame_BWIF, heard_BWI = self._heard(rows)
        scored_BY = self._known[rows] & scored
        has_BC = np.stack([self._typed[rows], self._frames[rows] > 0], 1)
        none = self.vectors is None
        return SpokenBatch(
            torch.from_numpy(self._bytes(rows) if none else np.zeros((len(rows), 1), np.int64)),
            torch.from_numpy(np.zeros((len(rows), 0), np.float32) if self.vectors is None
                             else self.vectors[rows]),
            torch.from_numpy(frame_BWIF),
            torch.from_numpy(heard_BWI),
            torch.from_numpy(has_BC),
            torch.from_numpy(np.nan_to_num(self.target[rows]).astype(np.float32)),
            torch.from_numpy(scored_BY),
            torch.from_numpy(rows),
            torch.full((len(rows),), float(max(1, scored_BY.sum()))),
        )  # fmt: skip

    def _heard(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the frames of recordings in windows, and which are no padding.

        A recording is cut alike in any company.
        """
        number = self._frames[rows]
        most = max(1, int(number.max(initial=0)))
        windows, length = -(-most // self._window), min(most, self._window)
        frame_BIF = np.zeros((len(rows), windows * length, self._how.bands), np.float32)
        for i, row in enumerate(rows.tolist()):
            if number[i]:
                frame_BIF[i, : number[i]] = self._how(self.store.sound(row))
        heard_BI = np.arange(windows * length) < number[:, None]
        return (
            frame_BIF.reshape(len(rows), windows, length, -1),
            heard_BI.reshape(len(rows), windows, length),
        )

    def _bytes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return texts as bytes plus 1, padded with 0."""
        bounds = self.store.offsets("answers", "text")
        first, length = bounds[rows], np.minimum(np.diff(bounds)[rows], self._most_bytes)
        step_U = np.arange(max(1, int(length.max(initial=0))))
        seen_BU = step_U < length[:, None]
        byte_BU = np.zeros(seen_BU.shape, np.int64)
        values = self.store.values("answers", "text.utf8")
        byte_BU[seen_BU] = values[(first[:, None] + step_U)[seen_BU]].astype(np.int64) + 1
        return byte_BU


def read_answers(rows: Rows, known: Companions, most_seconds: float = math.inf) -> SpokenStore:
    """Read answers that are to be graded.

    Args:
        rows: Each with ``text``, ``audio`` or both. ``audio`` is the path of a recording, the bytes
            of one, or a pair of samples (numbers in -1..1, or int16) and their rate.
        known: What the weights of the network that grades them belong to.
        most_seconds: Seconds that all recordings may have together.

    Returns:
        A store in memory.

    Raises:
        DataError: An answer is neither typed nor spoken, or a recording cannot be used; it names
            the row, from 0.
    """
    rate = int(known.reading["rate"])
    columns = columns_of(rows, (), ("text", "audio"))
    if not columns:
        refuse(0, "audio", None, EITHER)
    size = max(map(len, columns.values()), default=0)
    texts = texts_of(columns.get("text", [None] * size), "text", required=False)
    sounds: list[NDArray[np.int16]] = []
    recording, left = np.full(size, -1), most_seconds
    for row, given in enumerate(columns.get("audio", [None] * size)):
        if given is not None and not (isinstance(given, str) and not given):
            recording[row] = len(sounds)
            sounds.append(_sound(given, rate, row, min(MOST_SECONDS, left)))
            left -= len(sounds[-1]) / rate
        elif not texts[row]:
            refuse(row, "audio", None, EITHER)
    scores = list(known.vocabulary[SCORE])
    values: Mapping[str, Any] = {"recording": recording} | {
        f"{SCORE}.{name}": np.full(size, np.nan) for name in scores
    }
    return write_spoken(Memory(), scores, {"text": texts}, values, sounds, rate)


def _sound(given: Any, rate: int, row: int, most_seconds: float) -> NDArray[np.int16]:
    """Return the samples of what stands for a recording."""
    try:
        if isinstance(given, bytes):
            return decode(BytesIO(given), rate, most_seconds).samples
        if isinstance(given, str | Path):
            with Path(given).open("rb") as stream:
                return decode(stream, rate, most_seconds).samples
        samples, own = given
        if len(samples) > most_seconds * int(own):
            raise BadRecording("the recording is too long")
        return from_samples(np.asarray(samples), int(own), rate)
    except OSError as error:
        refuse(row, "audio", str(given), f"It cannot be read: {error.strerror or error}.")
    except BadRecording as error:
        shown = given if isinstance(given, str | Path) else "a recording"
        refuse(row, "audio", str(shown), f"It cannot be graded: {error}.")
    except (TypeError, ValueError):
        refuse(row, "audio", type(given).__name__,
               "Give a path, the bytes of a file, or samples with their rate.")  # fmt: skip


def ranges_of(known: Companions) -> NDArray[np.float64]:
    """Return lowest and highest of each score that a network knows; shape (scores, 2)."""
    assert known.ranges is not None
    return known.ranges[RESERVED, :, :2].astype(np.float64)


def all_read(store: SpokenStore, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the scores of answers by name, NaN of those that the store lacks."""
    own = list(store.score_names)
    table = np.full((store.num_answers, len(names)), np.nan)
    for i, name in enumerate(names):
        if name in own:
            table[:, i] = store.scores[:, own.index(name)]
    return table
