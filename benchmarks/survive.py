"""Does training survive kills, full disks, damaged and hostile files, and other numbers of ranks?

    python benchmarks/survive.py            # the whole campaign, about an hour on 2 cores
    python benchmarks/survive.py --short    # fewer of each, within 5 minutes

But for ``survive.cost``, a figure is the number of failures. Full and read-only disks are mounted,
which takes the rights of root, on Linux. Everything that a goal takes to hold, and what was met on
the way, is kept in ``results/survive.json``.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # ranks share the machine's cores

import harness
import survive_cost
import survive_damage
import survive_faults
import survive_hostile
import survive_kills
import survive_ranks
from harness import Goal, Job

Campaign = Callable[[], tuple[list[str], Any]]
ORDER, SAVING = 1.0, 3.0
"""Percent of a step's time that they may take."""


def failures(goal: str, campaign: Campaign, must: str) -> tuple[list[Goal], Any]:
    """Run a campaign and count what went wrong."""
    problems, raw = campaign()
    for problem in problems:
        print(f"  {problem}", flush=True)
    return [Goal(goal, len(problems), must, not problems)], {"failures": problems, **raw}


def cost(goal: str, pairs: int) -> tuple[list[Goal], Any]:
    raw = survive_cost.cost(pairs)
    saving = max(raw["saving_cpu"], raw["saving_wall"])
    must = f"under {SAVING:g} % for saving every 100 steps, and {ORDER:g} % for the order"
    return [Goal(goal, saving, must, saving < SAVING and raw["order_cpu"] < ORDER)], raw


# Ranks and loader workers.
EACH = [(1, 0), (1, 2), (2, 0), (2, 2)]
CAMPAIGNS: dict[str, tuple[Campaign, Campaign, str]] = {
    "survive.kills": (
        partial(survive_kills.kills, 25, EACH, epochs=12),
        partial(survive_kills.kills, 3, [(1, 2), (2, 0)], epochs=6),
        "0: curve, weights and scores to the last bit, no step lost beyond the last checkpoint",
    ),
    "survive.kills_saving": (
        partial(survive_kills.kills_saving, 200),
        partial(survive_kills.kills_saving, 24),
        "0: always a verified checkpoint, none older than was reported, no stray files",
    ),
    "survive.elastic": (
        partial(survive_ranks.elastic, list(survive_ranks.AGAIN)),
        partial(survive_ranks.elastic, ["2 ranks"]),
        "0: one order, losses within 1e-6; equal ranks to the last bit",
    ),
    "survive.evaluation": (
        partial(survive_ranks.evaluation, range(1, 65)),
        partial(survive_ranks.evaluation, [1, 2, 3, 5, 17, 64]),
        "0: scores on 1, 2 and 4 ranks within 1e-12, each answer once",
    ),
    "survive.accumulation": (
        partial(survive_ranks.accumulation, epochs=3),
        partial(survive_ranks.accumulation, epochs=1),
        "0: gradients of 32 = 4 x 8 = 2 ranks x 4 x 4 within 1e-6",
    ),
    "survive.damage": (
        partial(survive_damage.damage, 200),
        partial(survive_damage.damage, 6),
        "0: all detected; file, cause and next step named; another one used",
    ),
    "survive.hostile": (
        partial(survive_hostile.hostile, 50),
        partial(survive_hostile.hostile, 12),
        "0: none executed, nothing written outside",
    ),
    "survive.faults": (
        survive_faults.faults,
        partial(survive_faults.faults, ["read-only", "frozen rank 1", "SIGTERM to rank 1 of 2"]),
        "0: message, exit code, and gone on from to the same end",
    ),
    "survive.leaks": (
        partial(survive_kills.leaks, 50),
        partial(survive_kills.leaks, 4),
        "0: nothing new in /dev/shm, no orphans",
    ),
}
"""The full and the short campaign of each goal, and what it must be."""


def jobs() -> list[Job]:
    found = []
    for goal, (full, short, must) in CAMPAIGNS.items():
        for name, campaign, is_short in ((goal, full, False), (f"{goal}_short", short, True)):
            measure = partial(failures, name, campaign, must)
            found.append(Job((name,), measure, is_short))
    for name, pairs, is_short in (("survive.cost", 7, False), ("survive.cost_short", 3, True)):
        found.append(Job((name,), partial(cost, name, pairs), is_short))
    return found


if __name__ == "__main__":
    sys.exit(harness.main("survive", jobs(), __doc__.splitlines()[0]))
