"""A language model computes what its own library computes, whatever its family."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.models.test_causal_lm import SMALL, a_batch, packed
from torchedu.errors import ConfigError
from torchedu.models import causal_lm, own_forward
from torchedu.models.causal_lm import CausalLM

pytest.importorskip("transformers", reason="needs the package transformers")

MIXED = {"sliding_window": 3, "layer_types": ["sliding_attention", "full_attention"]}
FAMILIES: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 3},
    "qwen2": {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
    "gemma2": {"head_dim": 8, "final_logit_softcapping": 2.0, "attn_logit_softcapping": 1.0,
               "sliding_window": 3},
    "gemma3_text": {"head_dim": 8, **MIXED},
    "granite": {"embedding_multiplier": 6.0, "residual_multiplier": 0.3,
                "attention_multiplier": 0.2, "logits_scaling": 4.0},
    "cohere2": {"logit_scale": 3.0, **MIXED},
    "mixtral": {"sliding_window": 3, "num_local_experts": 4, "num_experts_per_tok": 2},
    "olmo": {"clip_qkv": 0.2},
    "phi": {"partial_rotary_factor": 0.5},
}  # fmt: skip


def a_net(family: str, **more: Any) -> CausalLM:
    torch.manual_seed(0)
    sizes = {"model_type": family, **SMALL, **FAMILIES.get(family, {})}
    net = CausalLM(30, {**sizes, **more}).eval()
    with torch.no_grad():
        for one in net.parameters():  # as training makes them
            one += 0.1 * torch.randn_like(one)
    return net


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_it_is_the_library_s_own_at_once_in_blocks_and_packed(family: str) -> None:
    net, batch = a_net(family), a_batch()
    own_BLV = net.lm(input_ids=batch.token_BL).logits
    assert apart(net.logits(batch), own_BLV) <= 1e-5
    cost_BL = F.cross_entropy(own_BLV[:, :-1].mT, batch.token_BL[:, 1:], reduction="none")
    cost_BL = F.pad(cost_BL, (1, 0)) * batch.scored_BL
    x: tuple[Tensor, ...] = net.enter(batch)
    for block in net.lm.model.layers:
        x = net.through([block], x, batch)
    assert apart(net(batch), cost_BL) <= 1e-5
    assert apart(net.leave(x, batch), cost_BL) <= 1e-5
    alone = torch.cat([cost_BL[row, :n] for row, n in enumerate((9, 4, 7))])
    assert apart(net(packed(batch, [9, 4, 7]))[0, :-3], alone) <= 1e-5


@pytest.mark.parametrize("family", ["granite", "gemma2", "phi", "llama"])
def test_losses_in_chunks_keep_scales_and_caps(
    monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    net, found = a_net(family), []
    assert net._plain_head == (family == "llama")
    for most in (causal_lm.MOST_LOGITS, 100):
        monkeypatch.setattr(causal_lm, "MOST_LOGITS", most)
        net.zero_grad()
        cost_BL = net(a_batch())
        cost_BL.sum().backward()
        found.append([cost_BL, *(one.grad for one in net.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@torch.no_grad()
def test_a_family_whose_masks_know_no_positions_takes_a_text_a_row() -> None:
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    net = a_net("gpt_oss", head_dim=8, **experts, **MIXED)
    assert apart(net.logits(a_batch()), net.lm(input_ids=a_batch().token_BL).logits) <= 1e-5
    with pytest.raises(ConfigError, match=r"'gpt_oss' computes other log odds when packed.*\n.*"
                       "packing false"):  # fmt: skip
        net(packed(a_batch(), [9, 4, 7]))


@pytest.mark.parametrize("change", ["window", "scale", "stop"])
def test_a_part_that_computes_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    own: Callable[..., Tensor] = own_forward.through

    def spoilt(lm: Any, place_BL: Tensor | None, x_BLD: Tensor, blocks: Any) -> Tensor:
        if change == "stop":
            raise IndexError("no such block")
        if change == "window":
            monkeypatch.setattr(lm.config, "sliding_window", None)
        return own(lm, place_BL, x_BLD * (1.001 if change == "scale" else 1), blocks)

    monkeypatch.setattr(own_forward, "through", spoilt)
    monkeypatch.setattr(own_forward, "_reasons", own_forward._reasons.__wrapped__)
    told = "cannot be divided.*IndexError" if change == "stop" else "other log odds when divided"
    with pytest.raises(ConfigError, match=f"'mistral' .*{told}"):
        a_net("mistral")


def test_the_small_copy_keeps_every_kind_of_layer() -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model("gemma3_text", num_hidden_layers=30, sliding_window=512)
    small = own_forward.smaller(config)
    assert small["sliding_window"] == 3
    assert small["num_hidden_layers"] == len(small["layer_types"]) == 8
    assert set(small["layer_types"]) == set(config.layer_types)


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "minicpm3"])
def test_buffers_that_no_file_holds_are_computed(family: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**own_forward.smaller(AutoConfig.for_model(family)))
    real: Any = AutoModelForCausalLM.from_config(config)
    with torch.device("meta"):
        bare: Any = AutoModelForCausalLM.from_config(config)
    own_forward.compute_buffers(bare)
    for name, one in real.named_buffers():
        assert torch.equal(bare.get_buffer(name), one), name
    bare._init_weights = lambda part: None
    bare.model.rotary_emb.to("meta")
    with pytest.raises(ConfigError, match=r"computes .*inv_freq only as it is built"):
        own_forward.compute_buffers(bare)
