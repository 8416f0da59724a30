# ruff: noqa: NPY002 - numpy's global state is what is kept
import contextlib
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.callbacks.random_state import random_state, set_random_state
from torchedu.errors import ConfigError

EPOCHS = 3


class Broken(Exception):
    pass


class Losses(Callback):
    """Notes each step's loss, and breaks off after one."""

    def __init__(self, break_at: int | None) -> None:
        self.seen: dict[int, float] = {}
        self.break_at = break_at

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.seen[trainer.global_step] = float(outputs["loss"])
        if trainer.global_step == self.break_at:
            raise Broken


# Going on in the folder of the broken run is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* is not empty")


def train(
    store: Path, folder: Path, break_at: int | None = None, go_on: Path | None = None, **data: int
) -> tuple[dict[int, float], dict[str, torch.Tensor]]:
    seed_everything(0, verbose=False)
    answers = Interactions(str(store), **{"batch_size": 16, **data})
    task = KnowledgeTracing(partial(ItemDKT, dim=8), answers.num_items, answers.num_skills)
    losses = Losses(break_at)
    trainer = Trainer(  # Lightning's own, without anything of torchedu
        max_epochs=EPOCHS,
        accelerator="cpu",
        callbacks=[
            losses,
            ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1),
            ModelCheckpoint(folder, "{epoch}", save_top_k=-1),
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with contextlib.suppress(Broken):
        trainer.fit(task, answers, ckpt_path=go_on, weights_only=True)
    return losses.seen, task.net.state_dict()


@pytest.fixture(scope="module")
def unbroken(class_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(class_store, tmp_path_factory.mktemp("unbroken"))


@pytest.mark.parametrize(
    ("place", "workers"),
    [("early", 0), ("mid", 0), ("late", 2), ("epoch", 0)],
)
def test_a_broken_run_goes_on_bit_by_bit(
    place: str, workers: int, class_store: Path, unbroken: Any, tmp_path: Path
) -> None:
    losses, weights = unbroken
    an_epoch = len(losses) // EPOCHS
    step = {"early": 1, "mid": an_epoch + 2, "late": 2 * an_epoch + 1, "epoch": an_epoch}[place]
    name = "epoch=0.ckpt" if place == "epoch" else f"step={step}.ckpt"

    train(class_store, tmp_path, break_at=step + 1, num_workers=workers)
    after, ended = train(class_store, tmp_path, go_on=tmp_path / name, num_workers=workers)

    assert after == {at: loss for at, loss in losses.items() if at > step}
    assert all(torch.equal(ended[key], weights[key]) for key in weights)


def test_another_order_is_refused(class_store: Path, tmp_path: Path) -> None:
    train(class_store, tmp_path, break_at=2)
    with pytest.raises(ConfigError, match="batch_size 16, this run 8"):
        train(class_store, tmp_path, go_on=tmp_path / "step=1.ckpt", batch_size=8)


def test_random_states_come_back() -> None:
    state = random_state()
    drawn = (random.random(), np.random.random(), torch.rand(3).tolist())
    set_random_state(state)
    assert (random.random(), np.random.random(), torch.rand(3).tolist()) == drawn
