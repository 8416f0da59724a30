import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from torchedu.errors import ConfigError
from torchedu.models.stored import family_config, read_config, source_name, stored_weights
from torchedu.permissions import allowing


def test_weights_come_one_by_one_from_all_files(tmp_path: Path) -> None:
    kept = {"a": torch.ones(2), "norm": torch.zeros(3)}
    for i, (name, value) in enumerate(kept.items()):
        save_file({name: value}, tmp_path / f"{i}.safetensors")
    index = '{"weight_map": {"a": "0.safetensors", "norm": "1.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    found = dict(stored_weights(str(tmp_path)))
    assert found.keys() == kept.keys()
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert list(dict(stored_weights(str(tmp_path), only="norm"))) == ["norm"]


def test_of_the_hub_nothing_is_fetched_that_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, here = tmp_path / "hub", tmp_path / "here"
    hub.mkdir()
    here.mkdir()
    (hub / "config.json").write_text("{}")
    (hub / "model.safetensors.index.json").write_text('{"weight_map": {"a": "1.safetensors"}}')
    save_file({"a": torch.ones(2)}, hub / "1.safetensors")
    save_file({"a": torch.zeros(2)}, hub / "consolidated.safetensors")

    def fetch(name: str, allow_patterns: list[str], local_files_only: bool) -> str:
        if local_files_only:
            raise FileNotFoundError(name)
        for file in hub.iterdir():
            if any(file.match(pattern) for pattern in allow_patterns):
                shutil.copy(file, here)
        return str(here)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with pytest.raises(ConfigError, match="on this machine") as told:
        read_config("some/model")
    assert "allow_download" in told.value.remedy
    with allowing(allow_download=True):
        assert read_config("some/model") == {}
        assert [file.name for file in here.iterdir()] == ["config.json"]
        ((name, value),) = stored_weights("some/model")
    assert (name, value.tolist()) == ("a", [1, 1])
    assert not (here / "consolidated.safetensors").exists()


def test_what_executes_or_is_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"?")
    with pytest.raises(ConfigError, match=r"holds no model\.safetensors.\nWeights are read from"):
        next(stored_weights(str(tmp_path)))
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ConfigError, match="cannot be read"):
        next(stored_weights(str(tmp_path)))
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        read_config(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="is no JSON"):
        read_config(str(tmp_path))


@pytest.mark.parametrize("name", ["../../x", "/no/such", "https://host/model", "a/b/c", "~/model"])
def test_a_name_that_is_a_path_or_an_address_is_never_asked_of_the_hub(name: str) -> None:
    with allowing(allow_download=True), pytest.raises(ConfigError, match="no name of a model"):
        read_config(name)


def test_a_folder_never_becomes_a_name_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "config.json").write_text("{}")
    name = source_name("own/model")
    assert read_config(name) == {}
    shutil.rmtree(tmp_path / "own")
    with allowing(allow_download=True), pytest.raises(ConfigError, match="no name of a model"):
        read_config(name)


def test_what_names_code_or_no_size_is_taken_out_of_a_configuration_or_refused() -> None:
    given = {
        "model_type": "llama",
        "auto_map": {"AutoModel": "x--y.Z"},
        "_attn_implementation": "k/n",
    }
    assert family_config({**given, "inner": given}) == {
        "model_type": "llama",
        "inner": {"model_type": "llama"},
    }
    shares = {
        "attention_dropout": 0.1,
        "resid_pdrop": 0,
        "drop_rate": [0.0, 0.1],
        "layerdrop": None,
    }
    assert family_config(shares) == shares
    for name, value in (
        ("num_hidden_layers", 10**6),
        ("hidden_size", 10**12),
        ("attention_dropout", 7),
        ("hidden_dropout_prob", -0.1),
        ("embd_pdrop", float("nan")),
    ):
        with pytest.raises(ConfigError, match=name):
            family_config({name: value})


def test_files_of_weights_are_named_and_never_pointed_to(tmp_path: Path) -> None:
    for named in ({"weight_map": {"a": "../other/model.safetensors"}}, {"weight_map": []}, []):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(named))
        with pytest.raises(ConfigError, match="no list of a model's weights"):
            next(stored_weights(str(tmp_path)))
