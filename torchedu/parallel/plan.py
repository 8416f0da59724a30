"""What a network says of how it can be divided: its repeated blocks, and how each is shared.

A layer says so in ``tensor_plan``, on its class: the names of its linear maps, each ``colwise``
(every device has some of the outputs) or ``rowwise`` (some of the inputs). Such a layer is a
repeated block. Networks of Hugging Face bring ``tp_plan`` and ``_no_split_modules``.
"""

import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from torchedu.errors import ConfigError


def blocks(net: nn.Module) -> list[nn.Module]:
    """Return the repeated blocks of a network, in order; none where it has no such.

    Args:
        net: A network that is not yet divided.
    """
    named = {name for module in net.modules() for name in _of(module, "_no_split_modules")}
    return [
        module
        for module in net.modules()
        if hasattr(type(module), "tensor_plan") or type(module).__name__ in named
    ]


def tensor_styles(net: nn.Module) -> dict[str, str]:
    """Return how each layer is shared by tensor parallel devices.

    Args:
        net: A network that is not yet divided.

    Returns:
        Styles by the module's name. Weights that two modules share, as an embedding and the output
        that is tied to it, are left whole.
    """
    modules = dict(net.named_modules())
    styles: dict[str, str] = {}
    for owner, patterns in _plans(net):
        for pattern, style in patterns.items():
            full = f"{owner}.{pattern}" if owner else pattern
            match = re.compile(re.escape(full).replace(r"\*", r"\d+"))
            styles.update({name: style for name in modules if match.fullmatch(name)})
    owners: dict[int, int] = {}
    for module in modules.values():
        for parameter in module.parameters(recurse=False):
            owners[id(parameter)] = owners.get(id(parameter), 0) + 1
    return {
        name: style
        for name, style in styles.items()
        if all(owners[id(weight)] == 1 for weight in modules[name].parameters(recurse=False))
    }


def check_divisible(net: nn.Module, size: int) -> None:
    """Check that tensor parallel devices can share a network.

    Args:
        net: A network that is not yet divided.
        size: How many devices share it.

    Raises:
        ConfigError: It has no repeated blocks, or heads or widths that cannot be divided so.
    """
    styles = tensor_styles(net)
    if not (blocks(net) and styles):
        raise ConfigError(
            f"tensor parallelism serves networks of repeated blocks, and {type(net).__name__} has "
            "none that say how they are shared.",
            "Use ddp or fsdp, or a network such as SAKT.",
        )
    for counted, number in _heads(net):
        if number % size:
            fits = [str(n) for n in range(1, number + 1) if number % n == 0]
            raise ConfigError(
                f"{number} {counted} cannot be shared evenly by {size} devices.",
                f"Set ⟦trainer.strategy.tensor_size⟧ to one of {', '.join(fits)}.",
            )
    for name, style in styles.items():
        layer: Any = net.get_submodule(name)
        if style in ("colwise", "rowwise") and not isinstance(layer, nn.Linear):
            raise ConfigError(
                f"tensor parallelism cannot share {name}, which is a {type(layer).__name__} of "
                f"{type(layer).__module__.split('.')[0]}.",
                "Use ddp or fsdp, or train without such layers (lora_rank 0).",
            )
        if isinstance(layer, nn.Linear) and style in ("colwise", "rowwise"):
            width = layer.out_features if style == "colwise" else layer.in_features
            if width % size:
                raise ConfigError(
                    f"the width {width} of {name} cannot be shared evenly by {size} devices.",
                    "Set tensor_size to a divisor of it.",
                )


def _plans(net: nn.Module) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the plans with the names of the modules that they belong to."""
    inside: list[str] = []  # of networks whose plan tells of all that is in them
    for name, module in net.named_modules():
        if any(name.startswith(f"{outer}.") or not outer for outer in inside):
            continue
        if hasattr(type(module), "tensor_plan"):
            yield name, type(module).tensor_plan
        elif hasattr(module, "tp_plan"):
            inside.append(name)
            yield name, dict(_of(module, "tp_plan"))


def _heads(net: nn.Module) -> Iterator[tuple[str, int]]:
    for module in net.modules():
        if hasattr(type(module), "tensor_plan") and hasattr(module, "heads"):
            yield "heads", int(module.heads)  # type: ignore[arg-type]
        config = module.config.to_dict() if hasattr(module, "tp_plan") else {}  # type: ignore[operator, union-attr]
        for counted in ("num_attention_heads", "num_key_value_heads"):
            if config.get(counted):
                yield counted.removeprefix("num_").replace("_", " "), int(config[counted])


def _of(module: nn.Module, attribute: str) -> Any:
    return getattr(module, attribute, None) or {}
