"""The random numbers of a run go on where they broke off."""

# ruff: noqa: NPY002 - numpy's global state is what users' own code may draw from

import random
from typing import Any, cast

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from torchedu.parallel import traits_of
from torchedu.ranks import on_all


class RandomState(Callback):
    """Keeps the random states of Python, numpy, torch and CUDA, of every rank, in the checkpoint.

    They are put back when training begins, on as many ranks as saved them. On another number of
    ranks no state fits every rank, and each begins anew from the saved state of the first rank and
    its own number. Ranks that share one copy of the network have one state, so that their dropout
    agrees.
    """

    def __init__(self) -> None:
        self._saved: list[dict[str, Any]] = []
        self._share = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note which share of the batches this rank takes."""
        self._share = traits_of(trainer).share

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all ranks; every rank has to call it."""
        own = random_state()
        # Of each share, the state of the first rank that takes it.
        of_share = dict(reversed(on_all((self._share, own))))
        return {"ranks": [of_share[share] for share in sorted(of_share)]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states to put back."""
        self._saved = state_dict["ranks"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put them back, after everything that was built before the first batch."""
        saved, self._saved = self._saved, []
        if not saved:
            return
        shares = traits_of(trainer).shares
        if len(saved) == shares:
            set_random_state(saved[self._share])
        else:
            set_random_state(saved[0])
            seed = int(torch.randint(2**31, ())) + self._share
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """Return the random states of this process, in types that a checkpoint may hold safely."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = cast(tuple[Any, ...], np.random.get_state())
    return {
        "python": [version, list(internal), gauss],
        "numpy": [str(kind), torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put back what ``random_state`` returned."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, _numpy(keys), position, has_gauss, cached))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])


def _numpy(keys: Tensor) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return keys.cpu().numpy().astype(np.uint32)
