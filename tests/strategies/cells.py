"""Cells of the matrix: a network under a precision and a strategy, and what is asked of it."""

import itertools
import json
import os
import pickle
import random
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tests.networks import built
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.errors import ConfigError
from torchedu.run import quiet
from torchedu.schema import Names, Vocabulary
from torchedu.strategies.limits import check_machine
from torchedu.strategies.named import AUTO, Checks, named_strategy
from torchedu.tasks import Task
from torchedu.testing.launch import Launch, LaunchServer

ACTIONS = ("train", "validate", "test", "predict", "resume", "grow")
DEVICES = 2
"""Devices of every strategy but ``auto``, which is one."""
WORKS = "works"
BEFORE = {"resume": ("train",), "grow": ("train",)}
"""Actions that another has to have gone before."""
LOOK = 2.0
"""Seconds between two looks at ranks, of which one may wait for another that has failed."""


class Cell(NamedTuple):
    """What is tried.

    Attributes:
        network: Its name.
        precision: As the trainer has it.
        strategy: Its name.
    """

    network: str
    precision: str
    strategy: str = AUTO

    @property
    def devices(self) -> int:
        """How many it is tried on."""
        return 1 if self.strategy == AUTO else DEVICES


class HalfWay(Callback):
    """Ends training after the first of its epochs, as one who stops it would."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


def trainer(cell: Cell, *callbacks: Callback, accelerator: str = "cpu") -> Trainer:
    """Return the trainer of a cell, which does a little of everything."""
    return Trainer(
        accelerator=accelerator, devices=cell.devices, strategy=named_strategy(cell.strategy),
        max_epochs=2, callbacks=[*callbacks],
        precision=cell.precision,  # type: ignore[arg-type]
        limit_train_batches=2, limit_val_batches=1, limit_test_batches=1, limit_predict_batches=1,
        num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, plugins=[VerifiedCheckpointIO()],
    )  # fmt: skip


def refusal(cell: Cell, task: Task) -> ConfigError | None:
    """Return why a cell is refused before any process starts, in the order that a run asks.

    Args:
        cell: The cell.
        task: Its task; what refuses it leaves it as it is.
    """
    try:
        check_machine("cpu", cell.devices, cell.precision, strategy=named_strategy(cell.strategy))
        strategy = trainer(cell).strategy
        if isinstance(strategy, Checks):
            strategy.check(task)
    except ConfigError as refused:
        return refused
    return None


def act(
    action: str, cell: Cell, data: Any, task: Task, folder: Path, accelerator: str = "cpu"
) -> Task:
    """Let a trainer do one thing with a task, and return the task that came of it."""
    kept, default = folder / "kept.ckpt", torch.get_default_dtype()
    callbacks = [] if action == "resume" else [HalfWay()]
    ours = trainer(cell, *callbacks, accelerator=accelerator)
    if action == "resume":
        task = built(cell.network, data)
        ours.fit(task, data, ckpt_path=kept)
        assert ours.current_epoch == 2
    elif action == "grow":
        assert task.vocabulary is not None
        kinds = [kind for some in task.binds for kind in task.vocabulary.family(some)]
        task = task.grown(Vocabulary({kind: Names(["a new name"]) for kind in kinds}))
        ours.fit(task, data)
    elif action == "train":
        ours.fit(task, data)
        ours.save_checkpoint(kept)
        assert all(weights.isfinite().all() for weights in task.parameters())
    elif action == "predict":
        assert ours.predict(task, data)
    else:
        scores = getattr(ours, action)(task, data, verbose=False)
        assert any(scores)
    assert torch.get_default_dtype() == default
    return task


@cache
def _pairs(row: tuple[str, ...]) -> frozenset[Any]:
    return frozenset(itertools.combinations(enumerate(row), 2))


def cover(rows: Sequence[tuple[str, ...]], seed: int = 0) -> list[tuple[str, ...]]:
    """Return rows in which each two values that meet in some row meet once at least.

    Args:
        rows: All there are: a value of each thing that varies.
        seed: Of the order in which equally good ones are taken.
    """
    order = random.Random(seed).sample([*rows], len(rows))
    left = set().union(*map(_pairs, order))
    chosen = []
    while left:
        chosen.append(max(order, key=lambda row: len(left & _pairs(row))))
        left -= _pairs(chosen[-1])
    return chosen


Asked = tuple[Cell, tuple[str, ...]]
"""A cell, and what is to be done with it."""
Outcomes = dict[tuple[Cell, str], str]
"""What came of each action: ``WORKS``, or what went wrong."""


def outcomes(
    asked: Sequence[Asked],
    data: Mapping[str, Any],
    launch: LaunchServer,
    folder: Path,
    seconds: float,
) -> Outcomes:
    """Do what is asked of cells of one strategy, in processes that do one after the other.

    They are begun anew after an action that fails, as others may still wait for it. What the folder
    keeps from before is not done again.

    Args:
        asked: Cells, with actions.
        data: What each network is trained on, by its name.
        launch: Starts the processes.
        folder: Keeps what comes of it, line by line.
        seconds: That they may take in all.
    """
    found = _kept(folder)
    left = [(cell, actions) for cell, actions in asked if not _settled(found, cell, actions)]
    until = time.monotonic() + seconds
    while left:
        # The devices of dp are threads.
        ranks = 1 if left[0][0].strategy == "dp" else DEVICES
        started = launch.start(do_each, left, data, folder, ranks=ranks)
        before = _failures(folder)
        _wait(started, folder, until)
        found = _kept(folder)
        stuck = next((each for each in left if not _settled(found, *each)), None)
        if stuck is not None and _failures(folder) == before:  # nothing has said why
            cell, actions = stuck
            action = next(action for action in actions if (cell, action) not in found)
            _keep(folder, cell, action, f"it did not end: {started.output()[-2000:]}")
            found = _kept(folder)
        left = [(cell, actions) for cell, actions in left if not _settled(found, cell, actions)]
    return found


def _settled(found: Outcomes, cell: Cell, actions: Sequence[str]) -> bool:
    """Say whether all of a cell was done, or one of it failed."""
    its = [outcome for (other, _), outcome in found.items() if other == cell]
    return any(outcome != WORKS for outcome in its) or all(
        (cell, action) in found for action in actions
    )


def _wait(started: Launch, folder: Path, until: float) -> None:
    """Wait until all ranks have ended; once one has failed, end those that are left."""
    before = _failures(folder)
    while started.running():
        with suppress(TimeoutError):
            started.wait(LOOK)
        if _failures(folder) > before or time.monotonic() > until:
            started.kill(tree=True)


def _failures(folder: Path) -> int:
    return sum(outcome != WORKS for outcome in _kept(folder).values())


def _keep(folder: Path, cell: Cell, action: str, outcome: str) -> None:
    file = folder / f"rank-{os.environ.get('RANK', '0')}.jsonl"
    line = json.dumps({**cell._asdict(), "action": action, "outcome": outcome})
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def _kept(folder: Path) -> Outcomes:
    """Return what came of each action on all ranks: of one that failed on some, why."""
    found: Outcomes = {}
    for file in sorted(folder.glob("rank-*.jsonl")):
        whole = file.read_text("utf-8").split("\n")[:-1]  # the last line may still be written
        for line in map(json.loads, whole):
            action, outcome = line.pop("action"), line.pop("outcome")
            cell = Cell(**line)
            if found.get((cell, action), WORKS) == WORKS:
                found[cell, action] = outcome
    return found


def do_each(asked: Sequence[Asked], data: Mapping[str, Any], folder: Path) -> None:
    """Do what is asked of cells in this process, one of as many as the environment says.

    Args:
        asked: Cells, with actions.
        data: What each network is trained on, by its name.
        folder: For what came of each action; the first that fails ends it.
    """
    quiet()
    for cell, actions in asked:
        place = folder / "-".join(cell)
        place.mkdir(exist_ok=True)
        own = pickle.loads(pickle.dumps(data[cell.network]))  # its names grow
        task = built(cell.network, own)
        every = {*actions, *(before for action in actions for before in BEFORE.get(action, ()))}
        for action in sorted(every, key=ACTIONS.index):
            try:
                task = act(action, cell, own, task, place)
            except BaseException:
                _keep(folder, cell, action, traceback.format_exc()[-2000:])
                raise
            _keep(folder, cell, action, WORKS)
