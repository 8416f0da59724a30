"""Any ViT, DeiT, DINOv2, CLIP or SigLIP of Hugging Face as a network from pixels to states."""

import json
from typing import Any

import torch
from torch import Tensor, nn

from torchedu.errors import ConfigError, allowed
from torchedu.layers import at_least_single
from torchedu.models.text_encoder import (
    encoder_config,
    model_folder,
    parsed_config,
    pretrained_model,
)

FAMILIES = {"clip": 1, "deit": 2, "dinov2": 1, "siglip": 0, "vit": 1}
"""What the configuration of a model calls its kind; its states beside those of patches."""
TOWER = "_vision_model"
"""What stands behind a kind where the model has no part that reads texts."""
TWO = "vision_config"
"""What the configuration of a model has that reads texts too."""
GREY = 0.5
"""Mean and spread of colours in 0..1 where a model does not say its own."""


class PictureEncoder(nn.Module):
    """Turns photographs into states, one a patch, as a pretrained model sees them.

    ViT (https://arxiv.org/abs/2010.11929), DeiT (https://arxiv.org/abs/2012.12877), DINOv2
    (https://arxiv.org/abs/2304.07193), and the half of CLIP (https://arxiv.org/abs/2103.00020) or
    SigLIP (https://arxiv.org/abs/2303.15343) that sees. Other than their own preprocessing, which
    cuts the middle out, a photograph is seen whole: what is written at its edges counts. Weights
    are read as ``TextEncoder`` reads them.

    Args:
        name: A folder, or a model's name on the hub, such as ``facebook/dinov2-small``.

    Attributes:
        dim: Width of its states.
        side: Pixels of a side of the square that it sees.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
        MissingExtraError: transformers is not installed.
    """

    mean_C11: Tensor
    spread_C11: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.dim, _, self.side = picture_sizes(name)
        model: Any = pretrained_model(name)
        self.model = model.vision_model if TWO in encoder_config(name) else model
        for buffer, numbers in zip(("mean_C11", "spread_C11"), _colours(name), strict=True):
            self.register_buffer(buffer, torch.tensor(numbers).view(3, 1, 1))
        self.eval()

    @torch.no_grad()
    def forward(self, pixel_CHW: Tensor) -> Tensor:
        """Return the states of one photograph.

        Args:
            pixel_CHW: Its colours in 0..1; H and W are ``side``.

        Returns:
            state_PD: Those of the whole first, where the model has some, then those of patches.
        """
        seen_1CHW = ((pixel_CHW - self.mean_C11) / self.spread_C11).unsqueeze(0)
        return at_least_single(self.model(pixel_values=seen_1CHW).last_hidden_state[0])


def picture_sizes(name: str) -> tuple[int, int, int]:
    """Return what a model's configuration says of its states; reads no weights.

    Args:
        name: As ``PictureEncoder`` has it.

    Returns:
        Their width, how many there are of a photograph, and the side of the square it sees.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
    """
    config = encoder_config(name)
    family = str(config.get("model_type"))
    if family.removesuffix(TOWER) not in FAMILIES:
        raise ConfigError(
            f"⟦data.vision⟧ is {name}, whose model_type is {family!r}.", allowed(family, FAMILIES)
        )
    parsed = parsed_config(config)
    seen = parsed.vision_config if TWO in config else parsed
    side, patch = int(seen.image_size), int(seen.patch_size)
    if int(seen.num_channels) != 3 or not 0 < patch <= side:
        raise ConfigError(
            f"⟦data.vision⟧ is {name}, which sees {seen.num_channels} colours in patches of "
            f"{patch} in {side} pixels.", "Give a model that sees red, green and blue.",
        )  # fmt: skip
    states = (side // patch) ** 2 + FAMILIES[family.removesuffix(TOWER)]
    return int(seen.hidden_size), states, side


def _colours(name: str) -> tuple[list[float], list[float]]:
    """Return mean and spread of the colours that a model was trained on, as it says."""
    file = model_folder(name) / "preprocessor_config.json"
    try:
        said = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        mean, spread = ([float(n) for n in said.get(key, [GREY] * 3)]
                        for key in ("image_mean", "image_std"))  # fmt: skip
        if (len(mean), len(spread)) != (3, 3) or not all(0 < n < 100 for n in spread):
            raise ValueError("three numbers each")
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(
            f"the preprocessor_config.json of {name} tells no mean and spread of three colours.",
            "Give image_mean and image_std as the model's makers have them, or take the file away.",
        ) from None
    return mean, spread
