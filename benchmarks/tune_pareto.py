"""Replays searches on a table of configurations trained once: which finds the widest front?

What a method has is a front of configurations that it trained to their end, after as many epochs as
20 whole trainings take; its hypervolume is compared.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna
from harness import Goal
from numpy.typing import NDArray
from tune_table import EPOCHS, FILE, GRID, RUNGS, Known, key, read

from torchedu.tune.objectives import Goals
from torchedu.tune.ranking import front
from torchedu.tune.rungs import Rungs
from torchedu.tune.space import Space
from torchedu.tune.study import Seeded
from torchedu.tune.trial import tell

Table = dict[tuple[str, ...], Known]
Evaluated = list[tuple[int, float, float]]
"""Epochs spent so far, and the AUC and the gap of a configuration that was trained to its end."""
GOALS = Goals.parse("val/auc,val/abroca.support", "", "")
BUDGET = 20 * EPOCHS
SEEDS = range(20)
MARGIN = 0.05
BEYOND = 1.1
"""Where the point of reference lies, in parts of the spans of the table's front."""
OWN = "torchedu: TPE, MO-ASHA"
UNPRUNED = {"TPE, unpruned": "tpe", "NSGA-II of 8, unpruned": "nsga2"}
PEERS = {
    "syne-tune: MOASHA": "moasha",
    "NePS: mo_hyperband": "mo_hyperband",
    "NePS: primo": "primo",
}
SPACE = Space.parse(
    "\n".join(
        f"{name}: {{choice: {json.dumps(values)}}}"
        if isinstance(values[0], str)
        else f"{name}: {{int: [0, {len(values) - 1}]}}"
        for name, values in GRID.items()
    )
)
"""Numbers by their places in the grid, so that all methods know their order."""


def options_of(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the values at places in the grid."""
    return {
        name: place if isinstance(place, str) else GRID[name][place]
        for name, place in drawn.items()
    }


def searched(table: Table, seed: int, sampler: str, pruner: str, budget: int) -> Evaluated:
    """Search as ``torchedu tune`` does, with a look into the table in place of each training.

    Args:
        table: What is known.
        seed: Of what is drawn.
        sampler: As ``torchedu tune --sampler``.
        pruner: As ``torchedu tune --pruner``.
        budget: Epochs in all.
    """
    directions = ["minimize" if goal.lower else "maximize" for goal in GOALS.objectives]
    study = optuna.create_study(directions=directions, sampler=Seeded(sampler, seed))
    rungs = Rungs(study, GOALS, pruner)
    spent, ended = 0, []
    while True:
        trial = study.ask()
        known = table[key(options_of(SPACE.suggest(trial)))]
        reached, here, stopped = known.whole, EPOCHS, False
        for step in RUNGS:
            measured = dict(zip(GOALS.names, known.at[step], strict=True))
            if pruner != "none" and not rungs.keeps(trial, step, measured):
                reached, here, stopped = known.at[step], step, True
                break
        spent += here
        if spent > budget:
            return ended
        if not stopped:
            ended.append((spent, *reached))
        tell(study, GOALS, trial, dict(zip(GOALS.names, reached, strict=True)), here, stopped)


def hypervolume(table: Table, ended: Evaluated) -> float:
    """Return the hypervolume of what was trained to its end, in parts of that of the whole table.

    Objectives count in parts of their spans over the table's front, and the point of reference is
    a tenth beyond its worst (Ishibuchi et al. 2018, https://doi.org/10.1162/evco_a_00226).
    """
    whole = _costs([known.whole for known in table.values()])
    best_N2 = whole[front(whole)]
    low, span = best_N2.min(0), np.ptp(best_N2, 0)
    return _volume((_costs([each[1:] for each in ended]) - low) / span) / _volume(
        (best_N2 - low) / span
    )


def _volume(points: NDArray[np.float64]) -> float:
    """Return the area that points dominate up to the point of reference."""
    volume, top = 0.0, BEYOND
    for x, y in sorted(map(tuple, points.tolist())):
        volume += max(0.0, BEYOND - x) * max(0.0, top - y)
        top = min(top, y)
    return volume


def _costs(reached: list[Any]) -> NDArray[np.float64]:
    points = np.array(reached, np.float64).reshape(-1, 2)
    return points * [-1, 1]


def peers(file: Path, seeds: range, budget: int) -> dict[str, list[Evaluated]]:
    """Return what the other libraries' methods find, in an environment of their own."""
    from peers.environment import interpreter

    script = Path(__file__).parent / "peers" / "tune_replay.py"
    found: dict[str, list[Evaluated]] = {}
    with TemporaryDirectory(prefix="torchedu-replay-") as folder:
        for name, method in PEERS.items():
            out = Path(folder) / f"{method}.json"
            words = [
                interpreter("tune"),
                script,
                method,
                file,
                budget,
                seeds.start,
                seeds.stop,
                out,
            ]
            done = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=folder)
            if done.returncode:
                raise RuntimeError(f"{name}: {done.stderr[-1000:]}")
            found[name] = json.loads(out.read_text("utf-8"))
    return found


def more(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """Return how much more ours are in parts of theirs, with an interval over seeds."""
    random = np.random.default_rng(0)
    a, b = np.array(ours), np.array(theirs)
    draws = [
        random.choice(a, len(a)).mean() / random.choice(b, len(b)).mean() - 1 for _ in range(10_000)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(a.mean() / b.mean() - 1), float(low), float(high)


def compared(
    file: Path = FILE, seeds: range = SEEDS, others: bool = True
) -> tuple[dict[str, list[float]], dict[str, tuple[float, float, float]]]:
    """Return the hypervolumes of each method by seed, and how much more ours are.

    Args:
        file: The table.
        seeds: What the searches are drawn by.
        others: Whether the other libraries take part.
    """
    table = read(file)
    ways: dict[str, Callable[[int], Evaluated]] = {
        OWN: lambda seed: searched(table, seed, "tpe", "asha", BUDGET),
        **{
            name: lambda seed, sampler=sampler: searched(table, seed, sampler, "none", BUDGET)
            for name, sampler in UNPRUNED.items()
        },
    }
    found = {name: [way(seed) for seed in seeds] for name, way in ways.items()}
    found |= peers(file, seeds, BUDGET) if others else {}
    volumes = {name: [hypervolume(table, ended) for ended in each] for name, each in found.items()}
    return volumes, {
        name: more(volumes[OWN], theirs) for name, theirs in volumes.items() if name != OWN
    }


def replayed() -> tuple[list[Goal], Any]:
    """Compare the front of the search with those of other methods at equal compute."""
    volumes, margins = compared()
    for name, each in volumes.items():
        mean, (share, low, high) = np.mean(each), margins.get(name, (0.0, 0.0, 0.0))
        print(f"  {name}: {mean:.3f}; ours {share:+.1%} [{low:+.1%}, {high:+.1%}]", flush=True)
    least = min(margins[name][0] for name in UNPRUNED)
    above = all(margins[name][0] >= MARGIN and margins[name][1] > 0 for name in UNPRUNED)
    level = all(margins[name][0] >= 0 for name in PEERS)
    must = (
        f"hypervolume at least {MARGIN:.0%} above unpruned TPE and NSGA-II, interval above 0, and "
        "not below MOASHA, mo_hyperband and primo"
    )
    raw = {"hypervolumes": volumes, "ours_more": margins, "configurations": len(read(FILE))}
    return [Goal("tune.pareto", least, must, above and level)], raw
