"""Logs of all ranks, gathered as they grow, and one line of how far the job is."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from torchedu.job_status import JobStatus
from torchedu.launch.launcher import LOGS, Started, State

LOOK = 1.0
"""Seconds between two looks at the logs."""
_RANK = re.compile(r"rank-(\d+)\.log$")
_MARKED = re.compile(r"^\[rank (\d+)\] ?")


class Gathered:
    """The logs of a job's ranks as one text: what several say is printed once.

    Args:
        job: The folder of the job, whose logs may come later; what they hold already is past.
    """

    def __init__(self, job: Path) -> None:
        self._folder = job / LOGS
        self._read = {file: file.stat().st_size for file in self._folder.glob("*.log")}
        self._said: dict[str, int] = {}

    def lines(self) -> Iterator[str]:
        """Yield the whole lines that have come since the last call, with the rank of each."""
        for file in sorted(self._folder.glob("*.log"), key=_order):
            with file.open("rb") as log:
                log.seek(self._read.get(file, 0))
                text = log.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read[file] = self._read.get(file, 0) + len(whole)
            named = _RANK.search(file.name)
            for line in whole.decode("utf-8", "replace").splitlines():
                marked = _MARKED.match(line)
                rank = named or marked
                said = line[marked.end() :] if marked and not named else line
                if said.strip() and self._is_new(said, int(rank[1]) if rank else -1):
                    yield f"[rank {rank[1]}] {said}" if rank else said

    def _is_new(self, line: str, rank: int) -> bool:
        """Say whether no other rank said so before."""
        first = self._said.setdefault(line, rank)
        if len(self._said) > 100_000:
            self._said.clear()
        return first == rank


def _order(file: Path) -> tuple[int, str]:
    named = _RANK.search(file.name)
    return (int(named[1]) if named else -1, file.name)


def follow(
    started: Started,
    folder: Path,
    gathered: Gathered,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> int:
    """Print what a job's ranks say until it ends.

    Args:
        started: The job.
        folder: Its folder.
        gathered: Its logs, as they stood before it was started.
        say: Prints a line of a log.
        show: Shows how far it is, in the place of what it showed before.

    Returns:
        Its exit code.
    """
    while True:
        state = started.state()  # before the logs: what it said last is read after its end
        for line in gathered.lines():
            say(line)
        show(standing(started.name, state, JobStatus.read(folder / JobStatus.FILE)))
        if state.code is not None:
            return state.code
        time.sleep(LOOK)


def standing(name: str, state: State, status: JobStatus | None) -> str:
    """Return one line of how a job stands and how far it is."""
    return f"{name}: {state.said}" + (f" | {status}" if status else "")
