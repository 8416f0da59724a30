"""Low-rank additions to the linear layers of a model, whose own weights stay as they are."""

from importlib.util import find_spec
from typing import Any, NamedTuple

from torch import nn

from torchedu.errors import ConfigError, MissingExtraError


class LowRank(NamedTuple):
    """How low-rank additions are made (Hu et al., https://arxiv.org/abs/2106.09685).

    Attributes:
        rank: Their rank; 0 makes none.
        alpha: They are multiplied by this over their rank.
        dropout: Share of their inputs that is dropped.
    """

    rank: int
    alpha: float
    dropout: float

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: A value is out of range.
            MissingExtraError: peft is not installed.
        """
        if self.rank < 0 or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"lora_rank is {self.rank}, lora_dropout {self.dropout}.",
                "lora_rank is at least 0, lora_dropout in 0..1.",
            )
        if self.rank and find_spec("peft") is None:
            raise MissingExtraError("lora_rank", "peft", "language")

    def add(self, model: nn.Module, source: str | None, blocks: str = "model.layers") -> Any:
        """Give each linear layer of a model's blocks an addition, as peft has them.

        Args:
            model: The model, changed in place.
            source: Where its weights come from, if they are still on the meta device.
            blocks: Name of its repeated blocks.

        Returns:
            What peft calls ``LoraConfig``.
        """
        from peft import LoraConfig, inject_adapter_in_model

        linear = [name for name, one in model.named_modules() if isinstance(one, nn.Linear)]
        inside = {name for name in linear if name.startswith(f"{blocks}.")}
        own = {name.rpartition(".")[2] for name in inside}
        others = [name for name in linear if name not in inside and name.rpartition(".")[2] in own]
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # a ratio need not be whole
            lora_dropout=self.dropout,
            target_modules=sorted(own),
            exclude_modules=others or None,  # an encoder's pooler, say
            base_model_name_or_path=source,
        )
        inject_adapter_in_model(config, model, low_cpu_mem_usage=source is not None)
        return config
