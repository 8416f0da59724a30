"""What goes wrong on machines: told, ended with its exit code, and gone on from."""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import survive_runs as runs
from harness import ROOT

from torchedu.cli import main
from torchedu.datasets import AnswerStore
from torchedu.testing.launch import LaunchServer

MORE = ("--trainer.max_epochs", "4")
AT = 12
"""Step in the middle of an epoch at which faults come."""
FULL = 2**20 * 24
"""Bytes of the disk that becomes full."""
CORRECT = "students/answer.correct.bin"
HUNG = 5.0
"""Seconds after which a rank that comes no further is taken to hang."""


class Fault(NamedTuple):
    """What the runs of this campaign have in common.

    Attributes:
        launches: Starts them.
        home: A folder for them.
        store: What they train on.
        whole: What the uninterrupted run has come to, by number of ranks.
    """

    launches: LaunchServer
    home: Path
    store: Path
    whole: dict[int, runs.End]

    def start(self, run: Path, ranks: int = 1, workers: int = 0, *more: str) -> runs.Start:
        return runs.fit(self.launches, self.store, run, ranks, workers, [*MORE, *more])

    def goes_on(self, run: Path, ranks: int = 1, *more: str) -> list[str]:
        """Start a run again, and say what is not as in the uninterrupted one."""
        start = self.start(run, ranks, 0, *more)
        codes = start.launch.wait(300)
        if any(codes):
            return [f"could not be gone on from: {codes}, {start.launch.output()[-1000:]}"]
        return runs.differences(self.whole[ranks], runs.end(run))


def faults(names: list[str] | None = None) -> tuple[list[str], Any]:
    """Let each fault come to a run in the middle of training.

    Args:
        names: Which faults; all of them where it is None.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    raw: dict[str, Any] = {}
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store, whole = runs.small_class(Path(home)), {}
        for ranks in (1, 2):
            run = Path(home) / f"whole {ranks}"
            runs.fit(launches, store, run, ranks, more=MORE).launch.wait(300)
            whole[ranks] = runs.end(run)
        for name in names or list(KINDS):
            fault = Fault(launches, Path(home), store, whole)
            begin = time.monotonic()
            try:
                found, told = KINDS[name](fault, Path(home) / name)
            except (OSError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
                found, told = [f"{type(error).__name__}: {error}"], ""
            told = told.replace(f"{home}/", "").replace(f"{ROOT}/", "")  # the same on any machine
            raw[name] = {"told": told, "seconds": round(time.monotonic() - begin, 1)}
            problems += [f"{name}: {one}" for one in found]
    return problems, raw


def disk_full(fault: Fault, run: Path) -> tuple[list[str], str]:
    with _disk(run) as inside:
        start = fault.start(inside)
        start.reach(AT)
        before = runs.newest_step(inside)
        filler = run / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**12))
            except OSError:
                pass  # full
        return _went_on(fault, start, inside, "No space left on device", before, filler.unlink)


def read_only(fault: Fault, run: Path) -> tuple[list[str], str]:
    with _disk(run) as inside:
        start = fault.start(inside)
        start.reach(AT)
        before = runs.newest_step(inside)
        # Open files keep it busy for a moment.
        while _remount(run, "ro") and start.ended(0.005) is None:
            pass
        mend = partial(_remount, run, "rw")
        return _went_on(fault, start, inside, "Read-only file system", before, mend)


def _went_on(
    fault: Fault,
    start: runs.Start,
    run: Path,
    cause: str,
    before: int | None,
    mend: Callable[[], object],
) -> tuple[list[str], str]:
    """Check a run whose disk takes no more: training goes on, and the rest is refused."""
    (code,) = start.launch.wait(300)
    said = start.launch.output()
    saved = runs.newest_step(run)
    problems = []
    if code != 2 or "Traceback" in said:
        problems.append(f"ended with {code}: {said[-1000:]}")
    told = _line(said, rf"last\.ckpt was not saved \({cause}\); training goes on")
    if not told:
        problems.append(f"no warning: {said[-1000:]}")
    if max(start.steps()) < len(_all_steps(fault)):
        problems.append(f"training ended at step {max(start.steps())}")
    if saved is None or saved < (before or 0):
        problems.append(f"the newest checkpoint is of step {saved}, and was of step {before}")
    mend()
    return problems + fault.goes_on(run), told


def nan_sample(fault: Fault, run: Path, ranks: int = 1) -> tuple[list[str], str]:
    # A student whose turn comes after the first checkpoint, and whose answers cannot be used.
    student = _all_steps(fault)[runs.EVERY + 2][0]
    damaged = shutil.copytree(fault.store, run.with_name(f"{run.name}.store"))
    _spoil(damaged, student)
    start = fault._replace(store=damaged).start(run, ranks)
    problems, told = _refused(start, ranks, f"student row {student} ", 2)
    if told.count("student row") != 1:
        problems.append(f"others are named too: {told}")
    # The data is another one once it is mended, which a run accepts by name alone.
    unsaid = fault.start(run, ranks)
    refused, said = _refused(unsaid, ranks, "began with other data than now", 2)
    if "--resume_with data" not in unsaid.launch.output():
        refused.append(f"how to go on is not told: {said}")
    return problems + refused + fault.goes_on(run, ranks, "--resume_with", "data"), told


def dead_worker(fault: Fault, run: Path) -> tuple[list[str], str]:
    start = fault.start(run, 1, 2)
    start.reach(AT)
    os.kill(_children(start.launch.pids[0])[-1], signal.SIGKILL)
    problems, told = _refused(start, 1, "a process that builds batches has died", 2)
    return problems + fault.goes_on(run), told


def frozen_rank(fault: Fault, run: Path, rank: int) -> tuple[list[str], str]:
    start = fault.start(run, 2, 0, "--hung_rank.timeout", str(HUNG))
    start.reach(AT)
    start.launch.kill(signal.SIGSTOP, rank)
    begin = time.monotonic()
    codes = start.ended(20 * HUNG)
    seconds = time.monotonic() - begin
    start.launch.kill(signal.SIGKILL)
    expected = [-signal.SIGKILL] * 2
    expected[1 - rank] = 70
    problems = [] if codes == expected else [f"ended with {codes} and not {expected}"]
    if seconds > 2 * HUNG + 2:
        problems.append(f"it took {seconds:.1f} s")
    told = _line(start.launch.output(1 - rank), rf"rank {rank} .*hangs")
    if not told or "--hung_rank.timeout" not in start.launch.output(1 - rank):
        problems.append(f"the rank is not named: {start.launch.output(1 - rank)[-1000:]}")
    return problems + fault.goes_on(run, 2), f"after {seconds:.1f} s: {told}"


def stopped(
    fault: Fault, run: Path, signum: int, ranks: int = 1, rank: int | None = None
) -> tuple[list[str], str]:
    start = fault.start(run, ranks)
    start.reach(AT)
    start.launch.kill(signum, rank)
    codes, said = start.launch.wait(300), start.launch.output()
    problems = []
    if codes != [75] + [0] * (ranks - 1):
        problems.append(f"ended with {codes}: {said[-1000:]}")
    told = _line(said, r"Stopped by .* after step \d+; saved in")
    if not told or "--resume auto" not in said or "Traceback" in said:
        problems.append(f"no message: {said[-1000:]}")
    if runs.newest_step(run) != max(start.steps()):
        problems.append(f"saved {runs.newest_step(run)}, and step {max(start.steps())} was taken")
    return problems + fault.goes_on(run, ranks), told


def out_of_memory(fault: Fault, run: Path) -> tuple[list[str], str]:
    words = ["fit", "--data.path", str(fault.store), "--run", str(run), "--resume", "auto"]
    words += [*runs.SMALL, "--trainer.max_epochs", "1", "--model.net.dim", "800"]
    launch = fault.launches.start(starved, words)
    start = runs.Start(launch, launch.folder)
    problems, told = _refused(start, 1, "training ran out of memory", 2)
    if "--trainer.accumulate_grad_batches" not in launch.output():
        problems.append("what to change is not said")
    again = fault.launches.start(runs.command, words)
    if codes := [code for code in again.wait(300) if code]:
        problems.append(f"could not be started again: {codes}, {again.output()[-1000:]}")
    return problems, told


def starved(words: list[str]) -> None:
    """Be the command line in little more memory than is taken already."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**20 * 60,) * 2)
    sys.exit(main(words))


