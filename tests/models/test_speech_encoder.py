"""Encoders of speech of three families give a state for each fiftieth of a second."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, WhisperFeatureExtractor

from tests.encoders import write_encoder, write_speech
from torchedu.errors import ConfigError
from torchedu.models.speech_encoder import FAMILIES, RATE, SpeechEncoder, speech_sizes


def sound(samples: int) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(0)) / 10


@pytest.mark.parametrize("family", FAMILIES)
def test_each_begun_fiftieth_of_a_second_has_a_state(family: str, tmp_path: Path) -> None:
    name = str(write_speech(tmp_path / "model", family))
    assert speech_sizes(name)[:2] == (16, RATE // 50)
    network = SpeechEncoder(name, 1.0)
    for samples, states in ((16_000, 50), (15_999, 50), (321, 2), (320, 1), (1, 1)):
        state_ID = network(sound(samples))
        assert state_ID.shape == (states, 16)
        assert state_ID.isfinite().all()


def test_a_whisper_hears_as_transformers_has_it(tmp_path: Path) -> None:
    name = str(write_speech(tmp_path / "model"))
    bands = WhisperFeatureExtractor(feature_size=20, chunk_length=3)
    heard = bands(sound(20_000).numpy(), sampling_rate=RATE, return_tensors="pt")["input_features"]
    with torch.no_grad():
        theirs = AutoModel.from_pretrained(name).eval().get_encoder()(heard).last_hidden_state[0]
    torch.testing.assert_close(SpeechEncoder(name, 3.0)(sound(20_000)), theirs[:63])


@pytest.mark.parametrize("family", ["wav2vec2", "hubert"])
def test_others_hear_as_transformers_has_them(family: str, tmp_path: Path) -> None:
    name = str(write_speech(tmp_path / "model", family))
    level = (sound(16_080) - sound(16_080).mean()) / sound(16_080).std(correction=0)
    with torch.no_grad():
        theirs = AutoModel.from_pretrained(name).eval()(level[None]).last_hidden_state[0]
    ours = SpeechEncoder(name, 2.0)(sound(16_080))
    assert len(theirs) == 50
    assert len(ours) == 51  # the last hears the few samples that are left, and zeros
    loud = SpeechEncoder(name, 2.0)(7 * sound(16_080))
    torch.testing.assert_close(ours, loud, atol=1e-3, rtol=1e-3)


def test_what_is_no_encoder_of_speech_is_refused(tmp_path: Path) -> None:
    whisper = str(write_speech(tmp_path / "whisper"))
    with pytest.raises(ConfigError, match="hears 3 seconds at once"):
        SpeechEncoder(whisper, 3.5)
    with pytest.raises(ConfigError, match="whose model_type is 'bert'"):
        speech_sizes(str(write_encoder(tmp_path / "bert")))
    with pytest.raises(ConfigError, match="no folder"):
        speech_sizes("no such folder/at all")


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("whisper", {"max_source_positions": 0}),
        ("whisper", {"d_model": 0}),
        ("hubert", {"conv_stride": [0] * 7}),
        ("wav2vec2", {"conv_stride": [5, 2, 2, 2, 2, 2, -2]}),
        ("wav2vec2", {"conv_stride": [100] * 7}),
        ("wav2vec2", {"conv_stride": ["wide"] * 7}),
    ],
)
def test_a_configuration_that_tells_of_no_states_is_refused(
    family: str, value: dict[str, Any], tmp_path: Path
) -> None:
    name = write_speech(tmp_path / "model", family)
    config = json.loads((name / "config.json").read_text())
    (name / "config.json").write_text(json.dumps({**config, **value}))
    with pytest.raises(ConfigError, match=r"states|built"):
        speech_sizes(str(name))
