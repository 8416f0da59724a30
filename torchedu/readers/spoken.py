"""From answers typed, spoken and photographed to batches, and from answers in Python to them."""

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
from torchedu.datasets import audio, photographs
from torchedu.datasets.attached import ATTACHED, PHOTOGRAPH, RECORDING, Attached, BadFile
from torchedu.datasets.memory import Memory
from torchedu.datasets.ocr import SIDE, ocr_reader
from torchedu.datasets.order import Windows
from torchedu.datasets.spoken import SIDE as KEPT_SIDE
from torchedu.datasets.spoken import SpokenStore, write_spoken
from torchedu.features import Embeddings
from torchedu.features.log_mel import LogMel
from torchedu.features.pictures import PictureStates, Pixels
from torchedu.features.speech import SpeechStates
from torchedu.readers.rows import Rows, columns_of, refuse
from torchedu.readers.rows import texts as texts_of
from torchedu.schema import RESERVED, SCORE

MOST_SECONDS = 600.0
"""A longer recording is no answer."""
PLACE = 64
"""Pixels that cost about as much as a frame."""
SOME = "Each row has a text, a recording, a photograph, or more."


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
        looks: Makes pixels of photographs, or states that stand for them; None looks at none.
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
        looks: Pixels | PictureStates | None = None,
    ) -> None:
        self.store, self.vectors, self._looks = store, vectors, looks
        self._scores, self._how, self._window, self._most_bytes = scores, how, window, most_bytes
        self._frames = np.where(store.recording >= 0, how.frames(store.lengths), 0)
        self._typed = np.diff(store.offsets("answers", "text")) > 0
        self._seen = (store.photograph >= 0) & (looks is not None)
        sizes = store.sizes if looks is None else np.stack(looks.shape(*store.sizes.T), 1)
        self._sizes = sizes * self._seen[:, None]
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
        """Return what each answer costs: its frames and what its photograph makes of them."""
        return np.maximum(self._frames[rows] + self._sizes[rows].prod(1) // PLACE, 1)

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
        pixel_BHWF, seen_BHW = self._photographed(rows)
        scored_BY = self._known[rows] & scored
        has_BC = np.stack([self._typed[rows], self._frames[rows] > 0, self._seen[rows]], 1)
        none = self.vectors is None
        return SpokenBatch(
            torch.from_numpy(self._bytes(rows) if none else np.zeros((len(rows), 1), np.int64)),
            torch.from_numpy(np.zeros((len(rows), 0), np.float32) if self.vectors is None
                             else self.vectors[rows]),
            torch.from_numpy(frame_BWIF),
            torch.from_numpy(heard_BWI),
            torch.from_numpy(pixel_BHWF),
            torch.from_numpy(seen_BHW),
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

    def _photographed(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return what is seen of photographs, each from the first corner on, and what is padding.

        A photograph is made smaller alike in any company.
        """
        height, width = np.maximum(1, self._sizes[rows].max(0, initial=0)).tolist()
        size = (len(rows), height, width)
        pixel_BHWF = np.zeros((*size, self._looks.dim if self._looks else 0), np.float32)
        seen_BHW = np.zeros(size, bool)
        for i, row in enumerate(rows.tolist()):
            if self._looks and self._seen[row]:
                own = tuple(map(slice, self._sizes[row].tolist()))
                pixel_BHWF[i][own] = self._looks(self.store.picture(row))
                seen_BHW[i][own] = True
        return pixel_BHWF, seen_BHW

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


def read_answers(
    rows: Rows, known: Companions, most_seconds: float = math.inf, most_pixels: float = math.inf
) -> SpokenStore:
    """Read answers that are to be graded.

    Args:
        rows: Each with ``text``, ``audio``, ``image`` or several of them. ``audio`` and ``image``
            are the path of a file, the bytes of one, or for ``audio`` a pair of samples (numbers in
            -1..1, or int16) and their rate, for ``image`` pixels (uint8).
        known: What the weights of the network that grades them belong to.
        most_seconds: Seconds that all recordings may have together.
        most_pixels: Pixels that all photographs may have together, as they come.

    Returns:
        A store in memory.

    Raises:
        DataError: An answer is neither typed nor spoken nor photographed, or a file cannot be used;
            it names the row, from 0.
    """
    how, names = known.reading, [kind.column for kind in ATTACHED]
    columns = columns_of(rows, (), ("text", *names))
    if not columns:
        refuse(0, "audio", None, SOME)
    size = max(map(len, columns.values()), default=0)
    none: list[Any] = [None] * size
    texts = texts_of(columns.get("text", none), "text", required=False)
    reader = None if how.get("ocr") is None else ocr_reader(str(how["ocr"]))
    kept: dict[Attached, list[NDArray[Any]]] = {kind: [] for kind in ATTACHED}
    which = {kind.noun: np.full(size, -1) for kind in ATTACHED}
    left = {RECORDING: most_seconds, PHOTOGRAPH: most_pixels}
    for row in range(size):
        for kind in ATTACHED:
            given = columns.get(kind.column, none)[row]
            if given is None or (isinstance(given, str) and not given):
                continue
            content, cost = _content(kind, given, how, row, left[kind])
            left[kind] -= cost
            if kind is PHOTOGRAPH:
                if reader and not texts[row]:
                    texts[row] = reader(content)
                content = photographs.shrunk(content, _side(how))
            which[kind.noun][row] = len(kept[kind])
            kept[kind].append(content)
        if not texts[row] and all(own[row] < 0 for own in which.values()):
            refuse(row, "audio", None, SOME)
    scores = list(known.vocabulary[SCORE])
    values: Mapping[str, Any] = which | {f"{SCORE}.{name}": np.full(size, np.nan)
                                         for name in scores}  # fmt: skip
    return write_spoken(
        Memory(), scores, {"text": texts}, values, kept[RECORDING], int(how["rate"]),
        kept[PHOTOGRAPH], _side(how),
    )  # fmt: skip


def _side(how: Mapping[str, Any]) -> int:
    return int(how.get("kept_side", KEPT_SIDE))


def _content(
    kind: Attached, given: Any, how: Mapping[str, Any], row: int, most: float
) -> tuple[NDArray[Any], float]:
    """Return the samples or pixels of what stands for a recording or a photograph.

    Beside them stands what it costs, ``most`` at most: seconds, or pixels before it shrinks.
    """
    if kind is PHOTOGRAPH and how.get("pixels") is None:
        refuse(row, kind.column, type(given).__name__, "The network never saw photographs.")
    try:
        if isinstance(given, bytes):
            return _decoded(kind, BytesIO(given), how, most)
        if isinstance(given, str | Path):
            with Path(given).open("rb") as stream:
                return _decoded(kind, stream, how, most)
        if kind is PHOTOGRAPH:
            if np.ndim(given) < 2:
                raise TypeError
            pixels = np.asarray(given)
            cost = pixels.shape[0] * pixels.shape[1]
            if cost > most:
                raise BadFile("the photograph has too many pixels")
            return photographs.from_pixels(pixels, _largest(how)), cost
        samples, own = given
        if len(samples) > min(MOST_SECONDS, most) * int(own):
            raise BadFile("the recording is too long")
        heard = audio.from_samples(np.asarray(samples), int(own), int(how["rate"]))
        return heard, len(heard) / int(how["rate"])
    except OSError as error:
        refuse(row, kind.column, str(given), f"It cannot be read: {error.strerror or error}.")
    except BadFile as error:
        shown = given if isinstance(given, str | Path) else f"a {kind.noun}"
        refuse(row, kind.column, str(shown), f"It cannot be graded: {error}.")
    except (TypeError, ValueError):
        whole = "pixels" if kind is PHOTOGRAPH else "samples with their rate"
        refuse(row, kind.column, type(given).__name__,
               f"Give a path, the bytes of a file, or {whole}.")  # fmt: skip


def _decoded(
    kind: Attached, stream: Any, how: Mapping[str, Any], most: float
) -> tuple[NDArray[Any], float]:
    if kind is PHOTOGRAPH:
        seen = photographs.decode(stream, _largest(how), most)
        return seen.pixels, seen.announced
    heard = audio.decode(stream, int(how["rate"]), min(MOST_SECONDS, most)).samples
    return heard, len(heard) / int(how["rate"])


def _largest(how: Mapping[str, Any]) -> int:
    """Return the side of a photograph that is decoded: small letters are read before it shrinks."""
    return _side(how) if how.get("ocr") is None else max(_side(how), SIDE)


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
