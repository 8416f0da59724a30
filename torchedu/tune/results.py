"""What a study has come to: its trials, the front among them, what mattered, and the best."""

import csv
import math
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from torchedu.bounded import parse_yaml, yaml_text
from torchedu.errors import ConfigError, TrainingError
from torchedu.files import write_whole
from torchedu.run_folder import RunFolder
from torchedu.tune.objectives import Goals
from torchedu.tune.ranking import front, knee, ranked
from torchedu.tune.rungs import came_to
from torchedu.tune.space import Space
from torchedu.tune.study import TAKEN_UP, Study

WHOLE, STOPPED, FAILED, RUNNING = "whole", "stopped", "failed", "running"
"""What a trial may have come to."""
LEAST = 8
"""Whole trials below which nothing is said of what mattered."""


class Row(NamedTuple):
    """A trial.

    Attributes:
        number: Its number.
        state: What it has come to.
        options: Its values of the options, by their dotted names.
        reached: What its best network reached, so far if it is running.
        excess: By how much it breaks the limits; not a number where that is not known.
        validations: How far it came.
        taken_up: How far it had come when it was last taken up from a process that was gone; None
            where it never was.
        error: Why it failed.
    """

    number: int
    state: str
    options: dict[str, Any]
    reached: dict[str, float]
    excess: float
    validations: int
    taken_up: int | None
    error: str


class Standing(NamedTuple):
    """How a study stands.

    Attributes:
        goals: What it is after.
        rows: Its trials, by number.
        front: The whole trials that no other is better than, among those that keep the limits, or
            the one that is nearest to keeping them; ordered so that the first few span it.
        best: The one to take: the best by one objective, of several the one nearest to the best of
            all of them at once.
    """

    goals: Goals
    rows: list[Row]
    front: list[Row]
    best: Row | None

    @property
    def keeps(self) -> bool:
        """Whether the best one keeps the limits."""
        return self.best is not None and self.best.excess <= 0

    def count(self, state: str) -> int:
        """Return how many trials have come to a state."""
        return sum(row.state == state for row in self.rows)


def standing(study: Study) -> Standing:
    """Return how a study stands.

    Args:
        study: The study.
    """
    goals = study.goals
    rows = [_row(trial, goals) for trial in study.trials()]
    whole = [row for row in rows if row.state == WHOLE]
    if not whole:
        return Standing(goals, rows, [], None)
    costs = np.array([goals.costs(row.reached) for row in whole])
    order = ranked(costs, [row.excess for row in whole])
    kept = [i for i in order.tolist() if whole[i].excess <= 0] or [int(order[0])]
    first = [i for i, leads in zip(kept, front(costs[kept]), strict=True) if leads]
    best = whole[first[knee(costs[first])]]
    return Standing(goals, rows, [whole[i] for i in first], best)


def importances(study: Study, objective: str) -> dict[str, float]:
    """Return how much of what trials reached is due to each option (fANOVA, Hutter et al. 2014).

    Only options that all trials have take part.

    Args:
        study: The study.
        objective: Which of its objectives.

    Returns:
        Shares by option, the largest first; nothing of few trials, or where all are alike.
    """
    whole = [trial for trial in study.trials() if _state(trial) == WHOLE]
    values = [trial.user_attrs["reached"][objective] for trial in whole]
    if len(whole) < LEAST or len(set(values)) < 2:
        return {}
    directions = [optuna.study.StudyDirection.MINIMIZE]
    held = optuna.create_study(directions=directions)
    for trial, value in zip(whole, values, strict=True):
        params, distributions = trial.params, trial.distributions
        held.add_trial(optuna.create_trial(params=params, distributions=distributions, value=value))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares: dict[str, float] = optuna.importance.get_param_importances(held, evaluator=evaluator)
    return {name: share for name, share in shares.items() if math.isfinite(share)}


