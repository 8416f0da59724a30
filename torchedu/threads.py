"""How many threads a command computes with: as many as cores are free to it.

More threads than free cores collapse the speed of small networks, twentyfold and more: all wait in
every step for the one that has no core. Commands alone choose; in Python, threads are as they are.
"""

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from torchedu.errors import ConfigError
from torchedu.machine import affinity

VARIABLE = "OMP_NUM_THREADS"
"""What torch, the libraries below numpy, and processes that are started read."""
OPTION = "--threads"
MOST = 1024
UNLIMITED = 1e9
"""Cores where no limit is set."""
LOOK = 0.2
"""Seconds for which it is looked who else computes."""
NEARLY = 0.25
"""Part of a core that others may use of one that counts as free."""
BY_OTHERS = ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
"""One of these is set in each of several processes that something has started at once."""
OWN = "SLURM_CPUS_PER_TASK"
"""Cores that a scheduler has given this process, and no other."""

_chosen: int | None = None
"""Threads that were chosen here, or asked for, for all processes of the command."""


def taken(words: Sequence[str]) -> tuple[int | None, list[str]]:
    """Return how many threads words ask for, and the words without that.

    Raises:
        ConfigError: It is no number of threads.
    """
    asked, rest = None, []
    waiting = iter(words)
    for word in waiting:
        option, equals, value = word.partition("=")
        if option != OPTION:
            rest.append(word)
            continue
        text = value if equals else next(waiting, "")
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
            raise ConfigError(
                f"⟦threads⟧ is {text!r}.",
                f"It is a number from 1 to {MOST}; left out, as many as cores are free.",
            )
        asked = int(text)
    return asked, rest


def choose(asked: int | None = None, usual: int | None = None) -> str | None:
    """Choose how many threads this process and those that it starts compute with, together.

    Before torch and numpy are imported, this holds for all that they call.

    Args:
        asked: As many as the user wants.
        usual: As many as there are where the user does not say, by words or the environment; as
            many as cores are free where it is None.

    Returns:
        What was chosen by what is free, and why; None where nobody had to look.
    """
    global _chosen
    if asked is None and os.environ.get(VARIABLE):
        return None
    number, notice = asked or usual, None
    if number is None:
        number, reason = free()
        several = "1 thread" if number == 1 else f"{number} threads"
        notice = f"Computing with {several}: {reason} (another number: {OPTION} N)."
    _chosen = number
    _take(number)
    return notice


def share(processes: int) -> None:
    """Divide the threads that were chosen among processes of this host, and take this one's part.

    Args:
        processes: How many there are or will be, this one or those that it starts.
    """
    if _chosen is not None:
        _take(max(1, _chosen // max(1, processes)))


def _take(threads: int) -> None:
    os.environ[VARIABLE] = str(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)


def free() -> tuple[int, str]:
    """Return how many cores are free to this process, and how that is known."""
    if own := os.environ.get(OWN, ""):
        return max(1, int(own) if own.isdigit() else 1), "what the scheduler gives each process"
    mine = cores()
    if any(name in os.environ for name in BY_OTHERS):  # its peers are not in its way
        return mine, f"{mine} for all processes of this machine"
    nobodys = idle()
    if nobodys is None or nobodys >= mine - NEARLY:
        return mine, "as many as it may use"
    return (
        max(1, math.floor(nobodys + NEARLY)),
        f"of {mine} core{'s' * (mine > 1)} that it may use, {nobodys:.1f} free",
    )


def cores(root: Path = Path("/")) -> int:
    """Return how many cores this process may use, by its affinity and its CPU groups' limits.

    Args:
        root: Where the system's files are.
    """
    return max(1, min(len(affinity()), math.floor(limit(root) + NEARLY)))


def limit(root: Path = Path("/")) -> float:
    """Return how many cores' time the CPU groups of this process grant it, in versions 1 and 2.

    A group is granted no more than those above it. In a container the group's own path may not
    exist, and what its mount shows at the top is the container's.

    Args:
        root: Where the system's files are.
    """
    least = UNLIMITED
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        own = PurePosixPath(path.lstrip("/"))
        for mount in ("", "unified") if not controllers else (controllers, "cpu"):
            if controllers and "cpu" not in controllers.split(","):
                continue
            for group in (own, *own.parents):
                least = min(least, _granted(root / "sys/fs/cgroup" / mount / group))
    return least


def _granted(group: Path) -> float:
    """Return the cores that one group grants; very many where it sets no limit or is not there."""
    quota, _, period = _text(group / "cpu.max").strip().partition(" ")
    if not period:
        quota = _text(group / "cpu.cfs_quota_us").strip()
        period = _text(group / "cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit() and int(quota) and int(period):
        return int(quota) / int(period)
    return UNLIMITED  # "max", or -1


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError:
        return ""


def idle(seconds: float = LOOK, root: Path = Path("/")) -> float | None:
    """Return how much of the cores that this process may use nobody uses; None where none tells.

    Args:
        seconds: How long to look, where the system counts the time of each core.
        root: Where the system's files are.
    """
    mine = affinity()
    before = _times(root)
    if not before:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        return None if load is None else max(0.0, len(mine) - load)
    time.sleep(seconds)
    after = _times(root)
    left = 0.0
    for core in before.keys() & after.keys() & {*mine}:
        unused, whole = (new - old for old, new in zip(before[core], after[core], strict=True))
        left += unused / whole if whole > 0 else 0.0
    return left


def _times(root: Path) -> Mapping[int, tuple[int, int]]:
    """Return of each core how long it was not used, and how long it was there, in ticks."""
    times = {}
    for line in _text(root / "proc/stat").splitlines():
        name, *fields = line.split() or [""]
        if name[:3] == "cpu" and name[3:].isdigit() and len(fields) >= 5:
            ticks = [int(field) for field in fields[:8]]  # guests' time is part of the user's
            times[int(name[3:])] = (ticks[3] + ticks[4], sum(ticks))
    return times
