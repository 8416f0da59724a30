"""When a trial is stopped early: what it reached is held against what others reached by then."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from torchedu.errors import ConfigError, allowed
from torchedu.tune.objectives import Goals
from torchedu.tune.ranking import ranked

PRUNERS = ("asha", "median", "hyperband", "none")
"""How trials are stopped early; ``median`` and ``hyperband`` are Optuna's, of one objective."""
ETA = 3
"""Of so many trials that come to a rung, one goes on; and the next rung is so many times as far."""


class Rungs:
    """Asynchronous successive halving: trials stop at a rung where they are not among the best.

    A trial comes to rungs after ``first``, ``first * ETA``, ... validations. It goes on where it is
    among the best of ``1 / ETA`` of all that came there so far, itself included (the variant that
    stops, so that a trial need not wait for others: Li et al. 2020,
    https://arxiv.org/abs/1810.05934); which are the best, ``tune.ranking`` says, for one objective
    and for several. Rungs are kept in the study, so that nothing is lost when a process is.

    Args:
        study: The study.
        goals: What it is after.
        pruner: One of ``PRUNERS``.
        first: The first rung; see ``first_rung``.
    """

    def __init__(
        self, study: optuna.Study, goals: Goals, pruner: str = "asha", first: int | None = None
    ) -> None:
        self.study, self.goals, self.pruner = study, goals, pruner
        self.first = first_rung(first, goals)

    def judges(self, step: int) -> bool:
        """Say whether trials are held against one another after so many validations."""
        if self.pruner == "asha":
            return is_rung(step, self.first)
        return self.pruner != "none"

    def keeps(self, trial: optuna.Trial, step: int, measured: dict[str, float]) -> bool:
        """Note how far a trial has come, and say whether it goes on.

        Args:
            trial: The trial.
            step: Its validations so far.
            measured: What its network does now.
        """
        known = self.study._storage.get_trial(trial._trial_id)
        rung = f"rung {step}"
        if rung not in known.user_attrs:
            trial.set_user_attr(rung, measured)
        if not self.judges(step) or self.goals.lacking(measured) is not None:
            return True
        if len(self.goals.objectives) == 1 and step not in known.intermediate_values:
            trial.report(measured[self.goals.objectives[0].name], step)
        if self.pruner != "asha":
            return not trial.should_prune()
        every = self.study.get_trials(deepcopy=False)
        others = [t.user_attrs.get(rung, {}) for t in every if t.number != trial.number]
        came = [other for other in others if self.goals.lacking(other) is None]
        return among_best(came, measured, self.goals)


def first_rung(named: int | None, goals: Goals) -> int:
    """Return after how many validations trials may first be stopped.

    Args:
        named: How many are asked for, if any are.
        goals: What the study is after: where gaps between groups matter, nobody is stopped after
            the first validation. A network that has hardly learned treats all alike, so that there
            the slowest learners would seem the fairest.
    """
    return named or (ETA if goals.fairness else 1)


def is_rung(step: int, first: int) -> bool:
    """Say whether a rung is after so many validations."""
    while step > first and step % ETA == 0:
        step //= ETA
    return step == first


def among_best(
    others: Sequence[dict[str, float]], measured: dict[str, float], goals: Goals
) -> bool:
    """Say whether a trial is among the best of ``1 / ETA`` at a rung, rounded up.

    Args:
        others: What those reached that came there before.
        measured: What the trial did.
        goals: What they are after.
    """
    every = [*others, measured]
    order = ranked([goals.costs(each) for each in every], [goals.excess(each) for each in every])
    place = int(np.flatnonzero(order == len(others))[0])
    return place < -(-len(every) // ETA)


def optuna_pruner(
    name: str, goals: Goals, first: int | None, most: int
) -> optuna.pruners.BasePruner:
    """Return the pruner of a study, where Optuna has it.

    Args:
        name: One of ``PRUNERS``.
        goals: What the study is after.
        first: The first rung; see ``first_rung``.
        most: Validations of a whole trial.

    Raises:
        ConfigError: There is no such pruner, or it is one of one objective and there are more.
    """
    if name not in PRUNERS:
        raise ConfigError(f"⟦pruner⟧ is {name!r}.", allowed(name, PRUNERS))
    if name in ("asha", "none"):
        return optuna.pruners.NopPruner()
    if len(goals.objectives) > 1 or goals.limits:
        raise ConfigError(
            f"⟦pruner⟧ {name} compares trials by one objective without limits.",
            "Several objectives and limits go with: asha, none.",
        )
    first = first_rung(first, goals)
    if name == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=first - 1)
    return optuna.pruners.HyperbandPruner(first, max(most, first), ETA)


def came_to(trial: FrozenTrial) -> int:
    """Return the validations that a trial has come to; 0 of one that has none."""
    return max(map(int, (rung_of(name) for name in trial.user_attrs)), default=0)


def rung_of(name: Any) -> int:
    """Return the validations that an attribute of a trial is about; 0 of another attribute."""
    text = str(name)
    return int(text[5:]) if text.startswith("rung ") and text[5:].isdigit() else 0


def is_whole(trial: FrozenTrial) -> bool:
    """Say whether a trial has values."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and trial.values is not None
