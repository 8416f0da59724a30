import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.callbacks import HungRank
from torchedu.callbacks.hung_rank import HUNG
from torchedu.errors import ConfigError
from torchedu.testing.launch import Launch, LaunchServer

TIMEOUT = 4.0  # above what a busy machine keeps a process waiting


class Hold(Callback):
    """Stops this process, or sleeps, before the gradients of a step."""

    def __init__(self, how: str) -> None:
        self.how = how

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Any) -> None:
        if self.how == "slow" and trainer.global_step < 2:
            time.sleep(0.6 * TIMEOUT)
        if trainer.global_step == 2 and self.how == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if trainer.global_step == 2 and self.how == "sleep":
            time.sleep(60)


def train(store: Path, *how: str) -> None:
    """Train on as many ranks as there are ways in which each is held up."""
    data = Interactions(str(store), batch_size=16)
    task = KnowledgeTracing(partial(ItemDKT, dim=4), data.num_items, data.num_skills)
    Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=len(how),
        strategy="ddp",
        limit_val_batches=0,
        callbacks=[Hold(how[int(os.environ["RANK"])]), HungRank(TIMEOUT)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, data)
    names = {thread.name for thread in threading.enumerate()}
    assert "hung-rank-tell" not in names, "a thread inside torch aborts a process that ends"


def start(launch: LaunchServer, store: Path, *how: str) -> Launch:
    return launch.start(train, store, *how, ranks=len(how))


def test_a_stopped_or_sleeping_rank_is_named_and_the_job_ends(
    class_store: Path, launch: LaunchServer
) -> None:
    cases = {("stop", ""): 0, ("", "stop"): 1, ("", "sleep"): 1}
    started = {how: start(launch, class_store, *how) for how in cases}
    for how, rank in cases.items():
        codes = started[how].wait(60)
        said = started[how].output(1 - rank)
        assert codes[1 - rank] == HUNG, said
        # One that still runs may find out by itself first; one that is stopped is killed.
        assert codes[rank] in ((-signal.SIGKILL,) if "stop" in how else (-signal.SIGKILL, HUNG))
        assert f"training came no further for {TIMEOUT:g} s: rank {rank} (" in said
        assert "hangs while" in said
        assert ("and is not heard of" in said) == ("stop" in how)
        assert "raise timeout if" in said.splitlines()[-1]


def test_slow_ranks_are_waited_for(class_store: Path, launch: LaunchServer) -> None:
    assert start(launch, class_store, "slow", "").wait(60) == [0, 0]


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_timeout_that_cannot_work_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        HungRank(timeout)
