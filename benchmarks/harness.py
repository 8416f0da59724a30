"""What every benchmark shares: goals, measured commands, the table, the last line, the results.

A benchmark is a script with a list of jobs. Each job measures something and returns its goals, with
whatever else is worth keeping. ``main`` runs the jobs asked for and prints a table and, as the last
line, one JSON object; a whole campaign is also kept in ``results/<benchmark>.json``. One that takes
hours may be run in pieces: ``--keep`` puts the goals of ``--only`` in the place of theirs there.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


class Goal(NamedTuple):
    """A figure and what it must be.

    Attributes:
        goal: Its id, such as ``core.help``.
        figure: What was measured; None where it could not be.
        must: What it must be, in words.
        holds: Whether it is.
    """

    goal: str
    figure: float | None
    must: str
    holds: bool


Measured = tuple[list[Goal], Mapping[str, Any]]
"""Goals, and what else to keep of them."""


class Job(NamedTuple):
    """A measurement.

    Attributes:
        goals: The ids of the goals that it gives.
        measure: Returns the goals, and what else to keep of them; or yields them again and again,
            each time for more of what takes long.
        short: Whether it belongs to the short campaign; else to the full one.
    """

    goals: tuple[str, ...]
    measure: Callable[[], Measured | Iterator[Measured]]
    short: bool = False


class Skip(Exception):
    """Says why a job of the short campaign cannot run here."""


class Finished(NamedTuple):
    """A command that has ended well.

    Attributes:
        seconds: How long it took.
        cpu_seconds: The processor time of it and of its children.
        peak_mib: The most memory that one of its processes held at once.
        output: What it printed, errors included.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


class Running:
    """A command in a process of its own, on one thread.

    Args:
        command: The words.
        folder: Where it runs.
        environment: Variables beside this process's own.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._words = [str(word) for word in command]
        self._output = TemporaryFile()  # noqa: SIM115 - read and closed when the command ends
        self._begin = time.perf_counter()
        self._process = subprocess.Popen(
            self._words,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def kill(self) -> None:
        """Kill it, as a machine that goes down does."""
        self._process.kill()

    def finish(self) -> Finished:
        """Wait for its end.

        Raises:
            RuntimeError: It has failed; the message holds the end of what it printed.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.perf_counter() - self._begin
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._output.seek(0)
        output = self._output.read().decode("utf-8", "replace")
        self._output.close()
        if self._process.returncode:
            raise RuntimeError(
                f"{shlex.join(self._words)} ended with {self._process.returncode}:\n"
                f"{output[-2000:]}"
            )
        return Finished(
            seconds,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / (1024 if sys.platform == "linux" else 2**20),
            output,
        )


