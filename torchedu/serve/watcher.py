"""Processes that are forked, watched, and started again when they die."""

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from torchedu.threads import share

AT_LEAST = 1.0
"""Seconds after which a process that fails has not failed as it began."""
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
TIMES = 5
"""Processes in a row that fail as they begin, after which the service ends."""


class Watcher:
    """Starts processes, and starts them again when they die.

    Args:
        last: Begins the names of those that end after the others.
        processes: How many of them compute.
    """

    def __init__(self, last: str, processes: int) -> None:
        self._last, self._processes = last, processes
        self._jobs: dict[str, Callable[[], None]] = {}
        self._running: dict[int, tuple[str, float]] = {}
        self.parent_gone, self._alive = socket.socketpair()  # the first reads its end when we die
        # Waited for in one place; a signal that comes while a process is forked is not lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        gc.freeze()  # what is shared by the forks stays shared

    def start(self, name: str, job: Callable[[], None]) -> None:
        """Run a job in a process of its own."""
        self._jobs[name] = job
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if not process:
            self._run(job)
        self._running[process] = name, time.monotonic()

    def _run(self, job: Callable[[], None]) -> NoReturn:
        code = 1
        try:
            self._alive.close()
            share(self._processes)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            job()
            code = 0
        except BaseException:  # noqa: BLE001 - a fork never returns to its parent's code
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def watch(self) -> int:
        """Watch until it is time to end, then end everything in order; return the exit code."""
        short = 0
        while short < TIMES:
            if signal.sigwait(WATCHED) != signal.SIGCHLD:
                break
            for name, failed_soon in self._died():
                short = short + 1 if failed_soon else 0
                self.start(name, self._jobs[name])
        self._stop(lambda name: not name.startswith(self._last))
        self._stop(lambda name: True)
        if short == TIMES:
            print("The processes of the service die as soon as they start.", file=sys.stderr)
        return int(short == TIMES)

    def _died(self) -> list[tuple[str, bool]]:
        """Return the names of processes that have ended, and whether they failed as they began."""
        waited = [os.waitpid(process, os.WNOHANG) for process in self._running]
        died = []
        for process, status in waited:
            if process:
                name, began = self._running.pop(process)
                soon = time.monotonic() - began < AT_LEAST
                died.append((name, soon and os.WIFEXITED(status)))  # not: killed by somebody
        return died

    def _stop(self, which: Callable[[str], bool]) -> None:
        """Tell processes to end, and wait until they have."""
        some = [process for process, (name, _) in self._running.items() if which(name)]
        for process in some:
            os.kill(process, signal.SIGTERM)
        for process in some:
            os.waitpid(process, 0)
            del self._running[process]
