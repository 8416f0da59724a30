"""What a frozen encoder makes of recordings or photographs, made once and kept, a file each.

Layout of a folder::

    <what made them>/       checksum of the encoder and of how it takes what it is given
      about.json            the same in words, for people
      <two digits>/<sha>.npy    states of what has this checksum, float16

A file is there whole or not at all, so what was killed goes on where it was, and several ranks may
write to one folder at once, each its share.
"""

import hashlib
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from rich.progress import track
from torch import distributed

from torchedu.errors import ConfigError
from torchedu.features.embedding import PATIENCE
from torchedu.files import below, write_whole


class States(ABC):
    """Makes the states of recordings or photographs, or takes them from where they are kept.

    Args:
        encoder: The model that makes them, as it was named.
        about: What tells these states from others, in plain JSON.
        folder: Where states are kept; nowhere where it is None.

    Attributes:
        kind: What it calls itself.
        doing: What it does with them, in a word.
        name: What tells these states from others.
    """

    kind: ClassVar[str]
    doing: ClassVar[str]

    def __init__(self, encoder: str, about: dict[str, Any], folder: str | Path | None) -> None:
        self._encoder = encoder
        self._about = json.dumps(about)
        self.name = f"{self.kind} {hashlib.sha256(self._about.encode()).hexdigest()[:16]}"
        self._home = None if folder is None else Path(folder) / self.name.replace(" ", "-")

    @abstractmethod
    def _shape(self, content: NDArray[Any]) -> tuple[int, int]:
        """Return how many states there are, and how wide they are."""

    @abstractmethod
    def _made(self, content: NDArray[Any]) -> NDArray[np.float16]:
        """Make them."""

    def __call__(self, content: NDArray[Any]) -> NDArray[np.float32]:
        """Return the states of a recording's samples or a photograph's pixels; (states, width).

        Raises:
            ConfigError: The encoder makes something else than numbers.
        """
        file = self._file(content)
        states = None if file is None else self._read(file, self._shape(content))
        if states is None:
            states = self._made(content)
            if not np.isfinite(states).all():
                raise ConfigError(
                    f"⟦data.{self.kind}⟧ {self._encoder} makes states that are no numbers.",
                    "Its weights are damaged, or no float16 holds them: take another one.",
                )
            if file is not None:
                self._keep(file, states)
        return states.astype(np.float32)

    def keep(self, contents: Iterable[NDArray[Any]]) -> None:
        """Make the states of all, each rank a share, unless they are kept already.

        Args:
            contents: The samples or pixels of each.
        """
        rank, ranks = 0, 1
        if distributed.is_available() and distributed.is_initialized():
            rank, ranks = distributed.get_rank(), distributed.get_world_size()
        missing = [each for each in contents if self._lacks(each)]
        shown = rank == 0 and sys.stderr.isatty()
        for each in track(missing[rank::ranks], self.doing, transient=True, disable=not shown):
            self(each)
        while any(map(self._lacks, missing)):
            time.sleep(PATIENCE)

    def _file(self, content: NDArray[Any]) -> Path | None:
        if self._home is None:
            return None
        key = state_key(content)
        return self._home / key[:2] / f"{key}.npy"

    def _lacks(self, content: NDArray[Any]) -> bool:
        file = self._file(content)
        return file is not None and not file.is_file()

    def _read(self, file: Path, shape: tuple[int, int]) -> NDArray[np.float16] | None:
        """Return what is kept; None where that are no such states."""
        try:
            with file.open("rb") as stream:  # np.load takes what begins like a ZIP archive for one
                states: NDArray[np.float16] = npy.read_array(stream, allow_pickle=False)
        except (OSError, ValueError, MemoryError):
            return None
        right = states.shape == shape and states.dtype == np.float16
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

    @cached_property
    def device(self) -> torch.device:
        """Where the encoder computes."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def leave_out(folder: Path, contents: Iterable[NDArray[Any]]) -> list[Path]:
    """Remove the states of some recordings and photographs from a folder of features.

    Args:
        folder: The folder.
        contents: The samples or pixels of each.

    Returns:
        The files that were removed.
    """
    keys = {state_key(content) for content in contents}
    files = [
        file
        for kind in ("speech", "vision")
        for file in sorted(folder.glob(f"{kind}-*/*/*.npy"))
        if file.stem in keys and not file.parent.parent.is_symlink()
    ]
    for file in files:
        file.unlink()
    return files


def state_key(content: NDArray[Any]) -> str:
    """Return the checksum by which states are kept; of pixels their width counts too."""
    wide = b"" if content.ndim == 1 else str(content.shape).encode()
    return hashlib.sha256(wide + content.tobytes()).hexdigest()
