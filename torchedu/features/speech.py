"""Recordings as states of a frozen encoder of speech, made once and kept, a file a recording.

Layout of a folder::

    <what made them>/       checksum of the encoder and of how long it hears at once
      about.json            the same in words, for people
      <two digits>/<sha>.npy    states of the recording whose samples have this checksum, float16

A file is there whole or not at all, so what was killed goes on where it was, and several ranks may
write to one folder at once, each its share.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterable
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from rich.progress import track
from torch import distributed

from torchedu.datasets.audio import resampled
from torchedu.errors import ConfigError
from torchedu.features.embedding import PATIENCE, checksum
from torchedu.files import below, write_whole
from torchedu.models.speech_encoder import RATE, SpeechEncoder, speech_sizes


class SpeechStates:
    """Makes the states of recordings, or takes them from where they are kept.

    Args:
        encoder: A folder with a Whisper, wav2vec2 or HuBERT of Hugging Face, or a name on the hub.
        rate: Samples a second of the recordings.
        seconds: How long it hears at once; a longer recording is heard stretch by stretch.
        folder: Where states are kept; nowhere where it is None.

    Attributes:
        bands: Width of a state.
        window: States of a stretch.
        name: What tells these states from others.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
    """

    def __init__(
        self, encoder: str, rate: int, seconds: float, folder: str | Path | None = None
    ) -> None:
        self.bands, self.hop, _ = speech_sizes(encoder)
        self.window = round(seconds * RATE / self.hop)
        self.rate, self._encoder, self._seconds = rate, encoder, seconds
        # A state does not say how long its stretch was, and has heard all of it.
        self._about = json.dumps({"model": checksum(encoder), "states of a stretch": self.window})
        self.name = f"speech {hashlib.sha256(self._about.encode()).hexdigest()[:16]}"
        self._home = None if folder is None else Path(folder) / self.name.replace(" ", "-")

    def frames(self, samples: int | NDArray[Any]) -> Any:
        """Return how many states so many samples have: one at least."""
        return np.maximum(1, -(-np.asarray(samples) * RATE // (self.rate * self.hop)))

    def __call__(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the states of a recording; shape (frames, bands)."""
        file = self._file(samples)
        states = None if file is None else self._read(file, len(samples))
        if states is None:
            states = self._made(samples)
            if file is not None:
                self._keep(file, states)
        return states.astype(np.float32)

    def keep(self, recordings: Iterable[NDArray[np.int16]]) -> None:
        """Make the states of all recordings, each rank a share, unless they are kept already.

        Args:
            recordings: The samples of each.
        """
        rank, ranks = 0, 1
        if distributed.is_available() and distributed.is_initialized():
            rank, ranks = distributed.get_rank(), distributed.get_world_size()
        missing = [each for each in recordings if self._lacks(each)]
        shown = rank == 0 and sys.stderr.isatty()
        for samples in track(missing[rank::ranks], "hearing", transient=True, disable=not shown):
            self(samples)
        while any(map(self._lacks, missing)):
            time.sleep(PATIENCE)

    def _file(self, samples: NDArray[np.int16]) -> Path | None:
        if self._home is None:
            return None
        key = _key(samples)
        return self._home / key[:2] / f"{key}.npy"

    def _lacks(self, samples: NDArray[np.int16]) -> bool:
        file = self._file(samples)
        return file is not None and not file.is_file()

    def _read(self, file: Path, samples: int) -> NDArray[np.float16] | None:
        """Return what is kept; None where that are no states of so many samples."""
        try:
            with file.open("rb") as stream:  # np.load takes what begins like a ZIP archive for one
                states: NDArray[np.float16] = npy.read_array(stream, allow_pickle=False)
        except (OSError, ValueError, MemoryError):
            return None
        right = states.shape == (self.frames(samples), self.bands) and states.dtype == np.float16
        return states if right and np.isfinite(states).all() else None

    def _keep(self, file: Path, states: NDArray[np.float16]) -> None:
        assert self._home is not None
        below(self._home.parent, file.parent)
        about = self._home / "about.json"
        if not about.is_file():
            write_whole(about, self._about.encode())
        content = BytesIO()
        np.save(content, states)
        write_whole(file, content.getvalue())

    @torch.inference_mode()
    def _made(self, samples: NDArray[np.int16]) -> NDArray[np.float16]:
        """Hear a recording stretch by stretch.

        Raises:
            ConfigError: The encoder makes something else than numbers.
        """
        heard = resampled(samples.astype(np.float32) / (1 << 15), self.rate, RATE)
        count = int(self.frames(len(samples)))
        # What resampling rounds is cut or filled: as many samples as there are states of.
        sample_S = np.zeros(count * self.hop, np.float32)
        sample_S[: len(heard)] = heard[: len(sample_S)]
        stretch = self.window * self.hop
        states = [
            self._network(torch.from_numpy(sample_S[begin : begin + stretch]).to(self._device))
            for begin in range(0, len(sample_S), stretch)
        ]
        state_ID = torch.cat(states).half()
        if not state_ID.isfinite().all():
            raise ConfigError(
                f"⟦data.speech⟧ {self._encoder} makes states that are no numbers.",
                "Its weights are damaged, or no float16 holds them: take another one.",
            )
        return state_ID.cpu().numpy()

    @cached_property
    def _device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _network(self) -> SpeechEncoder:
        return SpeechEncoder(self._encoder, self._seconds).to(self._device)


def leave_out(folder: Path, recordings: Iterable[NDArray[np.int16]]) -> list[Path]:
    """Remove the states of some recordings from a folder of features.

    Args:
        folder: The folder.
        recordings: The samples of each.

    Returns:
        The files that were removed.
    """
    keys = {_key(samples) for samples in recordings}
    files = [
        file
        for file in sorted(folder.glob("speech-*/*/*.npy"))
        if file.stem in keys and not file.parent.parent.is_symlink()
    ]
    for file in files:
        file.unlink()
    return files


def _key(samples: NDArray[np.int16]) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()
