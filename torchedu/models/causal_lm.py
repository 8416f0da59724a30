"""A language model of Hugging Face, as a network of repeated blocks."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional as F

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.layers import BlockPlan
from torchedu.models.low_rank import LowRank, narrow
from torchedu.models.network import Network
from torchedu.models.stored import read_config, stored_weights

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
    Mistral, Qwen and more. Padding stands at the end, where no token looks at it, so that no token
    for padding is needed.

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
        attention: How attention is computed: ``sdpa``, or ``flex_attention``, which skips what
            packed texts do not see of each other, on GPUs.

    Raises:
        ConfigError: The family is not known or not built like Llama, the model has fewer tokens
            than the tokenizer, or ``source`` holds no such model.
        MissingExtraError: transformers, or for ``lora_rank`` peft, or for ``four_bits``
            bitsandbytes, is not installed.
    """

    sizes = ("num_tokens",)
    block_plan = BlockPlan(
        "lm.model.layers", ("lm.model.embed_tokens",), ("lm.model.norm", "lm.lm_head")
    )

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
        own: dict[str, Any]
        if source is None:
            own = {"bos_token_id": None, "eos_token_id": None}
            own |= SMALL if config is None else config
            # Models have rows to spare, which a checkpoint of theirs has too.
            own["vocab_size"] = max(num_tokens, int(own.get("vocab_size", 0)))
        else:
            own = read_config(source)
            if int(own.get("vocab_size", 0)) < num_tokens:
                raise ConfigError(
                    f"the tokenizer has {num_tokens:,} tokens, and the model of {source} knows "
                    f"{int(own.get('vocab_size', 0)):,}.",
                    f"Give the model's own: --data.tokenizer {source}.",
                )
        self.lm: Any = self._built(own)
        parts = (self.block_plan.blocks, *self.block_plan.entrance, *self.block_plan.exit)
        names = {name for name, _ in self.named_modules()}
        if not names.issuperset((*parts, "lm.model.rotary_emb")):
            raise ConfigError(
                f"the family {own['model_type']!r} is not built like Llama.",
                "Take one that is, such as llama, mistral or qwen2.",
            )
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
            "source": None if whole else self.source,
            "lora_rank": self.low_rank.rank,
            "lora_alpha": self.low_rank.alpha,
            "lora_dropout": self.low_rank.dropout,
            "attention": self._attention,
        }

    @property
    def max_steps(self) -> int:  # type: ignore[override]  # the model's, not ours to set
        """Most tokens of a text."""
        return int(self.lm.config.max_position_embeddings)

    @property
    def deferred(self) -> bool:
        """Whether the weights of ``source`` are still to be read."""
        return any(one.is_meta for one in self.parameters())

    def forward(self, batch: TokenBatch) -> Tensor:
        """Predict every token of a batch.

        Args:
            batch: Texts as tokens.

        Returns:
            cost_BL: The negative log likelihood of each scored token, in nats, given those before
            it; 0 for others.
        """
        return self.leave(self.through(self.lm.model.layers, self.enter(batch), batch), batch)

    def logits(self, batch: TokenBatch) -> Tensor:
        """Return logit_BLV: of the token after each; slot t has seen tokens up to t."""
        (x_BLD,) = self.through(self.lm.model.layers, self.enter(batch), batch)
        logit_BLV: Tensor = self.lm.lm_head(self.lm.model.norm(x_BLD))
        return logit_BLV

    def enter(self, batch: TokenBatch) -> tuple[Tensor]:
        """Return the tokens' vectors; see ``BlockNetwork``."""
        return (self.lm.model.embed_tokens(batch.token_BL),)

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: TokenBatch
    ) -> tuple[Tensor, ...]:
        """Let each token attend to those before it in its text; see ``BlockNetwork``."""
        from transformers.masking_utils import create_causal_mask

        (x_BLD,) = x
        packed = batch.place_BL.shape[1] > 0
        if packed:
            place_BL = batch.place_BL
        else:
            place_BL = torch.arange(x_BLD.shape[1], device=x_BLD.device).unsqueeze(0)
        # Where places begin anew, it takes what follows for another text.
        mask = create_causal_mask(self.lm.config, x_BLD, None, None, place_BL)
        turned = self.lm.model.rotary_emb(x_BLD, position_ids=place_BL)
        for block in blocks:
            x_BLD = block(
                x_BLD, attention_mask=mask, position_embeddings=turned, position_ids=place_BL
            )
        return (x_BLD,)

    def leave(self, x: tuple[Tensor, ...], batch: TokenBatch) -> Tensor:
        """Return what each scored token costs; see ``BlockNetwork``."""
        x_BLD = self.lm.model.norm(x[0])
        # The last slot predicts nothing; so rows keep their length, and stages their shapes.
        next_BL = batch.token_BL.roll(-1, 1).masked_fill(~batch.scored_BL.roll(-1, 1), IGNORED)
        next_BL[:, -1] = IGNORED
        cost_N = self._cost(x_BLD.flatten(0, 1), next_BL.flatten())
        return cost_N.view_as(next_BL).roll(1, 1)

    def _cost(self, x_ND: Tensor, next_N: Tensor) -> Tensor:
        weight_VD = self.lm.lm_head.weight
        chunked = getattr(F, "linear_cross_entropy", None)  # since torch 2.13
        large = len(x_ND) * len(weight_VD) > MOST_LOGITS
        if chunked is None or not large or isinstance(weight_VD, DTensor):
            logit_NV = self.lm.lm_head(x_ND).float()
            return F.cross_entropy(logit_NV, next_N, ignore_index=IGNORED, reduction="none")
        if torch.is_autocast_enabled(x_ND.device.type):
            narrow = torch.get_autocast_dtype(x_ND.device.type)
            x_ND, weight_VD = x_ND.to(narrow), weight_VD.to(narrow)
        cost_N: Tensor = chunked(
            x_ND.to(weight_VD.dtype),
            weight_VD,
            next_N,
            ignore_index=IGNORED,
            reduction="none",
            options=nn.LinearCrossEntropyOptions(),
        )
        return cost_N.float()

    def stored(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights of ``source`` and the first ones of additions, one at a time.

        Yields:
            Names of parameters, and their values, on the CPU.

        Raises:
            ConfigError: A weight is missing or has another shape.
        """
        assert self.source is not None
        wanted = {name.replace(".base_layer", ""): name for name in self.state_dict()}
        shapes = {name: one.shape for name, one in self.state_dict().items()}
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
                    "Its files do not belong together: download them again.",
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
        known = {name: one.detach().clone() for name, one in self.named_buffers()}
        self.to_empty(device=device)
        self.lm.tie_weights()  # what was shared on the meta device is no longer
        for name, one in self.named_buffers():
            one.copy_(known[name])

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        end: int,
        most: int = 256,
        temperature: float = 0.0,
        told: Callable[[list[int]], None] | None = None,
    ) -> list[list[int]]:
        """Go on with prompts, token by token, keeping keys and values of what was said.

        Args:
            prompts: Token ids of each.
            end: The token that ends an answer.
            most: Most tokens of an answer.
            temperature: 0 takes the likeliest token each time; above, tokens are drawn, the more
                freely the higher.
            told: Called with each new token, for one prompt.

        Returns:
            The new tokens of each, without the end.

        Raises:
            ConfigError: A prompt leaves no room for an answer.
        """
        longest = max(map(len, prompts))
        if longest >= self.max_steps:
            raise ConfigError(
                f"the prompt has {longest:,} tokens, and the model reads {self.max_steps:,}.",
                "Shorten it, or begin a new conversation.",
            )
        device = self.lm.device
        token_BL = torch.full((len(prompts), longest), end)
        seen_BL = torch.zeros(len(prompts), longest, dtype=torch.long)
        for i, prompt in enumerate(prompts):  # padded before, so that all go on at one place
            token_BL[i, longest - len(prompt) :] = torch.tensor(prompt)
            seen_BL[i, longest - len(prompt) :] = 1
        drawn: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            drawn["temperature"] = temperature
        all_BL = self.lm.generate(
            input_ids=token_BL.to(device),
            attention_mask=seen_BL.to(device),
            max_new_tokens=min(most, self.max_steps - longest),
            eos_token_id=end,
            pad_token_id=end,
            use_cache=True,
            streamer=None if told is None else _Streamer(told),
            **drawn,
        )
        new = all_BL[:, longest:].tolist()
        return [row[: row.index(end)] if end in row else row for row in new]

    def checksum(self) -> str:
        """Return what tells the weights of ``source`` from any others: that of its norms."""
        assert self.source is not None
        found = hashlib.sha256()
        for name, value in stored_weights(self.source, only="norm"):
            found.update(name.encode() + value.float().numpy().tobytes())
        return found.hexdigest()[:16]

    def _built(self, own: dict[str, Any]) -> Any:
        try:
            from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
        except ImportError:
            raise MissingExtraError("CausalLM", "transformers", "language") from None
        family = str(own.get("model_type"))
        if family not in CONFIG_MAPPING:
            raise ConfigError(f"model_type is {family!r}.", allowed(family, CONFIG_MAPPING, 5))
        try:
            parsed = AutoConfig.for_model(**{**own, "use_cache": False})
            with nullcontext() if self.source is None else torch.device("meta"):
                lm: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                    parsed, attn_implementation=self._attention, dtype=torch.float32
                )
            if self.source is not None:  # buffers are computed, not stored
                lm.model.rotary_emb = type(lm.model.rotary_emb)(config=parsed)
        except Exception as error:  # noqa: BLE001  # each family refuses in its own way
            raise ConfigError(
                f"no language model can be built of {own}: {error.__cause__ or error}",
                "Give what the config.json of such a model holds, model_type among it.",
            ) from None
        return lm


class _Streamer:
    """Hands on each new token of a single answer."""

    def __init__(self, told: Callable[[list[int]], None]) -> None:
        self._told = told
        self._begun = False

    def put(self, ids: Tensor) -> None:
        """Take tokens; those of the prompt come first."""
        if self._begun:
            self._told(ids.flatten().tolist())
        self._begun = True

    def end(self) -> None:
        """Take the end."""
