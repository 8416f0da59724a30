"""Photographs as a network sees them: their pixels, or states of a frozen encoder of pictures."""

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.datasets.photographs import resized, smaller_size
from torchedu.features.embedding import checksum
from torchedu.features.states import States
from torchedu.models.picture_encoder import PictureEncoder, picture_sizes

COLOURS = 3
WHITE = 255


class Pixels(NamedTuple):
    """Makes pixels of photographs, few enough for a network that begins from nothing.

    Attributes:
        side: A photograph has as many pixels as a square of this side, at most, and its own shape.
    """

    side: int

    @property
    def name(self) -> str:
        """What tells these pixels from others."""
        return f"pixels of a square of {self.side}"

    @property
    def dim(self) -> int:
        """Numbers of a pixel."""
        return COLOURS

    def shape(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Return height and width of what photographs become."""
        return smaller_size(height, width, self.side)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return how dark each pixel of a photograph is, 0 for white; shape (height, width, 3)."""
        small = resized(pixels, *self.shape(*pixels.shape[:2]))
        dark: NDArray[np.float32] = 1 - small.astype(np.float32) / np.float32(WHITE)
        return dark


class PictureStates(States):
    """Makes the states of photographs, or takes them from where they are kept; see ``states``.

    Args:
        encoder: A folder with a ViT, DeiT, DINOv2, CLIP or SigLIP of Hugging Face, or a name on
            the hub.
        folder: Where states are kept; nowhere where it is None.

    Attributes:
        dim: Width of a state.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
    """

    kind, doing = "vision", "looking"

    def __init__(self, encoder: str, folder: str | Path | None = None) -> None:
        self.dim, self._states, self._side = picture_sizes(encoder)
        super().__init__(encoder, {"model": checksum(encoder), "seen": "whole, on white"}, folder)

    def shape(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Return 1 and the number of states, of any photograph."""
        return np.ones_like(height), np.full_like(width, self._states)

    def __call__(self, content: NDArray[Any]) -> NDArray[np.float32]:
        """Return the states of a photograph; shape (1, states, width)."""
        return super().__call__(content)[None]

    def _shape(self, content: NDArray[Any]) -> tuple[int, int]:
        return self._states, self.dim

    @torch.inference_mode()
    def _made(self, content: NDArray[Any]) -> NDArray[np.float16]:
        """See a photograph as large as the encoder's square holds it, in the middle of white."""
        height, width = content.shape[:2]
        share = self._side / max(height, width)
        inner = resized(content, *(max(1, round(n * share)) for n in (height, width)))
        square = np.full((self._side, self._side, COLOURS), WHITE, np.uint8)
        top, left = ((self._side - n) // 2 for n in inner.shape[:2])
        square[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
        pixel_CHW = torch.from_numpy(square).permute(2, 0, 1).to(self.device) / WHITE
        return self._network(pixel_CHW).half().cpu().numpy()

    @cached_property
    def _network(self) -> PictureEncoder:
        return PictureEncoder(self._encoder).to(self.device)
