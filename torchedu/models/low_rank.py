"""Low-rank additions to the linear layers of a model, whose own weights stay as they are."""

from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from torchedu.errors import ConfigError, MissingExtraError


class LowRank(NamedTuple):
    """How low-rank additions are made (Hu et al., https://arxiv.org/abs/2106.09685).

    Attributes:
        rank: Their rank; 0 makes none.
        alpha: They are multiplied by this over their rank.
        dropout: Share of their inputs that is dropped.
        four_bits: Whether the layers' own weights are kept in 4 bits (QLoRA: Dettmers et al.,
            https://arxiv.org/abs/2305.14314): NF4 with doubly quantised scales, computing in
            bfloat16. Deviation: AdamW's state is not paged.
    """

    rank: int
    alpha: float
    dropout: float
    four_bits: bool = False

    def check(self, source: str | None = None) -> None:
        """Refuse what cannot be.

        Args:
            source: The trained model whose weights are still to be read, if there is one.

        Raises:
            ConfigError: There are no weights that could stay.
            MissingExtraError: What it needs is not installed.
        """
        if self.rank and find_spec("peft") is None:
            raise MissingExtraError("⟦model.net.lora_rank⟧", "peft", "language")
        if self.four_bits and not (self.rank and source):
            raise ConfigError(
                "four_bits keeps a trained model's weights, and there are none that stay.",
                "Give model.net.source and model.net.lora_rank, 16 say.",
            )
        if self.four_bits and find_spec("bitsandbytes") is None:
            raise MissingExtraError("four_bits", "bitsandbytes", "qlora")

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

        linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
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


def merge(lm: nn.Module) -> None:
    """Make low-rank additions part of the weights that they belong to."""
    for name, module in list(lm.named_modules()):
        if hasattr(module, "lora_A"):
            module.merge()
            owner, _, own = name.rpartition(".")
            setattr(lm.get_submodule(owner), own, module.get_base_layer())


def narrow(layer: Any, weight: Tensor, device: torch.device) -> nn.Module:
    """Return a linear layer whose weight is kept in 4 bits, as bitsandbytes has it.

    Args:
        layer: A linear layer of this shape, whose bias is taken.
        weight: Its weight, on the CPU; rounded on the device.
        device: Where it goes.
    """
    import bitsandbytes

    made: Any = bitsandbytes.nn  # annotated in part only
    new: nn.Module = made.Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=False,
        compute_dtype=torch.bfloat16,
        quant_type="nf4",
        device="meta",
    )
    new.weight = made.Params4bit(weight, requires_grad=False, quant_type="nf4").to(device)
    new.bias = layer.bias
    return new
