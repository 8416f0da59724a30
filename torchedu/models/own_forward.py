"""A language model's own forward, of which a part can be asked: some blocks, or the output alone.

Hugging Face's families differ between their blocks: masks and windows, scales of what goes in,
caps of what comes out. Nothing of that is repeated here. Each part is the library's own forward of
the whole model, in which blocks that are not asked hand on what is known, and which is left after
the last that is asked.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from torchedu.errors import ConfigError, allowed
from torchedu.layers import BlockPlan

BLOCKS, ENTRANCE, HEAD = "model.layers", "model.embed_tokens", "lm_head"
ATTENTIONS = ("sdpa", "eager", "flex_attention", "flash_attention_2", "flash_attention_3")
MOST_APART = 1e-4
"""What a part may differ from the whole by, on a small copy in float32, in log odds."""
SMALLEST = {
    "window": 3, "chunk_size": 3, "intermediate_size": 32,
    "ffn_hidden_size": 32, "lora_rank": 16, "_token_id": 0,
}  # fmt: skip
"""What numbers of a configuration are cut to in its small copy, by what their names hold."""
SPREAD = 0.05
"""How far from a family's first weights those of its small copy are, as training makes them."""
UNKNOWN = -77
"""Stands in a buffer that has not been computed, of whatever type."""
LENGTHS = (11, 2, 7)
"""Tokens of the texts that a small copy reads: some longer than its windows."""


def block_plan(lm: Any, owner: str) -> BlockPlan:
    """Return where the parameters of a model are used.

    Args:
        lm: A causal language model of Hugging Face.
        owner: What stands before the names of its parts in the network that has it.

    Raises:
        ConfigError: Its parameters are used elsewhere than those of Llama.
    """
    known = {name for name, _ in lm.named_modules()}
    lacking = [name for name in (BLOCKS, ENTRANCE, HEAD) if name not in known]
    if lacking:
        raise _refused(lm.config, f"is not built like Llama: it has no {lacking[0]}")
    body = [f"model.{name}" for name, _ in lm.model.named_children()]
    after = (*(name for name in body if name not in (BLOCKS, ENTRANCE)), HEAD)
    parts = tuple(f"{name}." for name in (BLOCKS, ENTRANCE, *after))
    loose = [name for name, _ in lm.named_parameters() if not name.startswith(parts)]
    if loose:
        raise _refused(lm.config, f"is not built like Llama: {loose[0]} stands beside its blocks")
    return BlockPlan(owner + BLOCKS, (owner + ENTRANCE,), tuple(owner + name for name in after))


def implementation(attention: str) -> str | None:
    """Return how transformers is asked to compute attention.

    Raises:
        ConfigError: It has no way of that name, and would take it for code to fetch.
    """
    if attention not in ATTENTIONS:
        raise ConfigError(
            f"⟦model.net.attention⟧ is {attention!r}.", allowed(attention, ATTENTIONS)
        )
    # Where nothing else is asked, families without sdpa compute attention in their own way.
    return None if attention == ATTENTIONS[0] else attention


def hidden(
    lm: Any,
    place_BL: Tensor | None,
    token_BL: Tensor | None = None,
    x_BLD: Tensor | None = None,
) -> Tensor:
    """Return what a model makes of texts before it scores tokens.

    Args:
        lm: The model.
        place_BL: Position of each token in its text where rows hold several, else None.
        token_BL: Token ids.
        x_BLD: In place of them, what comes out of the last block.

    Returns:
        hidden_BLD.
    """
    with standing_in({} if x_BLD is None else _skipped(lm.model.layers, x_BLD)):
        # Where positions begin anew, the library's masks take what follows for another text.
        out = lm.model(
            input_ids=token_BL, inputs_embeds=x_BLD, position_ids=place_BL, use_cache=False
        )
    hidden_BLD: Tensor = out.last_hidden_state
    return hidden_BLD


