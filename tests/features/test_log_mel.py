"""Log-mel frames say how loud which pitch is, however a recording is cut into blocks."""

import numpy as np
import pytest

from tests.spoken_files import RATE, tone
from torchedu.features import log_mel
from torchedu.features.log_mel import LogMel

HOW = LogMel(RATE, 40)


def test_a_tone_is_loud_in_its_band_alone() -> None:
    low, high = (int(HOW(tone(pitch, 1.0)).mean(0).argmax()) for pitch in (300, 2400))
    assert low < 10
    assert high > 25
    frames = HOW(tone(300, 1.0))
    assert frames[:, low].min() > frames[:, high].max() + 3


def test_frames_are_those_of_the_definition() -> None:
    samples = tone(700, 0.1)
    frames = HOW(samples)
    assert len(frames) == HOW.frames(len(samples)) == 1 + (800 - 200) // 80
    window = np.hanning(201)[:-1]
    third = np.abs(np.fft.rfft(samples[160:360] / 32768 * window, 256)) ** 2
    banks = log_mel._Filters.of(HOW).mel
    assert np.allclose(banks.sum(0), 1, atol=1e-5)
    assert np.allclose(frames[2], np.log(third @ banks + log_mel.FLOOR), atol=1e-3)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = tone(500, 1.0)
    whole = HOW(samples)
    monkeypatch.setattr(log_mel, "BLOCK", 7)
    assert np.array_equal(HOW(samples), whole)


@pytest.mark.parametrize("size", [1, 199, 200, 279, 280])
def test_a_short_recording_has_a_frame(size: int) -> None:
    frames = HOW(tone(500, 1.0)[:size])
    assert frames.shape == (1 + (size >= 280), 40)
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("how", [LogMel(4_000, 8), LogMel(8_000, 128), LogMel(48_000, 256)])
def test_no_band_is_deaf(how: LogMel) -> None:
    noise = np.random.default_rng(0).normal(size=how.rate) * 3000
    assert how(noise.astype(np.int16)).min() > np.log(log_mel.FLOOR) + 1
    assert (log_mel._Filters.of(how).mel.sum(0) > 0.99).all()