def run(
    command: Sequence[str | Path],
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Finished:
    """Run a command to its end; see ``Running``."""
    return Running(command, folder, environment).finish()


def script(name: str) -> Path:
    """Return a console script of the environment that runs this."""
    return Path(sys.executable).parent / name


def real_data() -> Path:
    """Return the folder of real data sets.

    Raises:
        Skip: There is none.
    """
    folder = Path(os.environ.get("TORCHEDU_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        raise Skip("TORCHEDU_DATA names no folder of real data sets")
    return folder


def main(benchmark: str, jobs: Sequence[Job], about: str) -> int:
    """Run a benchmark's jobs as the command line asks.

    Args:
        benchmark: Its name, that of its script.
        jobs: All its jobs.
        about: What it measures, for ``--help``.

    Returns:
        The exit code: 0 if every goal holds, else 1.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--short", action="store_true", help="smaller goals of its own, in minutes")
    parser.add_argument("--only", nargs="+", metavar="GOAL", help="these goals alone")
    parser.add_argument("--keep", action="store_true", help="keep those of --only in results too")
    given = parser.parse_args()
    mine = [job for job in jobs if job.short == given.short]
    known = [goal for job in mine for goal in job.goals]
    wanted = given.only or known
    for goal in wanted:
        if goal not in known:
            parser.error(f"no goal {goal!r}; there are: {', '.join(known)}")

    # Told first: the tree may change while a long campaign runs.
    campaign = {
        "benchmark": benchmark,
        "commit": commit(),
        "command": shlex.join(["python", f"benchmarks/{benchmark}.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    begin = time.perf_counter()
    goals: list[Goal] = []
    raw: dict[str, Any] = {}
    keeps = not given.short and (given.keep or not given.only)
    file = RESULTS / f"{benchmark}.json"
    past = json.loads(file.read_text("utf-8")) if given.keep and file.is_file() else {}
    for job in mine:
        if not set(job.goals) & set(wanted):
            continue
        print(f"measuring {', '.join(job.goals)} ...", flush=True)
        before = [*goals]
        for found, kept in _measured(job, given.short):  # what is stopped keeps what it has
            goals = [*before, *(goal for goal in found if goal.goal in wanted)]
            names = job.goals if len(job.goals) == 1 else job.goals[:1]
            raw.update(dict.fromkeys(names, kept))
            if keeps:
                campaign["seconds"] = round(time.perf_counter() - begin)
                now = {**campaign, "goals": [goal._asdict() for goal in goals], "raw": raw}
                _keep(benchmark, _beside(past, now))
    _print_table(goals, time.perf_counter() - begin)
    told = [goal._asdict() for goal in goals]
    print(json.dumps({"benchmark": benchmark, "goals": told}, ensure_ascii=False))
    return 0 if goals and all(goal.holds for goal in goals) else 1


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores that may be used, memory, versions."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    affinity = getattr(os, "sched_getaffinity", None)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """Return the commit that is measured, with ``-dirty`` where tracked files differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results")
    return (git("rev-parse", "--verify", "--quiet", "HEAD") or "none") + "-dirty" * bool(changed)


def _beside(past: dict[str, Any], campaign: dict[str, Any]) -> dict[str, Any]:
    """Return a campaign with what it did not measure of the one before, if any.

    Each goal that an earlier one measured says so under ``earlier``, which holds its commit.
    """
    mine = {goal["goal"] for goal in campaign["goals"]}
    others = [goal for goal in past.get("goals", ()) if goal["goal"] not in mine]
    if not others:
        return campaign
    names = ("commit", "command", "date", "machine", "seconds")
    own = {name: past[name] for name in names}
    earlier = {goal["goal"]: past.get("earlier", {}).get(goal["goal"], own) for goal in others}
    goals, raw = [*others, *campaign["goals"]], {**past["raw"], **campaign["raw"]}
    return {**campaign, "goals": goals, "raw": raw, "earlier": earlier}


def _keep(benchmark: str, campaign: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(campaign, indent=1, ensure_ascii=False)
    part = RESULTS / f".{benchmark}.json"
    part.write_text(text + "\n", "utf-8")
    part.replace(RESULTS / f"{benchmark}.json")


def _measured(job: Job, short: bool) -> Iterator[Measured]:
    """Do a job; one that fails fails its goals and lets the others run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        measured = job.measure()
        for goals, kept in [measured] if isinstance(measured, tuple) else measured:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            yield goals, {**kept, "cpu_seconds": round(cpu, 1)}
    except Skip as reason:
        print(f"  skipped: {reason}", flush=True)
        lost = (
            [] if short else [Goal(goal, None, f"skipped: {reason}", False) for goal in job.goals]
        )
        yield lost, {"skipped": str(reason)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs still run
        traceback.print_exc()
        told = f"failed: {type(error).__name__}"
        yield [Goal(goal, None, told, False) for goal in job.goals], {"failed": told}


def _print_table(goals: Sequence[Goal], seconds: float) -> None:
    rows = [("goal", "figure", "must", "")]
    for goal in goals:
        figure = "-" if goal.figure is None else f"{goal.figure:.4g}"
        rows.append((goal.goal, figure, goal.must, "holds" if goal.holds else "FAILS"))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    print()
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
    print(f"in {seconds / 60:.1f} minutes\n", flush=True)
