"""What this machine has and its system can do, asked in one place: not every system can say."""

import multiprocessing
import os
from collections.abc import Sequence


def affinity() -> Sequence[int]:
    """Return the cores that this process may run on, by their numbers; all where none are set."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def memory() -> int:
    """Return the bytes of memory of this machine; what no machine has where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**62


def forks() -> bool:
    """Say whether a process that has imported and computed may go on as two.

    Where Python itself starts processes anew (``spawn`` on Windows, which has no forks, and on
    macOS, whose own libraries start threads that do not survive one), a fork would be lost in the
    middle of its work.
    """
    return multiprocessing.get_all_start_methods()[0] != "spawn"
