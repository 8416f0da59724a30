from typing import Any

import pytest
import torch
from torch.nn import functional as F

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError
from torchedu.layers import BlockNetwork
from torchedu.models import causal_lm
from torchedu.models.causal_lm import CausalLM

pytest.importorskip("transformers", reason="needs the package transformers")

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 32,
}


def a_batch() -> TokenBatch:
    token_BL = torch.randint(30, (3, 9), generator=torch.Generator().manual_seed(0))
    text_BL = torch.arange(3).unsqueeze(1).expand(3, 9)
    scored_BL = (token_BL > 8).index_fill(1, torch.tensor(0), False)
    return TokenBatch(token_BL, scored_BL, text_BL, token_BL[:, :0], torch.ones(3))


def packed(batch: TokenBatch, lengths: list[int]) -> TokenBatch:
    """Put the first tokens of each row into one, with padding after."""
    kept = [(row, place) for row, n in enumerate(lengths) for place in range(n)]
    row, place = torch.tensor(kept).T

    def one(rows_BL: torch.Tensor, padding: int) -> torch.Tensor:
        return F.pad(rows_BL[row, place], (0, 3), value=padding).unsqueeze(0)

    return TokenBatch(
        one(batch.token_BL, 0),
        one(batch.scored_BL, 0),
        one(batch.text_BL, -1),
        F.pad(place, (0, 3)).unsqueeze(0),
        torch.ones(1),
    )


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_it_says_what_the_model_of_hugging_face_says(family: str) -> None:
    net = CausalLM(30, {"model_type": family, **SMALL})
    assert isinstance(net, BlockNetwork)
    batch = a_batch()
    logit_BLV = net.lm(input_ids=batch.token_BL).logits
    assert torch.allclose(net.logits(batch), logit_BLV, atol=1e-6)
    cost_BL = F.cross_entropy(logit_BLV[:, :-1].mT, batch.token_BL[:, 1:], reduction="none")
    assert torch.allclose(net(batch)[:, 1:], cost_BL * batch.scored_BL[:, 1:], atol=1e-6)
    assert not net(batch)[~batch.scored_BL].any()


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen3"])
def test_packed_texts_cost_what_they_cost_alone(family: str) -> None:
    net, batch = CausalLM(30, {"model_type": family, **SMALL}), a_batch()
    lengths = [9, 4, 7]
    alone = net(batch)
    expected = torch.cat([alone[row, :n] for row, n in enumerate(lengths)])
    found = net(packed(batch, lengths))[0]
    assert torch.allclose(found[:-3], expected, atol=1e-5)
    assert not found[-3:].any()


def test_losses_in_chunks_are_those_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    net, batch = CausalLM(30, {"model_type": "llama", **SMALL}), a_batch()
    found = []
    for most in (causal_lm.MOST_LOGITS, 0):
        monkeypatch.setattr(causal_lm, "MOST_LOGITS", most)
        net.zero_grad()
        cost_BL = net(batch)
        cost_BL.sum().backward()
        found.append([cost_BL, *(one.grad for one in net.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_no_token_sees_a_later_one() -> None:
    net, batch = CausalLM(30, {"model_type": "llama", **SMALL}), a_batch()
    other = batch.token_BL.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 30
    changed = net.logits(batch._replace(token_BL=other))
    assert torch.allclose(changed[:, :5], net.logits(batch)[:, :5], atol=1e-6)
    assert not torch.allclose(changed[:, 5], net.logits(batch)[:, 5], atol=1e-3)


def test_answers_are_what_is_likeliest_token_by_token() -> None:
    torch.manual_seed(0)
    net = CausalLM(30, {"model_type": "llama", **SMALL}).eval()
    prompts = [[3, 4, 5, 6], [7, 8]]
    told: list[int] = []
    for prompt, answer in zip(prompts, net.generate(prompts, ends=[1], most=6), strict=True):
        ids = list(prompt)
        for _ in range(6):
            ids.append(int(net.lm(torch.tensor([ids])).logits[0, -1].argmax()))
        expected = ids[len(prompt) :]
        assert answer == (expected[: expected.index(1)] if 1 in expected else expected)
    (alone,) = net.generate(prompts[:1], ends=[1], most=6, emit=told.extend)
    assert told == alone
    assert len(net.generate([[2] * 30], ends=[1])[0]) <= 2
    with pytest.raises(ConfigError, match="prompt has 32 tokens, and the model reads 32"):
        net.generate([[2] * 32], ends=[1])


def test_an_answer_ends_at_each_token_that_ends_one() -> None:
    torch.manual_seed(0)
    net = CausalLM(30, {"model_type": "llama", **SMALL}).eval()
    with torch.no_grad():
        for one in net.parameters():  # so that it says one token after the other
            one += 0.3 * torch.randn_like(one)
    (whole,) = net.generate([[3, 4]], ends=[29], most=9)
    until = next(i for i, token in enumerate(whole) if token != whole[0])
    end = whole[until]
    for given, own in (([29, end], None), ([29], end), ([29], [28, end])):
        net.lm.config.eos_token_id = own
        said: list[int] = []
        assert net.generate([[3, 4]], given, most=9, emit=said.extend) == [whole[:until]]
        assert said == whole[:until]


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
        CausalLM(30, {**SMALL, **config} if config.get("model_type") == "llama" else config)
