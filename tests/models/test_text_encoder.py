import json
from pathlib import Path

import pytest
import torch

from tests.encoders import write_decoder, write_encoder
from torchedu.errors import ConfigError
from torchedu.models.text_encoder import (
    TextEncoder,
    encoder_config,
    encoder_sizes,
    model_folder,
    tokenizer,
)
from torchedu.permissions import allowing


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("models") / "encoder")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("models") / "decoder")


def batch(lengths: list[int], size: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    seen_BL = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    token_BL = torch.randint(4, size, seen_BL.shape, generator=torch.Generator().manual_seed(0))
    return token_BL * seen_BL, seen_BL


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_padding_changes_no_vector(kind: str, pooling: str, request: pytest.FixtureRequest) -> None:
    network = TextEncoder.pretrained(str(request.getfixturevalue(kind)), pooling)
    token_BL, seen_BL = batch([3, 7])
    with torch.no_grad():
        both = network(token_BL, seen_BL)
        alone = network(token_BL[:1, :3], seen_BL[:1, :3])
    assert both.shape == (2, network.dim)
    torch.testing.assert_close(both[:1], alone, atol=1e-5, rtol=1e-4)


def test_pooled_layers_stand_one_after_the_other(encoder: Path) -> None:
    token_BL, seen_BL = batch([4, 4])
    with torch.no_grad():
        last = TextEncoder.pretrained(str(encoder))(token_BL, seen_BL)
        both = TextEncoder.pretrained(str(encoder), layers=(0, -1))(token_BL, seen_BL)
        state = TextEncoder.pretrained(str(encoder)).model(token_BL).last_hidden_state
    torch.testing.assert_close(both[:, 16:], last)
    torch.testing.assert_close(last, state.mean(1))


def test_a_config_builds_the_same_network_without_weights(encoder: Path) -> None:
    pretrained = TextEncoder.pretrained(str(encoder), "cls")
    built = TextEncoder(json.loads(json.dumps(pretrained.config)), "cls")
    built.load_state_dict(pretrained.state_dict())
    token_BL, seen_BL = batch([5])
    with torch.no_grad():
        assert torch.equal(built.eval()(token_BL, seen_BL), pretrained(token_BL, seen_BL))


def test_sizes_are_known_by_the_names_of_every_family() -> None:
    assert encoder_sizes({"model_type": "distilbert", "dim": 24, "n_layers": 3}) == (3, 24)
    assert encoder_sizes({"model_type": "gpt2", "n_embd": 32, "n_layer": 5}) == (5, 32)
    with pytest.raises(ConfigError, match="model_type is 'brt'"):
        encoder_sizes({"model_type": "brt"})


def test_no_pickle_and_no_code_is_read(encoder: Path, tmp_path: Path) -> None:
    for file in encoder.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="safetensors"):
        TextEncoder.pretrained(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes((encoder / "model.safetensors").read_bytes())
    (tmp_path / "own.py").write_text("raise SystemExit('this ran')")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"auto_map": {"AutoModel": "own.Own", "AutoConfig": "own.C"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    TextEncoder.pretrained(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "own"}))
    with pytest.raises(ConfigError, match="model_type is 'own'"):
        TextEncoder.pretrained(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **options: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    refused = pytest.raises(ConfigError, match="'some/model' is no folder, and the hub")
    with allowing(allow_download=True), refused as told:
        model_folder("some/model")
    assert "network" in told.value.remedy


def test_what_cannot_be_built_is_told(encoder: Path, tmp_path: Path) -> None:
    for options in ({"pooling": "max"}, {"layers": (4,)}):
        with pytest.raises(ConfigError):
            TextEncoder.pretrained(str(encoder), **options)
    with pytest.raises(ConfigError, match="model_type"):
        TextEncoder({"model_type": "brt"})
    (tmp_path / "config.json").write_text((encoder / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        TextEncoder.pretrained(str(tmp_path))
    with pytest.raises(ConfigError, match="tokenizer"):
        tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b"[]", b"\xff", b"{", b'{"model_type": "bert", "hidden_size": "wide"}',
     b'{"model_type": "bert", "num_hidden_layers": 1e9}', b'{"model_type": ["bert"]}',
     b'{"model_type": "bert", "hidden_size": null}'],
)  # fmt: skip
def test_a_configuration_has_a_form_before_anything_is_built(
    encoder: Path, tmp_path: Path, content: bytes
) -> None:
    for file in encoder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ConfigError):
        encoder_sizes(encoder_config(str(tmp_path)))
    with pytest.raises(ConfigError):
        TextEncoder.pretrained(str(tmp_path))
