"""States of recordings are made once and kept, and made again where what is kept is bad."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.encoders import write_speech
from torchedu.datasets.audio import resampled
from torchedu.errors import ConfigError
from torchedu.features.speech import SpeechStates
from torchedu.features.states import leave_out, state_key

RATE = 8_000


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_speech(tmp_path_factory.mktemp("models") / "whisper"))


def sounds(number: int) -> list[np.ndarray]:
    drawn = np.random.default_rng(0)
    return [drawn.integers(-9999, 9999, 900 + 1700 * i).astype(np.int16) for i in range(number)]


def test_a_long_recording_is_heard_stretch_by_stretch(encoder: str) -> None:
    states, other = SpeechStates(encoder, 16_000, 1.0), SpeechStates(encoder, 16_000, 2.0)
    long = sounds(12)[-1]
    heard = states(long)
    assert heard.shape == (states.frames(len(long)), 16)
    np.testing.assert_array_equal(heard[:50], states(long[:16_000]))
    np.testing.assert_array_equal(heard[50:], states(long[16_000:]))
    assert states.name != other.name


def test_states_are_made_once_and_kept(encoder: str, tmp_path: Path) -> None:
    made: list[int] = []

    class Counting(SpeechStates):
        def _made(self, samples: np.ndarray) -> np.ndarray:
            made.append(len(samples))
            return super()._made(samples)

    kept, bare = Counting(encoder, RATE, 3.0, tmp_path), SpeechStates(encoder, RATE, 3.0)
    kept.keep(sounds(4))
    assert made == [len(each) for each in sounds(4)]
    again = Counting(encoder, RATE, 3.0, tmp_path)
    again.keep([*sounds(4), *sounds(5)])
    assert len(made) == 5  # the fifth alone is new
    for each in sounds(5):
        np.testing.assert_array_equal(again(each), bare(each))
    assert len(made) == 5
    files = sorted(tmp_path.glob("*/*/*.npy"))
    files[0].write_bytes(files[0].read_bytes()[:-3])  # cut by whatever wrote it
    files[1].write_bytes(b"no array")
    files[2].write_bytes(b"PK\x03\x04" + bytes(50))
    vast = "{'descr': '<f2', 'fortran_order': False, 'shape': (1234567890123, 16), }".ljust(117)
    files[3].write_bytes(b"\x93NUMPY\x01\x00v\x00" + vast.encode() + b"\n")
    np.save(files[4], np.full_like(np.load(files[4]), np.nan))
    for each in sounds(5):
        np.testing.assert_array_equal(again(each), bare(each))
    assert len(made) == 10
    assert leave_out(tmp_path, sounds(2)) == [
        file for file in files if state_key(sounds(1)[0]) in file.name
        or state_key(sounds(2)[1]) in file.name
    ]  # fmt: skip
    assert len([*tmp_path.glob("*/*/*.npy")]) == 3


def test_another_rate_makes_as_many_states(encoder: str) -> None:
    long = sounds(4)[-1]
    twice = (resampled(long.astype(np.float32), RATE, 16_000)).round().astype(np.int16)
    slow, fast = SpeechStates(encoder, RATE, 3.0)(long), SpeechStates(encoder, 16_000, 3.0)(twice)
    assert slow.shape == fast.shape
    np.testing.assert_allclose(slow, fast, atol=0.05)


def test_an_encoder_whose_weights_are_no_numbers_is_told(tmp_path: Path) -> None:
    name = write_speech(tmp_path / "model", "hubert")
    weights = load_file(name / "model.safetensors")
    damaged = {key: torch.full_like(value, torch.nan) for key, value in weights.items()}
    save_file(damaged, name / "model.safetensors", {"format": "pt"})
    states = SpeechStates(str(name), RATE, 3.0, tmp_path / "kept")
    with pytest.raises(ConfigError, match="makes states that are no numbers"):
        states.keep(sounds(1))
    assert not list(tmp_path.glob("kept/*/*/*.npy"))
