"""Ranks, accumulated parts and loader workers: what they may not change."""

import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import survive_runs as runs
import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.datasets.simulator import simulate
from torchedu.datasets.splits import Part
from torchedu.prediction.stream import predicted
from torchedu.run import quiet
from torchedu.testing.launch import LaunchServer

PLAIN = (
    *("--optimizer", "SGD", "--optimizer.lr", "0.5"),
    *("--model.net.dropout", "0", "--trainer.max_epochs", "9"),
)
"""Words of training in which nothing is random but the order."""


class Leg(NamedTuple):
    """A part of a run: on how many ranks, in how many parts each, and how it is stopped."""

    ranks: int
    accumulate: int
    workers: int
    stop: int | None = None
    signum: int = signal.SIGTERM


class Step(NamedTuple):
    """A step of the optimizer as all ranks saw it: its windows, each once, and its loss."""

    windows: list[tuple[int, int]]
    loss: float


CHAIN = (
    Leg(1, 1, 0, 14),
    Leg(2, 1, 2, 30, signal.SIGKILL),
    Leg(4, 2, 0, 48),
    Leg(1, 4, 2, 62, signal.SIGKILL),
    Leg(2, 2, 0),
)
"""One run over changing numbers of ranks: 1 to 2 to 4 to 1, and on."""
AGAIN = {
    "1 rank": (Leg(1, 1, 2, 13), Leg(1, 1, 0, 33, signal.SIGKILL), Leg(1, 1, 2)),
    "2 ranks": (Leg(2, 1, 2, 13, signal.SIGKILL), Leg(2, 1, 0, 33), Leg(2, 1, 2)),
    "4 ranks": (Leg(4, 1, 0, 13), Leg(4, 1, 2, 33, signal.SIGKILL), Leg(4, 1, 0)),
}
"""Runs that are stopped and go on with as many ranks but other workers."""


def elastic(again: Sequence[str]) -> tuple[list[str], Any]:
    """Go on with runs on other numbers of ranks, and on as many.

    Args:
        again: Names of the runs in ``AGAIN`` to compare to the last bit.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    raw: dict[str, Any] = {"chain": [f"{leg.ranks}x{leg.accumulate}" for leg in CHAIN]}
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store = runs.small_class(Path(home))
        (whole,) = _walk(launches, store, Path(home) / "whole", [Leg(1, 1, 0)])
        raw["steps"] = len(whole)
        furthest = 0.0
        legs = _walk(launches, store, Path(home) / "chain", CHAIN)
        for leg, steps in zip(CHAIN, legs, strict=True):
            for number, step in steps.items():
                if step.windows != whole[number].windows:
                    problems.append(f"{leg}: step {number} has other windows")
                apart = abs(step.loss / whole[number].loss - 1)
                furthest = max(furthest, apart)
                if apart > 1e-6:
                    problems.append(f"{leg}: the loss of step {number} is {apart:.1e} apart")
        if set().union(*legs) != set(whole):
            problems.append(f"steps were left out: {sorted(set(whole) - set().union(*legs))}")
        raw["loss_apart"] = furthest
        for name in again:
            plain = AGAIN[name][0]._replace(stop=None)
            one, other = Path(home) / f"{name}, whole", Path(home) / f"{name}, stopped"
            _walk(launches, store, one, [plain])
            _walk(launches, store, other, AGAIN[name])
            different = runs.differences(runs.end(one), runs.end(other))
            problems += [f"{name}: {what}" for what in different]
    return problems, raw


def _walk(
    launches: LaunchServer, store: Path, run: Path, legs: Sequence[Leg]
) -> list[dict[int, Step]]:
    """Train a run leg by leg, and return each leg's steps."""
    found = []
    for leg in legs:
        parts = ["--trainer.accumulate_grad_batches", str(leg.accumulate)]
        start = runs.fit(launches, store, run, leg.ranks, leg.workers, [*PLAIN, *parts])
        expected = [0] * leg.ranks
        if leg.stop is not None:
            start.reach(leg.stop)
            start.launch.kill(leg.signum)
            expected = [-leg.signum] * leg.ranks
            if leg.signum == signal.SIGTERM:
                expected = [75] + [0] * (leg.ranks - 1)
        codes = start.launch.wait(300)
        if codes != expected:
            output = start.launch.output()[-2000:]
            raise RuntimeError(f"{leg} ended with {codes} and not {expected}: {output}")
        found.append(_steps(start, leg))
    return found


def _steps(start: runs.Start, leg: Leg) -> dict[int, Step]:
    """Put together what the ranks saw; a step that some rank had not finished is left out."""
    seen: dict[int, list[dict[str, Any]]] = {}
    for rank in range(leg.ranks):
        for line in start.lines(rank):
            if "loss" in line:
                seen.setdefault(line["step"], []).append(line)
    steps = {}
    for number, parts in seen.items():
        if len(parts) == leg.ranks * leg.accumulate:
            windows = sorted((student, at) for part in parts for student, at in part["windows"])
            # Each part's loss is divided by the accumulated ones already; ranks are averaged.
            steps[number] = Step(windows, sum(part["loss"] for part in parts) / leg.ranks)
    return steps


class FirstStudents(Interactions):
    """Answers of which the first students are both validation and test part."""

    most = 0

    @property
    def parts(self) -> Mapping[str, Part]:
        students = np.arange(self.most)
        stop = np.diff(self.store.history_offsets)[students].astype(np.int64)
        part = Part(students, np.zeros_like(students), stop)
        return dict.fromkeys(("train", "val", "test"), part)


