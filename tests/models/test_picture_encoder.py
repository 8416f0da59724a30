"""Encoders of pictures of five families give a state for each patch, and for the whole."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from tests.encoders import write_encoder, write_vision
from torchedu.errors import ConfigError
from torchedu.models.picture_encoder import FAMILIES, PictureEncoder, picture_sizes

PICTURE = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", [*FAMILIES, "clip_vision_model"])
def test_a_photograph_is_seen_as_transformers_has_it(family: str, tmp_path: Path) -> None:
    name = str(write_vision(tmp_path / "model", family))
    dim, states, side = picture_sizes(name)
    assert (dim, side) == (16, 32)
    colours = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(colours), "utf-8")
    network = PictureEncoder(name)
    seen = network(PICTURE)
    assert seen.shape == (states, 16)
    model = AutoModel.from_pretrained(name).eval()
    mean, spread = (torch.tensor(numbers).view(3, 1, 1) for numbers in colours.values())
    with torch.no_grad():
        tower = getattr(model, "vision_model", model)
        theirs = tower(pixel_values=((PICTURE - mean) / spread)[None]).last_hidden_state[0]
    torch.testing.assert_close(seen, theirs)
    assert not torch.allclose(network(1 - PICTURE), seen)


def test_what_is_no_encoder_of_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="whose model_type is 'bert'"):
        picture_sizes(str(write_encoder(tmp_path / "bert")))
    with pytest.raises(ConfigError, match="no folder"):
        picture_sizes("no such folder/at all")
    folder = write_vision(tmp_path / "vit")
    for text in ('{"image_mean": [1, 2]}', '{"image_std": [0, 0, 0]}', "[1]", "{"):
        (folder / "preprocessor_config.json").write_text(text, "utf-8")
        with pytest.raises(ConfigError, match="tells no mean and spread"):
            PictureEncoder(str(folder))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "num_channels": 1}), "utf-8")
    with pytest.raises(ConfigError, match="sees 1 colours"):
        picture_sizes(str(folder))
