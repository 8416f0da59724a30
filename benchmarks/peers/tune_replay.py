"""Replays a search of syne-tune or NePS on a table of configurations trained once.

Run by the environment that ``environment.py`` makes, never by torchedu's:

    .venv-tune/bin/python tune_replay.py moasha TABLE BUDGET FIRST LAST OUT

BUDGET is in epochs; seeds go from FIRST to below LAST. OUT becomes JSON: of each seed a list of
(epochs spent, AUC, gap), one for each configuration that was trained to its end.
"""

import datetime
import json
import logging
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tune_table import EPOCHS, GRID, Known, key, read

Ended = list[tuple[int, float, float]]
Table = dict[tuple[str, ...], Known]


def options_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return the values at places in the grid."""
    return {
        name: config[name] if isinstance(values[0], str) else values[int(config[name])]
        for name, values in GRID.items()
    }


def costs(known: Known, step: int) -> tuple[float, float]:
    """Return what a configuration reaches after so many epochs, the lower the better."""
    auc, gap = known.whole if step == EPOCHS else known.at[step]
    return -auc, gap


def moasha(table: Table, seed: int, budget: int) -> Ended:
    """Search by syne-tune's MOASHA with its defaults: one bracket, from an epoch on."""
    from syne_tune.backend.trial_status import Trial
    from syne_tune.config_space import choice, randint
    from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

    space = {
        name: choice(values) if isinstance(values[0], str) else randint(0, len(values) - 1)
        for name, values in GRID.items()
    }
    scheduler = MOASHA(
        space, metrics=["error", "gap"], time_attr="epoch", max_t=EPOCHS, grace_period=1,
        reduction_factor=3, random_seed=seed,
    )  # fmt: skip
    spent, ended, number = 0, [], 0
    while True:
        trial = Trial(number, scheduler.suggest().config, datetime.datetime.now())
        number += 1
        scheduler.on_trial_add(trial)
        known = table[key(options_of(trial.config))]
        before = 0
        for step in (*known.at, EPOCHS):
            spent += step - before
            if spent > budget:
                return ended
            before = step
            error, gap = costs(known, step)
            if step == EPOCHS:
                scheduler.on_trial_complete(trial, {"epoch": step, "error": error, "gap": gap})
                ended.append((spent, -error, gap))
                break
            said = scheduler.on_trial_result(trial, {"epoch": step, "error": error, "gap": gap})
            if said == "STOP":
                scheduler.on_trial_remove(trial)
                break


def neps(table: Table, seed: int, budget: int, method: str) -> Ended:
    """Search by a method of NePS with its defaults; a configuration goes on where it stood."""
    from neps import AskAndTell
    from neps.optimizers import algorithms
    from neps.space import HPOCategorical, HPOInteger, SearchSpace

    space = SearchSpace(
        {
            **{
                name: HPOCategorical(list(values))
                if isinstance(values[0], str)
                else HPOInteger(0, len(values) - 1)
                for name, values in GRID.items()
            },
            "epochs": HPOInteger(1, EPOCHS, is_fidelity=True),
        }
    )
    own = {"prior_centers": {}} if method == "primo" else {}  # nobody here has priors
    search = AskAndTell(getattr(algorithms, method)(space, **own))
    spent, ended = 0, []
    while True:
        trial = search.ask()
        step = int(trial.config["epochs"])
        known = table[key(options_of(trial.config))]
        earlier = search.trials.get(trial.metadata.previous_trial_id)
        spent += step - (int(earlier.config["epochs"]) if earlier else 0)
        if spent > budget:
            return ended
        error, gap = costs(known, step)
        search.tell(trial, {"objective_to_minimize": [error, gap]})
        if step == EPOCHS:
            ended.append((spent, -error, gap))


def main() -> int:
    """Replay."""
    import torch

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    method, file, budget, first, last, out = sys.argv[1:]
    table, found = read(Path(file)), []
    for seed in range(int(first), int(last)):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what these libraries draw by
        torch.manual_seed(seed)
        if method == "moasha":
            found.append(moasha(table, seed, int(budget)))
        else:
            found.append(neps(table, seed, int(budget), method))
    Path(out).write_text(json.dumps(found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
