"""A checkpoint as Lightning hands it over, and a run's folder that holds two."""

from pathlib import Path
from typing import Any

import pytest
import torch

from torchedu.checkpoints import VerifiedCheckpointIO


def content(step: int = 7) -> dict[str, Any]:
    """Return what Lightning saves of a small network."""
    torch.manual_seed(step)
    return {
        "epoch": 1,
        "global_step": step,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {"net.weight": torch.randn(20, 5), "net.bias": torch.randn(20)},
        "loops": {"fit_loop": {}},
        "callbacks": {"ModelCheckpoint": {"best_model_path": "somewhere/best.ckpt"}},
        "optimizer_states": [{"state": {}, "param_groups": [{"params": [0, 1], "lr": 0.1}]}],
        "lr_schedulers": [],
        "companions": {"vocabulary": {"item": ["q1", "q2"]}},
        "task": "torchedu.tasks.KnowledgeTracing",
    }


def save(file: Path, checkpoint: dict[str, Any]) -> Path:
    """Save as a trainer of torchedu does."""
    VerifiedCheckpointIO().save_checkpoint(checkpoint, file)
    return file


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Give a sealed checkpoint that stands alone."""
    return save(tmp_path / "net.ckpt", content())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Give a run's folder with its best checkpoint, of step 10, and its last, of step 20."""
    folder = tmp_path / "run"
    save(folder / "checkpoints" / "best.ckpt", content(10))
    save(folder / "checkpoints" / "last.ckpt", content(20))
    return folder
