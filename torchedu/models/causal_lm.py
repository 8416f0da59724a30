"""A language model of Hugging Face, as a network of repeated blocks."""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.layers import at_least_single
from torchedu.models import own_forward
from torchedu.models.low_rank import LowRank, narrow
from torchedu.models.network import Network
from torchedu.models.stored import family_config, read_config, source_name, stored_weights

SMALL = {
    "model_type": "llama",
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
"""What is built where nothing is said: 3 million parameters with a vocabulary of 2,048."""
IGNORED = -100
MOST_LOGITS = 1 << 25
"""Above so many log odds, their loss is computed chunk by chunk, and they are never all kept."""


class CausalLM(Network):
    """Predicts each token from those before it, as a model of Hugging Face does.

    It serves families that are built like Llama (Touvron et al., https://arxiv.org/abs/2302.13971):
    Mistral, Qwen, Gemma, Granite and more, each computed by its own library's forward. What is
    ours, blocks on several devices and several texts in a row, is compared with that on a small
    random copy of the configuration when the network is built, and refused beyond 1e-4. Padding
    stands at the end, where no token looks at it, so that no token for padding is needed.

    With ``source``, the weights of a trained model are read from safetensors alone, one tensor at a
    time, when training begins: until then the parameters are on the meta device, and where devices
    share them no process ever holds more than its part and one tensor.

    With ``lora_rank``, the model's own weights stay as they are, and only low-rank additions to its
    linear layers are trained, as ``LowRank`` tells.

    Args:
        num_tokens: Number of token ids.
        config: What Hugging Face's configuration holds beside it: ``model_type`` (``llama``),
            sizes. A small Llama where it is None; not with ``source``.
        source: Folder, or name on the Hugging Face hub, of a trained model.
        lora_rank: Rank of the additions; 0 trains all weights.
        lora_alpha: The additions are multiplied by this over their rank.
        lora_dropout: Share of the additions' inputs that is dropped.
        four_bits: Keep the weights that additions belong to in 4 bits while training, under
            ``auto`` and ``ddp``. The checkpoint knows nothing of it: it opens on whole weights.
        attention: How attention is computed: ``sdpa``, where the family has it, or
            ``flex_attention``, which skips what packed texts do not see of each other, on GPUs.

    Raises:
        ConfigError: The family is not known or not built like Llama or computes something else
            when divided, the model has fewer tokens than the tokenizer, or ``source`` holds no such
            model.
        MissingExtraError: transformers, or for ``lora_rank`` peft, or for ``four_bits``
            bitsandbytes, is not installed.
    """

    max_history: int
    sizes = ("num_tokens",)

    def __init__(
        self,
        num_tokens: int,
        config: dict[str, Any] | None = None,
        source: str | None = None,
        lora_rank: int = 0,
        lora_alpha: float = 16.0,
        lora_dropout: float = 0.0,
        four_bits: bool = False,
        attention: str = "sdpa",
    ) -> None:
        super().__init__()
        self.low_rank = LowRank(lora_rank, lora_alpha, lora_dropout, four_bits)
        self.low_rank.check(source)
        if source is not None and config is not None:
            raise ConfigError(
                "both config and source are given.", "A trained model brings its own config."
            )
        self.num_tokens = num_tokens
        self.source = source
        self.four_bits = four_bits
        self._given = config
        self._attention = attention
        if source is None:
            # The tokenizer has its own, and a family's padding would never be learned.
            own: dict[str, Any] = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
            own |= SMALL if config is None else config
            # Models have rows to spare, which a checkpoint of theirs has too.
            own["vocab_size"] = max(num_tokens, int(own.get("vocab_size", 0)))
        else:
            own = read_config(source)
            if int(own.get("vocab_size", 0)) < num_tokens:
                raise ConfigError(
                    f"the tokenizer has {num_tokens:,} tokens, and the model of {source} knows "
                    f"{int(own.get('vocab_size', 0)):,}.",
                    f"Give the model's own: ⟦data.tokenizer⟧ {source}.",
                )
        self.lm: Any = self._built(own)
        self.max_history = int(self.lm.config.max_position_embeddings)
        self.block_plan = own_forward.block_plan(self.lm, "lm.")
        self._alone = own_forward.check_parts(self.lm.config)
        self._plain_head = own_forward.has_plain_head(self.lm)
        if lora_rank:
            self.lora_config = self.low_rank.add(self.lm, source)
            self.lora_config.task_type = "CAUSAL_LM"  # for peft, when it opens an export

    def arguments(self) -> dict[str, Any]:
        """Return what builds this network again, beside the number of tokens, as plain values.

        One whose weights are all trained needs no more of its source than the sizes.
        """
        whole = self.source is not None and not self.low_rank.rank
        return {
            "config": read_config(str(self.source)) if whole else self._given,
            "source": None if whole or self.source is None else source_name(self.source),
            "lora_rank": self.low_rank.rank,
            "lora_alpha": self.low_rank.alpha,
            "lora_dropout": self.low_rank.dropout,
            "attention": self._attention,
        }

    @property
    def deferred(self) -> bool:
        """Whether the weights of ``source`` are still to be read."""
        return any(parameter.is_meta for parameter in self.parameters())

    def forward(self, batch: TokenBatch) -> Tensor:
        """Predict every token of a batch.

        Args:
            batch: Texts as tokens.

        Returns:
            cost_BL: The negative log likelihood of each scored token, in nats, given those before
            it; 0 for others.
        """
        hidden_BLD = own_forward.hidden(self.lm, self._place(batch), batch.token_BL)
        return self._costs(hidden_BLD, batch)

    def logits(self, batch: TokenBatch) -> Tensor:
        """Return logit_BLV: of the token after each; slot t has seen tokens up to t."""
        hidden_BLD = own_forward.hidden(self.lm, self._place(batch), batch.token_BL)
        return own_forward.log_odds(self.lm, hidden_BLD)

    def enter(self, batch: TokenBatch) -> tuple[Tensor]:
        """Return the tokens' vectors; see ``BlockNetwork``."""
        return (self.lm.model.embed_tokens(batch.token_BL),)

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: TokenBatch
    ) -> tuple[Tensor, ...]:
        """Let each token attend to those before it in its text; see ``BlockNetwork``."""
        return (own_forward.through(self.lm, self._place(batch), x[0], list(blocks)),)

    def leave(self, x: tuple[Tensor, ...], batch: TokenBatch) -> Tensor:
        """Return what each scored token costs; see ``BlockNetwork``."""
        return self._costs(own_forward.hidden(self.lm, None, x_BLD=x[0]), batch)

    def _place(self, batch: TokenBatch) -> Tensor | None:
        """Return the position of each token in its text, where rows hold several.

        Raises:
            ConfigError: They do, and the family cannot tell them apart.
        """
        if not batch.place_BL.shape[1]:
            return None
        if self._alone:
            raise ConfigError(
                f"the family {self.lm.config.model_type!r} {self._alone}.",
                "Give each text a row of its own: ⟦data.packing⟧ false.",
            )
        return batch.place_BL

    def _costs(self, hidden_BLD: Tensor, batch: TokenBatch) -> Tensor:
        """Return what each scored token costs, from what the model makes of the texts."""
        # The last slot predicts nothing; so rows keep their length, and stages their shapes.
        next_BL = batch.token_BL.roll(-1, 1).masked_fill(~batch.scored_BL.roll(-1, 1), IGNORED)
        next_BL[:, -1] = IGNORED
        x_ND, next_N = hidden_BLD.flatten(0, 1), next_BL.flatten()
        weight_VD = self.lm.lm_head.weight
        fits = max(1, MOST_LOGITS // len(weight_VD))
        if len(x_ND) <= fits or hasattr(weight_VD, "to_local"):  # a DTensor, slow to import
            cost_N = self._cost(x_ND, next_N)
        elif self._plain_head and hasattr(F, "linear_cross_entropy"):  # since torch 2.13
            cost_N = _fused_cost(x_ND, weight_VD, next_N)
        else:
            chunks = zip(x_ND.split(fits), next_N.split(fits), strict=True)
            cost_N = torch.cat([checkpoint(self._cost, *c, use_reentrant=False) for c in chunks])
        return cost_N.view_as(next_BL).roll(1, 1)

    def _cost(self, x_ND: Tensor, next_N: Tensor) -> Tensor:
        logit_NV = at_least_single(own_forward.log_odds(self.lm, x_ND.unsqueeze(0))[0])
        return F.cross_entropy(logit_NV, next_N, ignore_index=IGNORED, reduction="none")

    def stored(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights of ``source`` and the first ones of additions, one at a time.

        Yields:
            Names of parameters, and their values, on the CPU.

        Raises:
            ConfigError: A weight is missing or has another shape.
        """
        assert self.source is not None
        wanted = {name.replace(".base_layer", ""): name for name in self.state_dict()}
        shapes = {name: tensor.shape for name, tensor in self.state_dict().items()}
        for name, value in stored_weights(self.source):
            own = wanted.pop(f"lm.{name}", None)
            if own is None:
                continue  # such as the output's of a model that shares it with the tokens
            if value.shape != shapes[own]:
                raise ConfigError(
                    f"{self.source} has {name} of shape {tuple(value.shape)}, its config asks for "
                    f"{tuple(shapes[own])}.",
                    "Its files do not belong together: download them again.",
                )
            yield own, value
        first = torch.Generator().manual_seed(0)
        for name in list(wanted.values()):
            if ".lora_A." in name:
                bound = 1 / math.sqrt(shapes[name][1])
                yield name, torch.empty(shapes[name]).uniform_(-bound, bound, generator=first)
            elif ".lora_B." in name:
                yield name, torch.zeros(shapes[name])
            elif not (name == "lm.lm_head.weight" and self.lm.config.tie_word_embeddings):
                raise ConfigError(
                    f"{self.source} has no weight {name.removeprefix('lm.')}.",
                    "Download its files again; a family whose files name its weights otherwise, as "
                    "those of experts do, cannot be a source.",
                )

    def load(self, device: torch.device | None = None) -> None:
        """Read the weights of ``source`` into this network, on the CPU.

        Args:
            device: Where weights of 4 bits are rounded, and stay.
        """
        self.empty(torch.device("cpu"))
        own = self.state_dict()
        with torch.no_grad():
            for name, value in self.stored():
                place, _, stays = name.rpartition(".base_layer.")
                if self.four_bits and stays == "weight":
                    owner = self.get_submodule(place)
                    owner.base_layer = narrow(owner.base_layer, value, device or own[name].device)
                else:
                    own[name].copy_(value)

    def empty(self, device: torch.device) -> None:
        """Give the parameters a place on a device, with no numbers in it yet."""
        known = {name: buffer.detach().clone() for name, buffer in self.named_buffers()}
        self.to_empty(device=device)
        self.lm.tie_weights()  # what was shared on the meta device is no longer
        for name, buffer in self.named_buffers():
            buffer.copy_(known[name])

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        ends: Collection[int],
        most: int = 256,
        temperature: float = 0.0,
        emit: Callable[[list[int]], None] | None = None,
        look: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> list[list[int]]:
        """Go on with prompts, token by token, keeping keys and values of what was said.

        Args:
            prompts: Token ids of each.
            ends: The tokens that end an answer, beside those of the configuration.
            most: Most tokens of an answer.
            temperature: 0 takes the likeliest token each time; above, tokens are drawn, the more
                freely the higher.
            emit: Called with each new token but the end, for one prompt.
            look: Called with all tokens and log odds of the next, (prompts, V), which it returns.

        Returns:
            The new tokens of each, without the end.

        Raises:
            ConfigError: A prompt leaves no room for an answer.
        """
        ends = self.all_ends(ends)
        padding = next(iter(ends), 0)  # a model may know no end
        if (longest := max(map(len, prompts))) >= self.max_history:
            raise ConfigError(
                f"the prompt has {longest:,} tokens, and the model reads {self.max_history:,}.",
                "Shorten it, or begin a new conversation.",
            )
        token_BL = torch.full((len(prompts), longest), padding)
        seen_BL = torch.zeros(len(prompts), longest, dtype=torch.long)
        for i, prompt in enumerate(prompts):  # padded before, so that all go on at one place
            token_BL[i, longest - len(prompt) :] = torch.tensor(prompt)
            seen_BL[i, longest - len(prompt) :] = 1
        drawn: dict[str, Any] = {"temperature": temperature} if temperature > 0 else {}
        all_BL = self.lm.generate(
            input_ids=token_BL.to(self.lm.device),
            attention_mask=seen_BL.to(self.lm.device),
            max_new_tokens=min(most, self.max_history - longest),
            eos_token_id=ends or None,
            pad_token_id=padding,
            use_cache=True,
            streamer=None if emit is None else _Streamer(emit, ends),
            logits_processor=None if look is None else [look],
            do_sample=temperature > 0,
            **drawn,
        )
        new = all_BL[:, longest:].tolist()
        return [list(takewhile(lambda token: token not in ends, row)) for row in new]

    def all_ends(self, ends: Collection[int]) -> list[int]:
        """Return the tokens that end an answer: those given, and those of the configuration."""
        own = self.lm.config.eos_token_id
        listed = own if isinstance(own, list) else [own]
        return list(dict.fromkeys([*ends, *(end for end in listed if end is not None)]))

    def checksum(self) -> str:
        """Return what tells the weights of ``source`` from any others: that of its norms."""
        assert self.source is not None
        digest = hashlib.sha256()
        for name, value in stored_weights(self.source, only="norm"):
            digest.update(name.encode() + value.float().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _built(self, own: dict[str, Any]) -> Any:
        try:
            from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
        except ImportError:
            raise MissingExtraError("CausalLM", "transformers", "language") from None
        family = str(own.get("model_type"))
        if family not in CONFIG_MAPPING:
            raise ConfigError(f"model_type is {family!r}.", allowed(family, CONFIG_MAPPING, 5))
        attention = own_forward.implementation(self._attention)
        try:
            parsed = AutoConfig.for_model(**{**family_config(own), "use_cache": False})
            with nullcontext() if self.source is None else torch.device("meta"):
                lm: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                    parsed, attn_implementation=attention, dtype=torch.float32
                )
            if self.source is not None:
                own_forward.compute_buffers(lm)
        except Exception as error:  # noqa: BLE001  # each family refuses in its own way
            raise ConfigError(
                f"no language model can be built of {own}: {error.__cause__ or error}",
                "Give what the config.json of such a model holds, model_type among it.",
            ) from None
        return lm


def _fused_cost(x_ND: Tensor, weight_VD: Tensor, next_N: Tensor) -> Tensor:
    """Return what each next token costs, whose log odds are never all kept."""
    if torch.is_autocast_enabled(x_ND.device.type):
        narrow = torch.get_autocast_dtype(x_ND.device.type)
        x_ND, weight_VD = x_ND.to(narrow), weight_VD.to(narrow)
    cost_N: Tensor = F.linear_cross_entropy(
        x_ND.to(weight_VD.dtype), weight_VD, next_N,
        ignore_index=IGNORED, reduction="none", options=nn.LinearCrossEntropyOptions(),
    )  # fmt: skip
    return at_least_single(cost_N)


class _Streamer:
    """Hands on each new token of a single answer."""

    def __init__(self, emit: Callable[[list[int]], None], ends: Collection[int]) -> None:
        self._emit = emit
        self._ends = ends
        self._begun = False

    def put(self, ids: Tensor) -> None:
        """Take tokens; those of the prompt come first."""
        if self._begun:
            self._emit([token for token in ids.flatten().tolist() if token not in self._ends])
        self._begun = True

    def end(self) -> None:
        """Take the end."""
