"""Are leaks found that are planted in data of six kinds, and nothing where there are none?"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal, real_data
from honest_planted import MAKERS, PLANTS, Made

from torchedu.datasets.importers import import_data
from torchedu.errors import DataError
from torchedu.leaks import Finding, check

SHARES = (1.0, 0.15, 0.05)
SETS = {
    "kt/ednet_pebg5k": "ednet",
    "kt/statics2011_ts": "tsv",
    "kt/algebra2005_ts_test20": "tsv",
    **{
        f"kt/synthetic_dkt/naive_c{concepts}_q50_s4000_v{version}.csv": "dkt_synthetic"
        for concepts in (2, 5)
        for version in range(3)
    },
    "rec/mooccubex": "user_lists",
    "atrisk/oulad": "oulad",
    "essay/asap": "asap",
    "essay/beetle": "semeval2013",
    "transcript/talkmoves": "talkmoves",
    "math/gsm8k": "gsm8k",
    "math/mathdial": "mathdial",
    "math/bridge": "bridge",
}
PROBLEMS = "problems of conversations"
TRUE: dict[str, list[tuple[str, str, int]]] = {
    "rec/mooccubex": [("copies", "students", 26)],
    "atrisk/oulad": [("grouping", "student", 1647), ("cutoff", "events", 601)],
    "essay/asap": [("copies", "texts", 44)],
    "essay/beetle": [("copies", "texts", 22)],
    "transcript/talkmoves": [("grouping", "teacher", 26), ("copies", "lessons", 30)],
    "math/gsm8k": [("copies", PROBLEMS, 44)],
    "math/bridge": [("copies", PROBLEMS, 242)],
}
"""What is raised on these sets and is true, by kind, where and count; docs/leaks.md says why."""


def measure(clean: int, shares: tuple[float, ...], real: bool) -> tuple[list[Goal], dict[str, Any]]:
    """Count planted leaks that are found, and alarms where nothing was planted.

    Args:
        clean: How many clean simulated sets are looked at.
        shares: Of which rows a leak is planted.
        real: Whether the real sets are looked at too.
    """
    missed, alarms, raised = [], [], {}
    planted = [
        (maker, plant, kinds, share)
        for maker in MAKERS
        for plant, kinds in PLANTS[maker].items()
        for share in shares
    ]
    for number, (maker, plant, kinds, share) in enumerate(planted):
        random = np.random.default_rng([1, number])
        found = _found(plant(random, maker(random), share))
        if found is not None and not {one.kind for one in found} & set(kinds.split()):
            missed.append(f"{maker.__name__}: {plant.__name__} in {share:.0%}")
    for number in range(clean):
        maker = MAKERS[number % len(MAKERS)]
        found = _found(maker(np.random.default_rng([2, number])))
        told = ["refused"] if found is None else map(str, found)
        alarms += [f"{maker.__name__}: {one}" for one in told]
    for name, format in SETS.items() if real else ():
        with TemporaryDirectory() as folder:
            store = import_data(format, real_data() / name, Path(folder) / "out.store")
            raised[name] = [(one.kind, one.where, one.count) for one in check(store)]
        alarms += [f"{name}: {one}" for one in raised[name] if one not in TRUE.get(name, [])]
    found_count, least = len(planted) - len(missed), round(0.95 * len(planted))
    goals = [
        Goal(
            "honest.leaks", found_count, f"at least {least} of {len(planted)} found",
            found_count >= least,
        ),
        Goal("honest.leaks", len(alarms), "0 false alarms", not alarms),
    ]  # fmt: skip
    return goals, {"missed": missed, "alarms": alarms, "raised": raised}


def _found(made: Made) -> list[Finding] | None:
    """Import raw data and look for leaks; None where the import refuses it."""
    with TemporaryDirectory() as folder, TemporaryDirectory() as made_of:
        raw = made.write(Path(folder))
        try:
            return check(import_data(made.format, raw, f"{made_of}/data.store", made.options))
        except DataError:
            return None
