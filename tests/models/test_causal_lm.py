from typing import Any

import pytest
import torch

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError
from torchedu.layers import BlockNetwork
from torchedu.models.causal_lm import CausalLM

pytest.importorskip("transformers", reason="needs the package transformers")

SMALL = {
    "vocab_size": 30,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 32,
    "bos_token_id": None,
    "eos_token_id": None,
}


def a_batch() -> TokenBatch:
    token_BL = torch.randint(30, (3, 9), generator=torch.Generator().manual_seed(0))
    return TokenBatch(token_BL, token_BL > 0, torch.ones(3))


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_it_says_what_the_model_of_hugging_face_says(family: str) -> None:
    net = CausalLM({"model_type": family, **SMALL})
    assert isinstance(net, BlockNetwork)
    batch = a_batch()
    assert torch.allclose(net(batch), net.lm(input_ids=batch.token_BL).logits, atol=1e-6)


def test_no_token_sees_a_later_one() -> None:
    net, batch = CausalLM({"model_type": "llama", **SMALL}), a_batch()
    other = batch.token_BL.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 30
    changed = net(batch._replace(token_BL=other))
    assert torch.allclose(changed[:, :5], net(batch)[:, :5], atol=1e-6)
    assert not torch.allclose(changed[:, 5], net(batch)[:, 5], atol=1e-3)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"model_type": "lama"}, "'lama'.\nAllowed: .*Did you mean llama?"),
        ({}, "model_type is 'None'"),
        ({"model_type": "gpt2", "n_layer": 1}, "'gpt2' is not built like Llama"),
        ({"model_type": "llama", "hidden_size": 15}, "no language model can be built"),
    ],
)
def test_what_cannot_be_built_is_told(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){told}"):
        CausalLM({**SMALL, **config} if config.get("model_type") == "llama" else config)