def through(lm: Any, place_BL: Tensor | None, x_BLD: Tensor, blocks: Sequence[nn.Module]) -> Tensor:
    """Return what comes out of some blocks of a model, one after the other.

    Args:
        lm: The model.
        place_BL: As ``hidden`` takes it.
        x_BLD: What goes into the first of them; into the first of all, tokens' vectors.
        blocks: They, in order.
    """
    others = [block for block in lm.model.layers if block not in blocks]
    hook = blocks[-1].register_forward_hook(_Reached.stop)
    try:
        with standing_in(_skipped(others, x_BLD)):
            lm.model(inputs_embeds=x_BLD, position_ids=place_BL, use_cache=False)
    except _Reached as reached:
        return reached.x_BLD
    finally:
        hook.remove()
    raise RuntimeError("the last of the blocks was not called")


def log_odds(lm: Any, hidden_BLD: Tensor) -> Tensor:
    """Return logit_BLV that a model gives what ``hidden`` returned."""
    with standing_in({lm.model: lambda *_, **__: _Known(hidden_BLD)}):
        logit_BLV: Tensor = lm(inputs_embeds=hidden_BLD).logits
    return logit_BLV


def has_plain_head(lm: Any) -> bool:
    """Return whether a model's log odds are a product with its head's weights and nothing else."""
    head = lm.get_submodule(HEAD)
    if type(head) is not nn.Linear or len(list(head.parameters())) > 1:  # it has a bias
        return False
    probe_BLD = torch.linspace(-99, 99, 2 * head.in_features, device="cpu").view(1, 2, -1)
    with torch.no_grad(), standing_in({head: lambda x: x}):
        return torch.equal(log_odds(lm, probe_BLD), probe_BLD)


