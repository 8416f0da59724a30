"""Recordings of sound, of any common form, as samples of one channel at one rate."""

import re
import wave
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.attached import BadFile
from torchedu.errors import MissingExtraError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""Endings of recordings in lower case; what they hold is told by their content."""
RATES = (4_000, 192_000)
"""Samples a second that a recording of speech may have; a header that says else is wrong."""
MOST_CHANNELS = 8
LEAST_SECONDS = 0.05
"""A shorter recording holds no sound of speech."""
SILENT = 1e-3
"""The loudest sample of what is silent, as a share of the loudest there can be: -60 dB."""
CUT = 0.01
"""Share of what a file announces that it may lack: some encoders round up."""
BLOCK = 1 << 18
"""Samples that are decoded at once."""
EIGHT_BITS = ("PCM_U8", "PCM_S8", "ULAW", "ALAW")
_DATA = re.compile(r"^data\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNSAID = (0, 0x7FFFFFFF)
"""Sizes that a stream announces which knows none: none, or the largest there can be."""


class Recording(NamedTuple):
    """What a file of sound holds.

    Attributes:
        samples: Of one channel at the rate that was asked for, int16; shape (samples,).
        channels: How many channels it had, whose mean this is.
        coding: How its samples were kept, such as ``PCM_U8``.
    """

    samples: NDArray[np.int16]
    channels: int
    coding: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What its owner should know of how it was kept, in words."""
        several = ("have several channels, whose mean is taken",) * (self.channels > 1)
        return (*several, *("have samples of 8 bits",) * (self.coding in EIGHT_BITS))


def decode(stream: Any, rate: int, most_seconds: float) -> Recording:
    """Read a recording: WAV, FLAC, OGG, MP3 and what else libsndfile knows.

    It is decoded and brought to the rate block by block, so that memory goes by what comes out.

    Args:
        stream: The file, opened for reading bytes in any order.
        rate: Samples a second that are wanted.
        most_seconds: A longer one is refused.

    Raises:
        BadFile: It is empty, cut, silent, too long or too short, or no sound.
        MissingExtraError: soundfile or soxr is not installed.
    """
    soundfile, soxr = _packages()
    try:
        file = soundfile.SoundFile(_Seekable(stream))
    except (soundfile.SoundFileError, OSError, TypeError):
        raise BadFile("no sound can be read from the recording") from None
    with file:
        if not RATES[0] <= file.samplerate <= RATES[1]:
            raise BadFile("the recording's header tells no rate of speech")
        if file.channels > MOST_CHANNELS:
            raise BadFile("the recording's header tells too many channels")
        if file.frames / file.samplerate > most_seconds:
            raise BadFile("the recording is too long")
        if _is_cut(file.extra_info):
            raise BadFile("the recording is cut")
        resampler = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
        parts, read = [], 0
        try:
            for block in _blocks(file):
                read += len(block)
                if read / file.samplerate > most_seconds:
                    raise BadFile("the recording is too long")
                if not np.isfinite(block).all():
                    raise BadFile("the recording holds numbers that are no sound")
                parts.append(_whole_numbers(resampler.resample_chunk(block)))
        except soundfile.SoundFileError:
            raise BadFile("the recording is cut") from None
        if read < (1 - CUT) * file.frames - file.samplerate * LEAST_SECONDS:
            raise BadFile("the recording is cut")
        parts.append(_whole_numbers(resampler.resample_chunk(np.empty(0, np.float32), last=True)))
        samples = np.concatenate(parts)
        check(samples, rate)
        return Recording(samples, file.channels, file.subtype)


def from_samples(samples: NDArray[Any], own: int, rate: int) -> NDArray[np.int16]:
    """Return samples in memory as a file of them would be read.

    Args:
        samples: Numbers in -1..1 or whole ones of 16 bits; shape (samples,) or (samples, channels).
        own: Their samples a second.
        rate: Samples a second that are wanted.

    Raises:
        BadFile: They are no speech.
        MissingExtraError: soxr is not installed.
    """
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "if":
        raise BadFile("the recording is no row of samples")
    if not RATES[0] <= own <= RATES[1]:
        raise BadFile("the recording has no rate of speech")
    x = samples.astype(np.float32) / ((1 << 15) if samples.dtype.kind == "i" else 1)
    if not np.isfinite(x).all():
        raise BadFile("the recording holds numbers that are no sound")
    heard = _whole_numbers(resampled(x.mean(1) if x.ndim == 2 else x, own, rate))
    check(heard, rate)
    return heard


def resampled(samples: NDArray[np.floating[Any]], own: int, rate: int) -> NDArray[np.floating[Any]]:
    """Return samples at another rate.

    Args:
        samples: Shape (samples,).
        own: Their samples a second.
        rate: Samples a second that are wanted.

    Raises:
        MissingExtraError: soxr is not installed.
    """
    if own == rate:
        return samples
    _, soxr = _packages()
    other: NDArray[np.floating[Any]] = soxr.resample(samples, own, rate)
    return other


def wave_file(samples: NDArray[np.int16], rate: int) -> bytes:
    """Return a WAV file of samples of one channel."""
    file = BytesIO()
    with wave.open(file, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def check(samples: NDArray[np.int16], rate: int) -> None:
    """Refuse samples that are no speech.

    Raises:
        BadFile: There are too few, or none is loud.
    """
    if len(samples) < LEAST_SECONDS * rate:
        raise BadFile("the recording is empty" if not len(samples)
                           else f"the recording is shorter than {LEAST_SECONDS} s")  # fmt: skip
    if np.abs(samples.astype(np.int32)).max() < SILENT * (1 << 15):
        raise BadFile("the recording is silent")


class _Seekable:
    """A stream in which a damaged header may point anywhere, also before the beginning.

    soundfile calls it from C, where an error would be printed and be lost.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.read, self.readinto, self.tell = stream.read, stream.readinto, stream.tell

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place if there is such; return where it then is."""
        with suppress(ValueError, OSError):
            self._stream.seek(place, whence)
        return int(self._stream.tell())


def _blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    while True:
        block = file.read(BLOCK, dtype="float32", always_2d=True)
        if not len(block):
            return
        yield block.mean(1) if block.shape[1] > 1 else np.ascontiguousarray(block[:, 0])


def _whole_numbers(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    return np.rint(samples * (1 << 15)).clip(-(1 << 15), (1 << 15) - 1).astype(np.int16)


def _is_cut(log: str) -> bool:
    """Say whether a header announces more than follows it, by what libsndfile noted."""
    match = _DATA.search(log)
    if match is None:
        return False
    announced, there = int(match[1]), int(match[2])
    return there < (1 - CUT) * announced and announced not in _UNSAID and announced < _UNSAID[1]


def _packages() -> tuple[Any, Any]:
    try:
        import soundfile
        import soxr
    except ImportError as error:
        raise MissingExtraError("Reading recordings", error.name or "soundfile", "audio") from None
    except OSError:  # the wheel of another system comes without libsndfile
        raise MissingExtraError("Reading recordings", "libsndfile", "audio") from None
    return soundfile, soxr
