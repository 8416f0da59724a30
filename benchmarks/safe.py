"""Is a stranger's file safe to open, and does a start that fails end?

    python benchmarks/safe.py            # 5,000 changed files: hours on 2 cores
    python benchmarks/safe.py --short    # 300 of them, and fewer of the rest

A figure is the number of failures. What was met is kept in ``results/safe.json``. Under strace,
where it is installed, writing, removing and connecting are seen whoever does them; else connecting
that goes through Python is.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import harness
import safe_bombs
import safe_links
import safe_starts
import safe_values
from harness import Goal, Job

Campaign = Callable[[], Iterator[tuple[list[str], Any]]]
"""Yields what went wrong and what was met, again and again until all of it is."""
CAMPAIGNS: dict[str, tuple[Campaign, Campaign, str]] = {
    "safe.links": (
        partial(safe_links.links, 100),
        partial(safe_links.links, 24),
        "0: no planted link followed for writing",
    ),
    "safe.parsers": (
        partial(safe_bombs.bombs, 50),
        partial(safe_bombs.bombs, 25),
        "0: each refused within 2 s and 300 MiB, exit 2",
    ),
    "safe.values": (
        partial(safe_values.values, 5000),
        partial(safe_values.values, 300),
        "0: nothing written or removed outside, no connection, no import, no traceback",
    ),
    "resume.start": (
        partial(safe_starts.starts, 60),
        partial(safe_starts.starts, 5),
        "0: with --start_timeout 20 all processes gone within 30 s, two lines, exit code not 0",
    ),
}
"""The full and the short campaign of each goal, and what it must be."""


def failures(goal: str, campaign: Campaign, must: str) -> Iterator[tuple[list[Goal], Any]]:
    """Run a campaign and count what went wrong; a goal holds when all of its cases have run."""
    shown = 0
    for problems, raw in campaign():
        for problem in problems[shown:]:
            print(f"  {problem}", flush=True)
        shown = len(problems)
        whole = raw["cases"] >= raw["of"]
        told = must if whole else f"{must} (so far {raw['cases']} of {raw['of']} cases)"
        yield [Goal(goal, shown, told, whole and not problems)], {"failures": problems, **raw}


def jobs() -> list[Job]:
    found = []
    for goal, (full, short, must) in CAMPAIGNS.items():
        for name, campaign, is_short in ((goal, full, False), (f"{goal}_short", short, True)):
            found.append(Job((name,), partial(failures, name, campaign, must), is_short))
    return found


if __name__ == "__main__":
    sys.exit(harness.main("safe", jobs(), __doc__.splitlines()[0]))