def evaluation(students: Sequence[int]) -> tuple[list[str], Any]:
    """Score the same students on 1, 2 and 4 ranks.

    Args:
        students: Numbers of students.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    furthest, compared = 0.0, 0
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store = simulate(
            Path(home) / "class.store", students=max(students), skills=3, items=12, answers=15
        )
        lengths = np.diff(store.history_offsets)
        results: dict[int, list[tuple[dict[str, float], list[tuple[int, int]]]]] = {}
        for ranks in (1, 2, 4):
            launch = launches.start(score, store.path, list(students), ranks, ranks=ranks)
            codes = launch.wait(600)
            if any(codes):
                raise RuntimeError(f"{ranks} ranks ended with {codes}: {launch.output()[-2000:]}")
            results[ranks] = launch.result()
            problems += [
                f"{ranks} ranks: rank {rank} has other scores than rank 0"
                for rank in range(1, ranks)
                if [s for s, _ in launch.result(rank)] != [s for s, _ in results[ranks]]
            ]
        for i, n in enumerate(students):
            wanted = [(s, at) for s in range(n) for at in range(lengths[s])]
            scores = results[1][i][0]
            for ranks, all_of_them in results.items():
                own, ids = all_of_them[i]
                if ids != wanted:
                    problems.append(f"{n} students, {ranks} ranks: not each answer once")
                if own.keys() != scores.keys():
                    problems.append(f"{n} students, {ranks} ranks: other scores are given")
                    continue
                apart = max(abs(own[name] - value) for name, value in scores.items())
                furthest, compared = max(furthest, apart), compared + len(scores)
                if not apart <= 1e-12:
                    problems.append(f"{n} students, {ranks} ranks: {apart:.1e} apart")
    if "val/auc" not in results[1][-1][0]:
        problems.append("no AUC was compared")
    return problems, {"apart": furthest, "scores_compared": compared, "students": len(students)}


def score(
    store: Path, students: list[int], ranks: int
) -> list[tuple[dict[str, float], list[tuple[int, int]]]]:
    """Return a rank's scores of the first students, and the answers that all ranks predicted."""
    quiet()
    found = []
    for n in students:
        seed_everything(0, verbose=False)
        data = FirstStudents(str(store), batch_size=4, window=12, context=4)
        data.most = n
        task = KnowledgeTracing(partial(ItemDKT, dim=8), data.num_items, data.num_skills)
        trainer = Trainer(
            accelerator="cpu",
            devices=ranks,
            strategy="ddp" if ranks > 1 else "auto",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        scores: dict[str, float] = {}
        for evaluate in (trainer.validate, trainer.test):
            (given,) = evaluate(task, datamodule=data, verbose=False)
            scores |= given
        columns = predicted(task, data, "test", trainer)
        ids = zip(columns["student"].tolist(), columns["position"].tolist(), strict=True)
        found.append((scores, list(ids)))
    return found


class Gradients(Callback):
    """Keeps the gradient of each step."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        each = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        self.seen.append(torch.cat(each).double())


WAYS = {"4 x 8": (1, 4), "2 ranks x 4 x 4": (2, 4), "2 ranks x 16": (2, 1), "32 x 1": (1, 32)}
"""Ways to divide a global batch of 32: ranks, and accumulated parts on each."""


def accumulation(epochs: int) -> tuple[list[str], Any]:
    """Divide global batches of 32 windows of unequal length in several ways.

    Args:
        epochs: Passes over the training part whose gradients are compared.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    raw: dict[str, Any] = {}
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store = runs.small_class(Path(home))

        def gradients_of(ranks: int, accumulate: int) -> list[torch.Tensor]:
            launch = launches.start(gradients, store, epochs, ranks, accumulate, ranks=ranks)
            codes = launch.wait(300)
            if any(codes):
                raise RuntimeError(f"ended with {codes}: {launch.output()[-2000:]}")
            return list(map(torch.from_numpy, launch.result()))

        whole = gradients_of(1, 1)
        raw["steps"] = len(whole)
        for name, (ranks, accumulate) in WAYS.items():
            steps = gradients_of(ranks, accumulate)
            if len(steps) != len(whole):
                problems.append(f"{name}: {len(steps)} steps and not {len(whole)}")
                continue
            apart = [
                float((one - other).norm() / one.norm())
                for one, other in zip(whole, steps, strict=True)
            ]
            raw[name] = max(apart)
            problems += [
                f"{name}: step {number} is {one:.1e} apart"
                for number, one in enumerate(apart, 1)
                if not one <= 1e-6
            ]
    return problems, raw


def gradients(store: Path, epochs: int, ranks: int, accumulate: int) -> list[np.ndarray]:
    """Return the gradient of each step of a network that stays as it is."""
    quiet()
    seed_everything(0, verbose=False)
    data = Interactions(str(store), batch_size=32)
    net = partial(ItemDKT, dim=16, dropout=0.0)
    task = KnowledgeTracing(net, data.num_items, data.num_skills, lr=0.0)
    seen = Gradients()
    Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        accumulate_grad_batches=accumulate,
        limit_val_batches=0,
        callbacks=[seen],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, data)
    return [one.numpy() for one in seen.seen]
