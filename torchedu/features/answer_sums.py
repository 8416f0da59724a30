"""What is summed up of recordings and photographs, for models that read no frames or pixels."""

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.photographs import resized
from torchedu.datasets.spoken import SpokenStore
from torchedu.features.log_mel import LogMel

PLACES = 12
"""Places along each side of a photograph."""


def sound_sums(
    store: SpokenStore, how: LogMel, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sum up answers.

    Args:
        store: The answers.
        how: Makes frames of their recordings.
        rows: Which; shape (rows,).

    Returns:
        Of each band its mean, its spread and its mean step from frame to frame, zero without a
        recording, shape (rows, 3 x bands); and seconds, their logarithm, words and words a second,
        shape (rows, 4).
    """
    sound = np.zeros((len(rows), 3 * how.bands), np.float32)
    for i, row in enumerate(rows.tolist()):
        if store.recording[row] >= 0:
            frame_IF = how(store.sound(row))
            step_IF = np.abs(np.diff(frame_IF, axis=0, prepend=frame_IF[:1]))
            sound[i] = np.concatenate([frame_IF.mean(0), frame_IF.std(0), step_IF.mean(0)])
    seconds = store.lengths[rows] / store.rate
    words = np.array([len(store.all_texts[row].split()) for row in rows.tolist()])
    rate = words / np.maximum(seconds, 0.1) * (seconds > 0)
    pace = np.stack([seconds, np.log1p(seconds), words, rate], 1).astype(np.float32)
    return sound, pace


def ink_sums(store: SpokenStore, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Sum up photographs.

    Args:
        store: The answers.
        rows: Which; shape (rows,).

    Returns:
        How dark each of some places is, 0 for white and without a photograph, and how much that
        varies in all; shape (rows, places x places + 1).
    """
    ink = np.zeros((len(rows), PLACES**2 + 1), np.float32)
    for i, row in enumerate(rows.tolist()):
        if store.photograph[row] >= 0:
            dark = 1 - resized(store.picture(row), PLACES, PLACES).mean(2, dtype=np.float32) / 255
            ink[i] = np.append(dark.ravel(), dark.std())
    return ink
