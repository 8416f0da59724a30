"""What is summed up of recordings, for models that read no frames."""

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.spoken import SpokenStore
from torchedu.features.log_mel import LogMel


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