KINDS: dict[str, Callable[[Fault, Path], tuple[list[str], str]]] = {
    "disk full": disk_full,
    "read-only": read_only,
    "NaN sample": nan_sample,
    "NaN sample of 2 ranks": partial(nan_sample, ranks=2),
    "dead loader worker": dead_worker,
    "frozen rank 0": partial(frozen_rank, rank=0),
    "frozen rank 1": partial(frozen_rank, rank=1),
    "SIGTERM": partial(stopped, signum=signal.SIGTERM),
    "SIGUSR1": partial(stopped, signum=signal.SIGUSR1),
    "SIGTERM to rank 1 of 2": partial(stopped, signum=signal.SIGTERM, ranks=2, rank=1),
    "out of memory": out_of_memory,
}


def _refused(start: runs.Start, ranks: int, cause: str, code: int) -> tuple[list[str], str]:
    """Check that a run ends with a code and two lines, on all ranks alike."""
    codes, problems = start.launch.wait(300), []
    if codes != [code] * ranks:
        problems.append(f"ended with {codes}")
    said = start.launch.output()
    lines = [line for line in said.splitlines() if line.strip()][-2:]
    if "Traceback" in said or cause not in lines[0]:
        problems.append(f"not told in two lines: {said[-1000:]}")
    return problems, lines[0]


def _spoil(store: Path, student: int) -> None:
    """Make a student's first mark a NaN, in a column of shares of marks."""
    opened = AnswerStore(store)
    marks = opened.correct.astype("<f4")
    marks[opened.history_offsets[student]] = np.nan
    (store / CORRECT).write_bytes(marks.tobytes())
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["tables"]["students"]["columns"]["answer.correct"]["dtype"] = "<f4"
    digest = hashlib.sha256(marks.tobytes()).hexdigest()
    manifest["files"][CORRECT] = {"bytes": marks.nbytes, "sha256": digest}
    (store / "manifest.json").write_text(json.dumps(manifest))


def _line(said: str, wanted: str) -> str:
    """Return the first line that says something."""
    return next((line for line in said.splitlines() if re.search(wanted, line)), "")


def _all_steps(fault: Fault) -> list[list[int]]:
    """Return the students of each step of the uninterrupted run."""
    starts = sorted(fault.home.glob("whole 1 start *"))
    lines = runs.Start(None, starts[0]).lines()  # type: ignore[arg-type]
    return [[s for s, _ in line["windows"]] for line in lines if "windows" in line]


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """Give a run's folder on a small disk of its own, which takes the right to mount one."""
    folder.mkdir()
    _do("mount", "-t", "tmpfs", "-o", f"size={FULL}", "torchedu-survive", str(folder))
    try:
        yield folder / "run"
    finally:
        _do("umount", str(folder))


def _remount(folder: Path, how: str) -> int:
    words = ["mount", "-o", f"remount,{how}", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def _do(*words: str) -> None:
    subprocess.run(words, capture_output=True, text=True, check=True)


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started, the oldest first."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
