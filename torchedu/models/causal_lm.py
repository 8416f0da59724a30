"""A language model of Hugging Face, as a network of repeated blocks."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from torchedu.batch import TokenBatch
from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.layers import BlockPlan


class CausalLM(nn.Module):
    """Predicts each token from those before it, as a model of Hugging Face does.

    It serves families that are built like Llama (Touvron et al., https://arxiv.org/abs/2302.13971):
    Mistral, Qwen and more. Weights are random until some are loaded. Padding stands at the end,
    where no token looks at it.

    Args:
        config: What Hugging Face's configuration holds: ``model_type`` (``llama``), sizes.

    Raises:
        ConfigError: The family is not known, or not built like Llama.
        MissingExtraError: transformers is not installed.
    """

    block_plan = BlockPlan(
        "lm.model.layers", ("lm.model.embed_tokens",), ("lm.model.norm", "lm.lm_head")
    )

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        try:
            from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
        except ImportError:
            raise MissingExtraError("CausalLM", "transformers", "language") from None
        family = str(config.get("model_type"))
        if family not in CONFIG_MAPPING:
            raise ConfigError(f"model_type is {family!r}.", allowed(family, CONFIG_MAPPING, 5))
        try:
            parsed = AutoConfig.for_model(**{**config, "use_cache": False})
            self.lm: Any = AutoModelForCausalLM.from_config(parsed)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001  # each family refuses in its own way
            raise ConfigError(
                f"no language model can be built of {config}: {error.__cause__ or error}",
                "Give what the config.json of such a model holds, model_type among it.",
            ) from None
        self.config = config
        parts = (self.block_plan.blocks, *self.block_plan.entrance, *self.block_plan.exit)
        names = {name for name, _ in self.named_modules()}
        if not names.issuperset((*parts, "lm.model.rotary_emb")):
            raise ConfigError(
                f"the family {family!r} is not built like Llama.",
                "Take one that is, such as llama, mistral or qwen2.",
            )

    def forward(self, batch: TokenBatch) -> Tensor:
        """Predict every token of a batch.

        Args:
            batch: Texts as tokens.

        Returns:
            logit_BLV: Of the token after each; slot t has seen tokens up to t.
        """
        return self.leave(self.through(self.lm.model.layers, self.enter(batch), batch), batch)

    def enter(self, batch: TokenBatch) -> tuple[Tensor]:
        """Return the tokens' vectors; see ``BlockNetwork``."""
        return (self.lm.model.embed_tokens(batch.token_BL),)

    def through(
        self, blocks: Iterable[nn.Module], x: tuple[Tensor, ...], batch: TokenBatch
    ) -> tuple[Tensor, ...]:
        """Let each token attend to those before it; see ``BlockNetwork``."""
        from transformers.masking_utils import create_causal_mask

        (x_BLD,) = x
        place_1L = torch.arange(x_BLD.shape[1], device=x_BLD.device).unsqueeze(0)
        mask = create_causal_mask(self.lm.config, x_BLD, None, None, place_1L)
        turned = self.lm.model.rotary_emb(x_BLD, position_ids=place_1L)
        for block in blocks:
            x_BLD = block(
                x_BLD, attention_mask=mask, position_embeddings=turned, position_ids=place_1L
            )
        return (x_BLD,)

    def leave(self, x: tuple[Tensor, ...], batch: TokenBatch) -> Tensor:
        """Return the tokens' log odds; see ``BlockNetwork``."""
        logit_BLV: Tensor = self.lm.lm_head(self.lm.model.norm(x[0]))
        return logit_BLV
