"""Does the house hold what its rooms promise? Memory of evaluation, and lines of code.

python benchmarks/house.py            # five million answers: half an hour
python benchmarks/house.py --short    # half a million: some minutes
"""

import subprocess
import sys
from functools import partial
from typing import Any

import house_shards
from harness import ROOT, Goal, Job, main

LINES, TESTING = 36_700, 956
"""Most lines of the package, and those of them that ``testing/`` had before its families."""


def lines() -> tuple[list[Goal], Any]:
    """Count the lines of the package."""
    listed = subprocess.run(
        ["git", "ls-files", "torchedu/*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    counts = {name: (ROOT / name).read_bytes().count(b"\n") for name in listed}
    rooms: dict[str, int] = {}
    for name, count in counts.items():
        room = name.split("/")[1]
        rooms[room] = rooms.get(room, 0) + count
    counted = sum(rooms.values()) - max(0, rooms["testing"] - TESTING)
    must = f"at most {LINES:,} lines in torchedu/, new families of testing/ left out"
    return [Goal("house.lines", counted, must, counted <= LINES)], {"rooms": rooms}


JOBS = [
    Job(("house.shards",), partial(house_shards.measure, "house.shards", 5_000_000, 600.0)),
    Job(
        ("house.shards_short",),
        partial(house_shards.measure, "house.shards_short", 500_000, 500.0),
        short=True,
    ),
    Job(("house.lines",), lines),
    Job(("house.lines",), lines, short=True),
]

if __name__ == "__main__":
    sys.exit(main("house", JOBS, __doc__.splitlines()[0]))
