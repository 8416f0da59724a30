from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from torchedu.errors import ConfigError
from torchedu.models.stored import read_config, stored_weights


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
