"""Recordings as log-mel frames: how loud each band of pitches is, a hundred times a second."""

from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 0.025, 0.010
"""Seconds of a frame, and from the beginning of one to that of the next."""
LOWEST = 60.0
"""Hertz where the lowest band begins: below it are hum and wind."""
FLOOR = 1e-7
"""Power that is taken for nothing, of sound between -1 and 1."""
BLOCK = 3000
"""Frames that are in memory at once."""


class LogMel(NamedTuple):
    """Makes log-mel frames (Davis and Mermelstein, IEEE TASSP 1980, without the cosines).

    Attributes:
        rate: Samples a second.
        bands: Bands of equal width in mel, up to half the rate.
    """

    rate: int
    bands: int

    @property
    def name(self) -> str:
        """What tells these frames from others."""
        return f"log-mel of {self.bands} bands at {self.rate} Hz"

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(HOP * self.rate)

    def frames(self, samples: int | NDArray[Any]) -> Any:
        """Return how many frames so many samples have: one at least."""
        return np.maximum(1, 1 + (np.asarray(samples) - round(FRAME * self.rate)) // self.hop)

    def __call__(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the frames of a recording.

        Args:
            samples: Shape (samples,); zeros follow where they are less than a frame.

        Returns:
            Natural logarithms of powers; shape (frames, bands).
        """
        return _Filters.of(self)(samples, int(self.frames(len(samples))))


class _Filters:
    """Windows and filters of a rate, made once."""

    _made: ClassVar[dict[LogMel, "_Filters"]] = {}

    def __init__(self, how: LogMel) -> None:
        self.how, self.length = how, round(FRAME * how.rate)
        self.size = 1 << (self.length - 1).bit_length()
        self.window = np.hanning(self.length + 1)[:-1].astype(np.float32) / (1 << 15)

    @classmethod
    def of(cls, how: LogMel) -> "_Filters":
        if how not in cls._made:
            cls._made[how] = cls(how)
        return cls._made[how]

    @cached_property
    def mel(self) -> NDArray[np.float32]:
        """Triangles of equal width in mel; shape (frequencies, bands)."""
        edges = np.linspace(_mel(LOWEST), _mel(self.how.rate / 2), self.how.bands + 2)
        place = _mel(np.fft.rfftfreq(self.size, 1 / self.how.rate))[:, None]
        width = edges[1] - edges[0]
        triangles = np.maximum(0, 1 - np.abs(place - edges[1:-1]) / width)
        # Where bands are narrower than the steps of the transform, the nearest one stands for all.
        nearest = np.abs(place - edges[1:-1]).argmin(0)
        lone = triangles.sum(0) == 0
        triangles[nearest[lone], np.flatnonzero(lone)] = 1
        mel: NDArray[np.float32] = (triangles / triangles.sum(0)).astype(np.float32)
        return mel

    def __call__(self, samples: NDArray[np.int16], frames: int) -> NDArray[np.float32]:
        wanted = (frames - 1) * self.how.hop + self.length
        if len(samples) < wanted:
            samples = np.pad(samples, (0, wanted - len(samples)))
        slots = np.lib.stride_tricks.sliding_window_view(samples, self.length)[:: self.how.hop]
        mel = np.empty((frames, self.how.bands), np.float32)
        for begin in range(0, frames, BLOCK):
            some = slice(begin, min(begin + BLOCK, frames))
            spectrum = np.fft.rfft(slots[some] * self.window, self.size)
            power = spectrum.real**2 + spectrum.imag**2
            mel[some] = np.log(power.astype(np.float32) @ self.mel + FLOOR)
        return mel


def _mel(hertz: Any) -> Any:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)
