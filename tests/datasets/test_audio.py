"""Recordings of every common form are read alike, and what is none is told apart."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from tests.spoken_files import RATE, tone
from torchedu.datasets.attached import BadFile
from torchedu.datasets.audio import decode, from_samples

SECOND = tone(440, 1.0).astype(np.float32) / 32768


def coded(form: str, subtype: str | None = None, channels: int = 1, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    samples = np.stack([SECOND] * channels, 1) if channels > 1 else SECOND
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


def read(content: bytes, rate: int = RATE, most_seconds: float = 60) -> np.ndarray:
    return decode(io.BytesIO(content), rate, most_seconds).samples


@pytest.mark.parametrize(
    ("form", "subtype", "off"),
    [
        ("WAV", "PCM_16", 1), ("WAV", "PCM_24", 1), ("WAV", "FLOAT", 1), ("WAV", "PCM_U8", 300),
        ("FLAC", None, 1), ("OGG", None, 3000), ("MP3", None, 3000),
    ],
)  # fmt: skip
def test_every_form_is_read_alike(form: str, subtype: str | None, off: int) -> None:
    samples = read(coded(form, subtype))
    assert samples.dtype == np.int16
    assert abs(len(samples) - RATE) <= RATE // 10  # MP3 fills up its frames
    size = min(len(samples), RATE)
    assert np.abs(samples[:size] - SECOND[:size] * 32768).max() <= off


def test_channels_are_averaged_and_eight_bits_are_told() -> None:
    heard = decode(io.BytesIO(coded("WAV", channels=2)), RATE, 60)
    assert heard.channels == 2
    assert np.abs(heard.samples - SECOND * 32768).max() <= 1
    assert decode(io.BytesIO(coded("WAV", "PCM_U8")), RATE, 60).coding == "PCM_U8"


@pytest.mark.parametrize("rate", [4_000, 11_025, 16_000, 48_000])
def test_a_tone_stays_the_same_tone_at_another_rate(rate: int) -> None:
    samples = read(coded("WAV"), rate)
    assert abs(len(samples) - rate) <= 1
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()] == pytest.approx(440, abs=2)


def cut(form: str) -> bytes:
    content = coded(form)
    return content[: len(content) // 2]


def header(at: int, content: bytes) -> bytes:
    whole = coded("WAV", "PCM_16")
    return whole[:at] + content + whole[at + len(content) :]


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "no sound can be read"),
    "text": (lambda: b"I speak." * 99, "no sound can be read"),
    "the beginning of a header": (lambda: coded("WAV")[:20], "no sound can be read"),
    "a cut WAV": (lambda: cut("WAV"), "is cut"),
    "a cut FLAC": (lambda: cut("FLAC"), "is cut"),
    "a cut MP3": (lambda: cut("MP3"), "is cut"),
    "no rate": (lambda: header(24, bytes(4)), "no sound can be read"),
    "a rate of 10 samples": (lambda: header(24, b"\x0a\0\0\0"), "tells no rate of speech"),
    "nine channels": (lambda: header(22, b"\x09\0"), "too many channels"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_recording_is_told_apart(name: str) -> None:
    content, reason = BAD[name]
    with pytest.raises(BadFile, match=reason):
        read(content())


def test_a_stream_that_does_not_know_its_length_is_whole() -> None:
    unsaid = b"\xff\xff\xff\xff"
    assert len(read(header(40, unsaid))) == RATE


def test_silence_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(BadFile, match="is silent"):
        from_samples(np.zeros(RATE, np.int16), RATE, RATE)
    with pytest.raises(BadFile, match=r"is shorter than 0\.05 s"):
        from_samples(tone(440, 0.02), RATE, RATE)
    with pytest.raises(BadFile, match="is empty"):
        from_samples(tone(440)[:0], RATE, RATE)
    with pytest.raises(BadFile, match="is too long"):
        read(coded("WAV"), most_seconds=0.5)


def test_samples_in_memory_are_read_as_a_file_of_them() -> None:
    assert np.array_equal(from_samples(tone(440, 1.0), RATE, RATE), read(coded("WAV", "PCM_16")))
    two = np.stack([SECOND, SECOND], 1)
    assert np.abs(from_samples(two, RATE, RATE) - SECOND * 32768).max() <= 1
    with pytest.raises(BadFile, match="no sound"):
        from_samples(np.full(RATE, np.nan, np.float32), RATE, RATE)
    with pytest.raises(BadFile, match="no row of samples"):
        from_samples(np.zeros((2, 2, 2)), RATE, RATE)
    with pytest.raises(BadFile, match="no rate of speech"):
        from_samples(SECOND, 3, RATE)
