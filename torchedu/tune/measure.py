"""What a trial reaches, measured after each validation while it trains."""

import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from torchedu.evaluation.judged import Judged, judged
from torchedu.ranks import on_all
from torchedu.tasks import Task
from torchedu.tune.objectives import COST, LATENCY, PARAMETERS, Goals

PERMUTATIONS = 100
"""How often groups are dealt out anew for the noise floors of a search: what their level needs."""
Decide = Callable[[int, dict[str, float]], bool]
"""Given the validations so far and what was measured, says whether a trial goes on."""


class Measure(Callback):
    """Measures what a search is after, and stops a trial that is not to go on.

    What a trial reaches is what its best network does, the one that is kept: the values of the
    epoch that the task's own score chose, and of no other. All of it goes with checkpoints, so that
    a trial that was broken off goes on with it. Groups are compared where that decides something.

    Args:
        goals: What the search is after.
        decide: Asked after each validation on the first rank, which decides for all.
        judges: Given the validations so far, says whether groups are compared.

    Attributes:
        steps: Validations so far.
        reached: What the best network reached, by name; how alike it serves groups is left out.
        measured: What the last validation measured.
        floors: By goals that compare groups, how large a gap chance alone made there.
        stopped: Whether the trial was stopped before its end.
    """

    def __init__(
        self,
        goals: Goals,
        decide: Decide = lambda step, measured: True,
        judges: Callable[[int], bool] = lambda step: True,
    ) -> None:
        self.goals, self._decide, self._judges = goals, decide, judges
        self.steps = 0
        self.reached: dict[str, float] = {}
        self.measured: dict[str, float] = {}
        self.floors: dict[str, float] = {}
        self.stopped = False
        self._best = float("nan")
        self._spent = 0.0  # CPU-seconds before this process
        self._since = _cpu()
        self._columns: dict[str, list[Tensor]] = {}
        self._times: list[float] = []
        self._begun = 0.0

    @property
    def _is_judging(self) -> bool:
        return bool(self.goals.fairness) and self._judges(self.steps + 1)

    def state_dict(self) -> dict[str, Any]:
        """Return how far the trial has come."""
        return {
            "steps": self.steps,
            "reached": dict(self.reached),
            "stopped": self.stopped,
            "best": self._best,
            "spent": self._cost(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what ``state_dict`` returned."""
        self.steps, self.stopped = state_dict["steps"], state_dict["stopped"]
        self.reached, self._best = dict(state_dict["reached"]), state_dict["best"]
        self._spent, self._since = state_dict["spent"], _cpu()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End where the trial was to be stopped as it was broken off."""
        trainer.should_stop |= self.stopped

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._columns, self._times = {}, []

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        """Note the time."""
        _settled(pl_module)
        self._begun = time.perf_counter()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Note how long a batch took, and what was predicted of people."""
        _settled(pl_module)
        self._times.append(time.perf_counter() - self._begun)
        if self._is_judging:
            assert isinstance(pl_module, Task)
            with trainer.precision_plugin.val_step_context():
                said = pl_module.predict(batch)
            for name, values in said._asdict().items():
                self._columns.setdefault(name, []).append(values.detach().cpu())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, and stop the trial on all ranks alike where it is not to go on."""
        if trainer.sanity_checking:
            return
        assert isinstance(pl_module, Task)
        self.measured = measured = self._measured(trainer, pl_module)
        self.steps += 1
        kept = trainer.checkpoint_callback
        score = float("nan")
        if isinstance(kept, ModelCheckpoint) and kept.monitor is not None:
            logged = trainer.callback_metrics.get(kept.monitor)
            score = float("nan") if logged is None else float(logged)
            score = -score if kept.mode == "min" else score
        # As the checkpoint of the best epoch is chosen: the first one, then what is above it.
        if not self.reached or score > self._best or np.isnan(self._best):
            unjudged = measured.keys() - set(self.goals.fairness)
            self._best, self.reached = score, {name: measured[name] for name in unjudged}
        elif COST in self.reached:
            self.reached[COST] = measured[COST]  # later epochs were paid for as well
        going_on = not trainer.is_global_zero or self._decide(self.steps, measured)
        if not all(on_all(going_on)) and not _is_at_its_end(trainer):
            self.stopped = trainer.should_stop = True

    def _measured(self, trainer: Trainer, task: Task) -> dict[str, float]:
        names = self.goals.names
        logged = trainer.callback_metrics
        measured = {name: float(logged[name]) for name in names if name in logged}
        if self._is_judging:
            judged_gaps = gaps(self._judged(trainer, task), self.goals)
            measured |= {name: gap.value for name, gap in judged_gaps.items()}
            self.floors = {name: gap.floor for name, gap in judged_gaps.items()}
        if COST in names:
            measured[COST] = sum(on_all(self._cost()))
        if LATENCY in names and self._times:
            measured[LATENCY] = 1000 * max(on_all(median(self._times)))
        if PARAMETERS in names:
            size = sum(each.numel() for each in task.parameters() if each.requires_grad)
            measured[PARAMETERS] = float(size)
        return measured

    def _judged(self, trainer: Trainer, task: Task) -> Judged | None:
        """Return what was predicted of all ranks' people, each row once and in its order."""
        own = {name: torch.cat(parts).float().numpy() if parts[0].dtype == torch.bfloat16
               else torch.cat(parts).numpy() for name, parts in self._columns.items()}  # fmt: skip
        ranks = [columns for columns in on_all(own) if columns]
        if not ranks:
            return None
        whole = {name: np.concatenate([columns[name] for columns in ranks]) for name in ranks[0]}
        keys = task.keys or tuple(whole)[:1]
        _, rows = np.unique(np.stack([whole[name] for name in keys], 1), axis=0, return_index=True)
        data = trainer.datamodule  # type: ignore[attr-defined]
        return judged(task, data, {name: column[rows] for name, column in whole.items()})

    def _cost(self) -> float:
        return self._spent + _cpu() - self._since


class Gap(NamedTuple):
    """How alike groups are served.

    Attributes:
        value: The largest ABROCA above its noise floor; not a number where none can be compared.
        floor: The highest of the noise floors: a smaller gap may go unseen.
    """

    value: float
    floor: float


def gaps(of: Judged | None, goals: Goals) -> dict[str, Gap]:
    """Return how alike groups are served, by the names of the goals that ask for it.

    Args:
        of: What was predicted; None where nothing of people was.
        goals: The goals.
    """
    asked = {} if of is None else dict.fromkeys(goals.fairness, of)
    how = {"permutations": PERMUTATIONS, "resamples": 0}
    audits = {name: of.audit(attribute_of(name), **how) for name, of in asked.items()}
    return {name: Gap(unfairness(audit), _floor(audit)) for name, audit in audits.items()}


def _floor(audit: Mapping[str, Any] | None) -> float:
    return max((gap["floor"] for gap in gaps_of(audit) if gap["value"] is not None), default=np.nan)


def attribute_of(name: str) -> str | None:
    """Return the attribute whose groups a goal compares; None where it is all of them."""
    return name.partition(".")[2] or None


def unfairness(audit: Mapping[str, Any] | None) -> float:
    """Return the largest ABROCA above its noise floor, within courses where there are courses.

    Below their floors all are one value, 0: which of two gaps is the larger is chance there.

    Args:
        audit: What ``torchedu.metrics.fairness.audit`` returned.

    Returns:
        It; NaN where no group can be compared.
    """
    known = [gap for gap in gaps_of(audit) if gap["value"] is not None]
    if not known:
        return float("nan")
    return max((gap["value"] for gap in known if gap["above"]), default=0.0)


def gaps_of(audit: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the ABROCA of each group with its interval and floor, those within courses if any.

    Args:
        audit: As ``unfairness`` has it.
    """
    if audit is None:
        return []
    groups = [group for each in audit["attributes"].values() for group in each["groups"]]
    pooled = [group["gaps"]["abroca"] for group in groups if "gaps" in group]
    return [gap["within"] if audit["stratum"] is not None else gap for gap in pooled]


def _is_at_its_end(trainer: Trainer) -> bool:
    """Say whether nothing of a training is left, so that it is whole where it ends now."""
    epochs, steps = trainer.max_epochs or -1, trainer.max_steps
    is_last_epoch = trainer.is_last_batch and 0 < epochs <= trainer.current_epoch + 1
    return is_last_epoch or 0 < steps <= trainer.global_step


def _cpu() -> float:
    """Return the CPU-seconds of this process and of those that it has ended."""
    return sum(os.times()[:4])


def _settled(module: LightningModule) -> None:
    """Wait until a GPU has done what it was given."""
    if module.device.type == "cuda":
        torch.cuda.synchronize(module.device)
