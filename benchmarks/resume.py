"""Does a run that goes on come to what it would have come to, with one writer and no silent change?

    python benchmarks/resume.py            # the whole campaign, about half an hour on 2 cores
    python benchmarks/resume.py --short    # fewer of each, within 5 minutes

A figure is the number of failures. Two hosts are two namespaces of this one, which takes the rights
of root, on Linux.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # ranks share the machine's cores

import harness
import resume_changed
import resume_lock
import resume_validation
from harness import Goal, Job

Campaign = Callable[[], tuple[list[str], Any]]
CAMPAIGNS: dict[str, tuple[Campaign, Campaign, str]] = {
    "resume.validation": (
        partial(resume_validation.validation, 15, 5, epochs=8),
        partial(resume_validation.validation, 2, 1, epochs=4),
        "0 of 60 kills and 20 SIGTERMs: curve, callbacks' states and weights to the last bit",
    ),
    "resume.changed": (
        resume_changed.changed,
        partial(resume_changed.changed, 8),
        "0 of 40 changes between stop and resume silent",
    ),
    "resume.lock": (
        partial(resume_lock.lock, 30),
        partial(resume_lock.lock, 6),
        "0 of 30 double starts with two writers, on one host and as two",
    ),
}
"""The full and the short campaign of each goal, and what it must be."""


def failures(goal: str, campaign: Campaign, must: str) -> tuple[list[Goal], Any]:
    """Run a campaign and count what went wrong."""
    problems, raw = campaign()
    for problem in problems:
        print(f"  {problem}", flush=True)
    return [Goal(goal, len(problems), must, not problems)], {"failures": problems, **raw}


def jobs() -> list[Job]:
    return [
        Job((name,), partial(failures, name, campaign, must), is_short)
        for goal, (full, short, must) in CAMPAIGNS.items()
        for name, campaign, is_short in ((goal, full, False), (f"{goal}_short", short, True))
    ]


if __name__ == "__main__":
    sys.exit(harness.main("resume", jobs(), __doc__.splitlines()[0]))