def write_best(study: Study, best: Row) -> Path:
    """Write the configuration of a trial, ready for ``torchedu fit --config``.

    Args:
        study: The study.
        best: The trial.

    Returns:
        The file, ``best.yaml`` in the study's folder.
    """
    given = parse_yaml(RunFolder(study.run_folder(best.number)).config.read_text("utf-8"))
    for own in ("run", "resume"):
        given.pop(own, None)
    given["trainer"]["enable_progress_bar"] = None
    reached = ", ".join(f"{name} {value:.4g}" for name, value in best.reached.items())
    file = study.folder / "best.yaml"
    head = f"# torchedu fit --config {file.name}: {reached} on the validation part (trial "
    write_whole(file, f"{head}{best.number})\n{yaml_text(given)}".encode())
    return file


def write_table(study: Study, now: Standing) -> Path:
    """Write all trials as CSV.

    Args:
        study: The study.
        now: How it stands.

    Returns:
        The file, ``trials.csv`` in the study's folder.
    """
    options = list(dict.fromkeys(name for row in now.rows for name in row.options))
    leading = {row.number for row in now.front}
    text = StringIO(newline="")
    writer = csv.writer(text)
    ends = ("validations", "taken_up", "error")
    writer.writerow(["trial", "state", "front", *now.goals.names, *options, *ends])
    for row in now.rows:
        reached = [row.reached.get(name, "") for name in now.goals.names]
        values = [row.options.get(name, "") for name in options]
        leads = "yes" if row.number in leading else ""
        last = (row.validations, "" if row.taken_up is None else row.taken_up, row.error)
        writer.writerow([row.number, row.state, leads, *reached, *values, *last])
    file = study.folder / "trials.csv"
    write_whole(file, text.getvalue().encode())
    return file


def front_of(folder: Path, space: Space) -> list[dict[str, Any]]:
    """Return the front of a study that has ended, as another one names its options.

    Args:
        folder: The study's folder.
        space: What the other one searches; what it does not hold is left out.

    Raises:
        ConfigError: The folder has no table of trials, or no front that the space knows.
    """
    wanted = {dimension.option for dimension in space.every()}
    try:
        with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["front"]]
        fronts = [
            space.named({name: _plain(row[name]) for name in wanted & row.keys() if row[name]})
            for row in rows
        ]
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, csv.Error):
        raise ConfigError(
            f"⟦earlier⟧ {folder} holds no table of trials.",
            "Name the folder of a study that has ended; it has trials.csv.",
        ) from None
    if not any(fronts):
        why = "none of its values is in ⟦space⟧" if fronts else "none came to its end"
        raise ConfigError(
            f"⟦earlier⟧ {folder}: of its trials none can be tried, as {why}.",
            "Name a study of some of the same options, or leave it out.",
        )
    return fronts


def none_whole(now: Standing) -> TrainingError:
    """Return what to tell where no trial came to its end."""
    failed = [row for row in now.rows if row.state == FAILED]
    first = failed[0].error if failed else "none was begun"
    number = f"trial {failed[0].number}: " if failed else ""
    return TrainingError(
        f"no trial of {len(now.rows)} came to its end, {len(failed)} have failed. {number}{first}",
        "Try the recipe alone with torchedu fit, and narrow what ⟦space⟧ names.",
    )


def _row(trial: FrozenTrial, goals: Goals) -> Row:
    reached = trial.user_attrs.get("reached") or trial.user_attrs.get(f"rung {came_to(trial)}", {})
    known = goals.lacking(reached) is None
    return Row(
        trial.number,
        _state(trial),
        {name.partition(" [")[0]: _plain(value) for name, value in trial.params.items()},
        {name: reached[name] for name in goals.names if name in reached},
        goals.excess(reached) if known else math.nan,
        came_to(trial),
        trial.user_attrs.get(TAKEN_UP, (0, None))[1],
        trial.user_attrs.get("error", ""),
    )


def _plain(value: Any) -> Any:
    """Return the number that a label of a choice, or a cell of the table, stands for, or it."""
    for number in (int, float) if isinstance(value, str) else ():
        with suppress(ValueError):
            if str(number(value)) == value and math.isfinite(number(value)):
                return number(value)
    return value


def _state(trial: FrozenTrial) -> str:
    if trial.state == TrialState.FAIL:
        return FAILED
    if not trial.state.is_finished():
        return RUNNING
    return STOPPED if trial.user_attrs["stopped"] else WHOLE
