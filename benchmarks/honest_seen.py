"""Is anybody whom training has used scored later without a word?"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import Goal

from torchedu.datamodules import Interactions
from torchedu.datasets.simulator import simulate
from torchedu.errors import ConfigError
from torchedu.people import People

WAYS: list[dict[str, Any]] = [
    *({"seed": seed} for seed in range(1, 16)),
    *({"split": "fold", "fold": fold, "seed": seed} for fold in range(5) for seed in range(3)),
    *({"split": "time", "test": share} for share in (0.2, 0.3, 0.5)),
    *({"test": share} for share in (0.3, 0.4, 0.6)),
    *({"val": share, "seed": 16} for share in (0.05, 0.3)),
]
"""Ways to divide the data of a run anew: 38; with the store renamed, and after another run, 40."""


def measure(students: int) -> tuple[list[Goal], dict[str, Any]]:
    """Score a run's data in other ways, and count those in which somebody seen is scored.

    Args:
        students: Size of a simulated class.
    """
    with TemporaryDirectory() as folder:
        store = simulate(Path(folder) / "class.store", students=students).path
        run = Interactions(str(store))
        people = run.people(None)
        assert people is not None
        renamed = Path(shutil.copytree(store, Path(folder) / "next_year.store"))
        begun = Interactions(str(store), seed=1).people(people)
        silent = [str(way) for way in WAYS if _silent(store, way, people, run)]
        silent += ["renamed"] * _silent(renamed, {"seed": 1}, people, run)
        silent += ["begun with"] * _silent(store, {"seed": 2}, begun, run)
    goal = Goal("honest.seen", len(silent), f"0 of {len(WAYS) + 2} ways silent", not silent)
    return [goal], {"silent": silent}


def _silent(store: Path, way: dict[str, Any], people: People | None, run: Interactions) -> bool:
    """Say whether a student of the run's training or validation part is scored."""
    data = Interactions(str(store), **way)
    try:
        data.leave_out(people, "test")
    except ConfigError:  # nobody would be left, which is said
        return False
    used = {*run.names_of("train"), *run.names_of("val")}
    return bool(used & set(data.names_of("test")))
