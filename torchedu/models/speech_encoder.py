"""Any Whisper, wav2vec2 or HuBERT of Hugging Face as a network from samples to states."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from torchedu.errors import ConfigError, allowed
from torchedu.layers import at_least_single
from torchedu.models.text_encoder import (
    building_of,
    encoder_config,
    encoder_sizes,
    parsed_config,
    pretrained_model,
)

RATE = 16_000
"""Samples a second that all of these hear."""
HOP = 320
"""Samples from one state of Whisper to the next."""
WHISPER = "whisper"
FAMILIES = (WHISPER, "wav2vec2", "hubert")
"""What the configuration of a model calls its kind."""


class SpeechEncoder(nn.Module):
    """Turns recordings into states, some fifty a second, as a pretrained model hears them.

    Whisper (https://arxiv.org/abs/2212.04356) hears stretches of one length, 30 seconds at most,
    whose end is filled with silence; a shorter one costs less, and its later places are left out.
    wav2vec2 (https://arxiv.org/abs/2006.11477) and HuBERT (https://arxiv.org/abs/2106.07447) hear
    what there is, with mean zero and spread one. Weights are read as ``TextEncoder`` reads them.

    Args:
        name: A folder, or a model's name on the hub, such as ``openai/whisper-tiny.en``.
        seconds: The longest stretch that it hears at once.

    Attributes:
        dim: Width of its states.
        hop: Samples from one state to the next.

    Raises:
        ConfigError: There is no such model, it is of another kind, or hears no stretches so long.
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__()
        self.dim, self.hop, places = speech_sizes(name)
        self.steps = round(seconds * RATE / self.hop)
        if self.steps > places:
            raise ConfigError(
                f"⟦data.window⟧ is {seconds:g}, and {name} hears {places * self.hop / RATE:g} "
                "seconds at once.", "Give so many at most: longer recordings have several windows.",
            )  # fmt: skip
        self.model: Any = pretrained_model(name)
        self.bands: Any = None
        if self.model.config.model_type == WHISPER:
            self._shorten()
        self.eval()

    def _shorten(self) -> None:
        """Keep Whisper's encoder alone, and of its places those of a stretch."""
        from transformers import WhisperFeatureExtractor

        self.model = self.model.get_encoder()
        extractor: Any = WhisperFeatureExtractor  # annotated in part only
        self.bands = extractor(feature_size=self.model.config.num_mel_bins)
        self.model.config.max_source_positions = self.steps
        place_ID = self.model.embed_positions.weight[: self.steps].detach().clone()
        self.model.embed_positions = nn.Embedding.from_pretrained(place_ID)

    @torch.no_grad()
    def forward(self, sample_S: Tensor) -> Tensor:
        """Return the states of one stretch.

        Args:
            sample_S: Its samples, about -1 to 1, 16,000 a second; at most ``steps * hop``.

        Returns:
            state_ID: One for each ``hop`` samples that were begun.
        """
        states = -(-len(sample_S) // self.hop)
        if self.bands is not None:
            heard = self.bands(
                sample_S.cpu().numpy(), sampling_rate=RATE, max_length=self.steps * self.hop,
                return_tensors="pt",
            )["input_features"].to(sample_S.device)  # fmt: skip
        else:
            level_S = (sample_S - sample_S.mean()) / (sample_S.var(correction=0) + 1e-7).sqrt()
            # The last state hears so far; zeros follow what ends before.
            end = (states - 1) * self.hop + _field(self.model.config)
            heard = nn.functional.pad(level_S, (0, max(0, end - len(level_S)))).unsqueeze(0)
        return at_least_single(self.model(heard).last_hidden_state[0, :states])


def speech_sizes(name: str) -> tuple[int, int, float]:
    """Return what a model's configuration says of its states; reads no weights.

    Args:
        name: As ``SpeechEncoder`` has it.

    Returns:
        Their width, samples from one to the next, and how many there are of a stretch at most.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
    """
    config = encoder_config(name)
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise ConfigError(
            f"⟦data.speech⟧ is {name}, whose model_type is {family!r}.", allowed(family, FAMILIES)
        )
    width = encoder_sizes(config)[1]
    with building_of(config):
        parsed = parsed_config(config)
        hop = HOP if family == WHISPER else math.prod(map(int, parsed.conv_stride))
        places = float(parsed.max_source_positions) if family == WHISPER else math.inf
    if not (width >= 1 and 1 <= hop <= RATE and places >= 1):
        raise ConfigError(
            f"⟦data.speech⟧ is {name}, whose config.json tells of states {width} wide, one for "
            f"{hop} samples, {places:g} at most.",
            "Download it again, or take another one.",
        )
    return width, hop, places


def _field(config: Any) -> int:
    """Return how many samples a state is made of, before attention."""
    field = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        field = (field - 1) * stride + kernel
    return field
