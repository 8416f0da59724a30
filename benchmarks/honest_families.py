"""Does a language model compute what its own library computes, whatever its family?

Random models of each configuration, with windows shorter than the texts and odd scales and caps,
are compared with the library's own forward: at once, through stages of one block each, and with
several texts in a row. What is refused must be refused for a named reason, before training.
"""

from typing import Any

import harness
import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError
from torchedu.models import CausalLM

TOKENS, LENGTH = 61, 24
LENGTHS = (24, 3, 17, 9)
"""Tokens of the texts that share a packed row."""
MOST_APART, MOST_REFUSED = 1e-5, 10

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
ROPE = {"rope_theta": 10_000.0}
MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
LATENT = {
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
    "v_head_dim": 8, "num_key_value_heads": 4, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_group": 2, "topk_group": 1, "moe_intermediate_size": 16, "first_k_dense_replace": 1,
}  # fmt: skip
MIXED = ["sliding_attention", "full_attention"] * 2

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, scaled as Llama 3.1": {
        "rope_parameters": ROPE
        | {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 16}
    },
    "llama, yarn": {
        "rope_parameters": ROPE
        | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    },
    "mistral": {"sliding_window": None},
    "mistral, window": {"sliding_window": 5},
    "ministral": {"sliding_window": 5, "head_dim": 8, "layer_types": MIXED},
    "ministral3": {"head_dim": 8},
    "mixtral, window": {"sliding_window": 5, "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2": {},
    "qwen2, window": {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 2},
    "qwen2_moe": MOE | {"shared_expert_intermediate_size": 16},
    "qwen3": {"head_dim": 8},
    "qwen3_moe": MOE | {"head_dim": 8},
    "qwen3_next": MOE | {"head_dim": 8, "shared_expert_intermediate_size": 16},
    "gemma": {"head_dim": 8},
    "gemma2, caps": {
        "head_dim": 8, "sliding_window": 5, "final_logit_softcapping": 3.0,
        "attn_logit_softcapping": 2.0, "query_pre_attn_scalar": 3,
    },
    "gemma3_text, window": {"head_dim": 8, "sliding_window": 5, "layer_types": MIXED},
    "granite": {},
    "granite, scales": {
        "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.3,
        "logits_scaling": 8.0,
    },
    "granitemoe, scales": {
        "embedding_multiplier": 6.0, "residual_multiplier": 0.3, "attention_multiplier": 0.3,
        "logits_scaling": 4.0, "num_local_experts": 4, "num_experts_per_tok": 2,
    },
    "cohere, scale": {"logit_scale": 0.3},
    "cohere2, window": {"sliding_window": 5, "logit_scale": 3.0, "layer_types": MIXED},
    "olmo, clipped": {"clip_qkv": 0.2},
    "olmo2": {},
    "olmo3, window": {"sliding_window": 5, "layer_types": MIXED},
    "phi": {"partial_rotary_factor": 0.5},
    "phi3, window": {"sliding_window": 5},
    "starcoder2, window": {"sliding_window": 5},
    "stablelm": {"partial_rotary_factor": 0.25},
    "smollm3": {"no_rope_layers": [1, 0, 1, 0]},
    "glm4": {"head_dim": 8},
    "nemotron": {"head_dim": 8},
    "minicpm3, scales": LATENT | {"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 8},
    "deepseek_v3": LATENT,
    "gpt_oss, window": {
        "head_dim": 8, "sliding_window": 5, "num_local_experts": 4, "num_experts_per_tok": 2,
        "layer_types": MIXED,
    },
    "nanochat": {},
    "gpt_neox": {},
    "falcon": {},
    "gpt2": {"n_embd": 32, "n_head": 4, "n_layer": 2},
    "mamba": {"state_size": 4},
}  # fmt: skip


def measure() -> tuple[list[harness.Goal], Any]:
    """Compare each configuration with its library's own forward."""
    raw: dict[str, Any] = {}
    for seed, (name, config) in enumerate(CONFIGURATIONS.items()):
        family = name.partition(",")[0]
        torch.manual_seed(seed)
        try:
            net = CausalLM(TOKENS, {**SIZES, **config, "model_type": family})
            raw[name] = {"difference": apart(net.eval())}
        except ConfigError as error:
            raw[name] = {"refused": str(error).splitlines()[0]}
        print(f"  {name}: {raw[name]}", flush=True)
    refused = [name for name, found in raw.items() if "refused" in found]
    gaps = [found["difference"] for found in raw.values() if "difference" in found]
    largest = float(torch.tensor(gaps).max())  # which a NaN is, too
    named = not any(name.startswith(("llama", "mistral", "qwen2")) for name in refused)
    must = f"<= {MOST_APART:.0e}, of {len(raw)} at most {MOST_REFUSED} refused ({len(refused)})"
    holds = largest <= MOST_APART and len(refused) <= MOST_REFUSED and named
    return [harness.Goal("honest.families", largest, must, holds)], raw


@torch.no_grad()
def apart(net: CausalLM) -> float:
    """Return the largest difference of log odds and costs from the library's own forward.

    Raises:
        ConfigError: The network refuses several texts in a row.
    """
    for one in net.parameters():  # as training makes them
        one += 0.05 * torch.randn_like(one)
    token_BL = torch.randint(TOKENS, (len(LENGTHS), LENGTH))
    own_BLV = net.lm(input_ids=token_BL).logits
    batch = texts(token_BL, token_BL[:, :0])
    x = net.enter(batch)
    for block in net.lm.model.layers:
        x = net.through([block], x, batch)
    gaps = [net.logits(batch) - own_BLV, net(batch) - costs(own_BLV, token_BL)]
    gaps.append(net.leave(x, batch) - costs(own_BLV, token_BL))
    kept = [(row, place) for row, length in enumerate(LENGTHS) for place in range(length)]
    row, place = torch.tensor(kept).T
    packed = texts(token_BL[row, place].unsqueeze(0), place.unsqueeze(0))
    gaps.append(net.logits(packed) - own_BLV[row, place])
    return float(torch.cat([gap.flatten() for gap in gaps]).abs().max())


def texts(token_BL: Tensor, place_BL: Tensor) -> TokenBatch:
    """Return texts as a network takes them."""
    scored_BL = torch.ones_like(token_BL, dtype=torch.bool).index_fill(1, torch.tensor(0), False)
    text_BL = torch.zeros_like(token_BL)
    return TokenBatch(token_BL, scored_BL, text_BL, place_BL, torch.ones(len(token_BL)))


def costs(logit_BLV: Tensor, token_BL: Tensor) -> Tensor:
    """Return what each token but the first costs by log odds, in nats; 0 for the first."""
    cost_BL = F.cross_entropy(logit_BLV[:, :-1].mT, token_BL[:, 1:], reduction="none")
    return F.pad(cost_BL, (1, 0))
