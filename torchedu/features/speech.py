"""Recordings as states of a frozen encoder of speech, made once and kept; see ``states``."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.datasets.audio import resampled
from torchedu.features.embedding import checksum
from torchedu.features.states import States
from torchedu.models.speech_encoder import RATE, SpeechEncoder, speech_sizes


class SpeechStates(States):
    """Makes the states of recordings, or takes them from where they are kept.

    Args:
        encoder: A folder with a Whisper, wav2vec2 or HuBERT of Hugging Face, or a name on the hub.
        rate: Samples a second of the recordings.
        seconds: How long it hears at once; a longer recording is heard stretch by stretch.
        folder: Where states are kept; nowhere where it is None.

    Attributes:
        bands: Width of a state.
        window: States of a stretch.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
    """

    kind, doing = "speech", "hearing"

    def __init__(
        self, encoder: str, rate: int, seconds: float, folder: str | Path | None = None
    ) -> None:
        self.bands, self.hop, _ = speech_sizes(encoder)
        self.window = round(seconds * RATE / self.hop)
        self.rate, self._seconds = rate, seconds
        # A state does not say how long its stretch was, and has heard all of it.
        about = {"model": checksum(encoder), "states of a stretch": self.window}
        super().__init__(encoder, about, folder)

    def frames(self, samples: int | NDArray[Any]) -> Any:
        """Return how many states so many samples have: one at least."""
        return np.maximum(1, -(-np.asarray(samples) * RATE // (self.rate * self.hop)))

    def _shape(self, content: NDArray[Any]) -> tuple[int, int]:
        return int(self.frames(len(content))), self.bands

    @torch.inference_mode()
    def _made(self, content: NDArray[Any]) -> NDArray[np.float16]:
        """Hear a recording stretch by stretch."""
        heard = resampled(content.astype(np.float32) / (1 << 15), self.rate, RATE)
        count = int(self.frames(len(content)))
        # What resampling rounds is cut or filled: as many samples as there are states of.
        sample_S = np.zeros(count * self.hop, np.float32)
        sample_S[: len(heard)] = heard[: len(sample_S)]
        stretch = self.window * self.hop
        states = [
            self._network(torch.from_numpy(sample_S[begin : begin + stretch]).to(self.device))
            for begin in range(0, len(sample_S), stretch)
        ]
        return torch.cat(states).half().cpu().numpy()

    @cached_property
    def _network(self) -> SpeechEncoder:
        return SpeechEncoder(self._encoder, self._seconds).to(self.device)