@contextmanager
def standing_in(answers: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Let functions answer for modules for a while."""
    own = {part: vars(part).get("forward") for part in answers}
    for part, answer in answers.items():
        part.forward = answer
    try:
        yield
    finally:
        for part, forward in own.items():
            if forward is None:
                del part.forward  # that of its class again
            else:
                part.forward = forward


def check_parts(config: Any) -> str:
    """Check on a small random copy of a model that its parts compute what it does as a whole.

    Args:
        config: Its configuration, as Hugging Face has it.

    Returns:
        Why rows cannot hold several texts; nothing where they can.

    Raises:
        ConfigError: Divided, it would compute other numbers than its own.
    """
    try:
        small = json.dumps(smaller(config), sort_keys=True, default=str)
    except Exception as error:  # noqa: BLE001  # each family names its sizes in its own way
        raise _refused(config, f"has sizes of its own ({_line(error)})") from None
    divided, packed = _reasons(small)
    if divided:
        raise _refused(config, divided)
    return packed


def smaller(config: Any) -> dict[str, Any]:
    """Return the configuration of a small copy: few layers and heads, windows cut short."""
    own: dict[str, Any] = config.to_dict()
    layers, heads = int(config.num_hidden_layers), int(config.num_attention_heads)
    kept = min(layers, 8)  # all kinds of layers that families alternate
    for name, value in own.items():
        if name == "eos_token_id" and isinstance(value, list):
            own[name] = None
        elif isinstance(value, list) and len(value) == layers:
            own[name] = value[:kept]
        if isinstance(value, int) and not isinstance(value, bool):
            own[name] = min([value, *(most for key, most in SMALLEST.items() if key in name)])
    asked = config.to_dict()
    width = int(asked.get("head_dim") or config.hidden_size // heads)
    shared = (asked.get("num_key_value_heads") or heads) < heads
    own |= {"num_hidden_layers": kept, "hidden_size": 2 * width, "num_attention_heads": 2}
    own |= {"num_key_value_heads": 1 if shared else 2, "vocab_size": 64}
    return own


@lru_cache(maxsize=64)
def _reasons(config: str) -> tuple[str, str]:
    """Return why a model of a small configuration cannot be divided, and why not be packed."""
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.random.fork_rng([]), torch.inference_mode(), torch.device("cpu"):
        torch.default_generator.manual_seed(0)  # the CPU's alone, which is given back
        try:
            parsed = AutoConfig.for_model(**json.loads(config))
            lm: Any = AutoModelForCausalLM.from_config(parsed, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
            for parameter in lm.parameters():
                parameter += SPREAD * torch.randn_like(parameter)
            rows = [torch.randint(lm.config.vocab_size, (1, length)) for length in LENGTHS]
            whole = [lm(input_ids=row).logits for row in rows]
        except Exception as error:  # noqa: BLE001  # each family fails in its own way
            return f"computes nothing on a small copy ({_line(error)})", ""
        reasons = []
        for words, parts in (("divided into its blocks", _divided), ("packed", _packed)):
            try:
                apart = float((torch.cat(parts(lm, rows), 1) - torch.cat(whole, 1)).abs().max())
                wrong = f"computes other log odds when {words}, by {apart:.1e}"
                reasons.append("" if apart <= MOST_APART else wrong)
            except Exception as error:  # noqa: BLE001
                reasons.append(f"cannot be {words} ({_line(error)})")
    return reasons[0], reasons[1]


def compute_buffers(lm: Any) -> None:
    """Compute the buffers of a model on the meta device that no file holds, on the CPU.

    Raises:
        ConfigError: The family computes one only as it is built.
    """
    for part in lm.modules():
        lacking = [name for name, buffer in part.named_buffers(recurse=False) if buffer.is_meta]
        for name in lacking:
            empty = torch.full_like(getattr(part, name), UNKNOWN, device="cpu")
            part.register_buffer(name, empty, name not in part._non_persistent_buffers_set)
        if lacking:
            with torch.device("cpu"):  # whichever device the rest is built on
                lm._init_weights(part)
        for name in lacking:
            if name in part._non_persistent_buffers_set and (getattr(part, name) == UNKNOWN).any():
                raise _refused(lm.config, f"computes {name} only as it is built")


def _divided(lm: Any, rows: list[Tensor]) -> list[Tensor]:
    bounds = []
    for row in rows:
        x_BLD = lm.model.embed_tokens(row)
        for block in lm.model.layers:
            x_BLD = through(lm, None, x_BLD, [block])
        bounds.append(log_odds(lm, hidden(lm, None, x_BLD=x_BLD)))
    return bounds


def _packed(lm: Any, rows: list[Tensor]) -> list[Tensor]:
    place_BL = torch.cat([torch.arange(row.shape[1]) for row in rows]).unsqueeze(0)
    logit_BLV = log_odds(lm, hidden(lm, place_BL, torch.cat(rows, 1)))
    return list(logit_BLV.split([row.shape[1] for row in rows], 1))


class _Reached(Exception):  # nothing is wrong: what follows is not asked
    """Says that the last block asked for has been reached."""

    def __init__(self, x_BLD: Tensor) -> None:
        super().__init__()
        self.x_BLD = x_BLD

    @classmethod
    def stop(cls, block: nn.Module, given: Any, x_BLD: Tensor) -> None:
        """Go no further than a block; a hook of it."""
        raise cls(x_BLD)


class _Known:
    """Stands for what a model's body returns: its last vectors, and nothing else."""

    def __init__(self, hidden_BLD: Tensor) -> None:
        self.last_hidden_state = hidden_BLD

    def __getitem__(self, place: int) -> Tensor:
        return (self.last_hidden_state,)[place]

    def __getattr__(self, name: str) -> None:
        return None


def _skipped(
    blocks: Collection[nn.Module], x_BLD: Tensor
) -> dict[nn.Module, Callable[..., Tensor]]:
    """Return what answers for blocks before the one that ``x_BLD`` goes into."""
    return dict.fromkeys(blocks, lambda *_, **__: x_BLD)


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _refused(config: Any, reason: str) -> ConfigError:
    return ConfigError(
        f"the family {config.model_type!r} {reason}.",
        "Take another, such as llama, mistral or qwen2.",
    )
