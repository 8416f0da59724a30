"""SIGKILL at random moments: while training, while saving, and what is left behind."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import survive_runs as runs
import torch

from torchedu.checkpoints import VerifiedCheckpointIO, newest
from torchedu.metrics_log import metrics_log
from torchedu.testing.launch import LaunchServer

PHASES = ("start-up", "training", "validation", "saving", "evaluation")
GRACE = 5.0
"""Seconds that ranks have to notice that another one was killed, before they are killed too."""
SETTLED = 15.0
"""Seconds after the last kill at which nothing may be left."""


class Kill(NamedTuple):
    """One kill, and what the run had come to."""

    phase: str
    ranks: str
    lost: int
    alone: str


def kills(number: int, settings: list[tuple[int, int]], epochs: int) -> tuple[list[str], Any]:
    """Kill training runs at random, let them go on to their end, and compare.

    Args:
        number: Kills in each setting.
        settings: Numbers of ranks and of loader workers.
        epochs: Epochs of a run.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    done: list[Kill] = []
    wholes: dict[int, runs.End] = {}
    raw: dict[str, Any] = {"seconds_of_a_run": {}, "runs": 0}
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store = runs.small_class(Path(home))
        for ranks, workers in settings:
            name = f"{ranks} ranks, {workers} workers"
            more = ["--trainer.max_epochs", str(epochs)]
            # The second is timed: what the first start alone has to do would push kills too late.
            for reference in (Path(home) / f"{name}, whole", Path(home) / f"{name}, timed"):
                begin = time.monotonic()
                start = runs.fit(launches, store, reference, ranks, workers, more)
                codes = start.launch.wait(300)
                seconds = time.monotonic() - begin
                if any(codes):
                    problems.append(f"{name}: the uninterrupted run ended with {codes}")
            whole = runs.end(reference)
            alike = wholes.setdefault(ranks, whole)
            problems += [
                f"{name}: whatever the workers, {d}" for d in runs.differences(alike, whole)
            ]
            raw["seconds_of_a_run"][name] = round(seconds, 1)
            wanted = random.Random(f"kills {name}")
            left = number
            while left > 0:
                run = Path(home) / f"{name}, {left} left"
                found = _until_it_ends(
                    launches, store, run, ranks, workers, more, wanted, seconds, left, problems
                )
                left -= len(found)
                done += found
                raw["runs"] += 1
                problems += [f"{run.name}: {d}" for d in runs.differences(whole, runs.end(run))]
    never = set(PHASES) - {one.phase for one in done}
    if len(done) >= 20 and never:
        problems.append(f"no kill fell into {', '.join(sorted(never))}")
    raw["kills"] = len(done)
    raw["phases"] = dict(Counter(one.phase for one in done))
    raw["ranks"] = dict(Counter(one.ranks for one in done))
    raw["other_ranks"] = dict(Counter(one.alone for one in done if one.alone))
    raw["steps_lost"] = dict(sorted(Counter(one.lost for one in done).items()))
    return problems, raw


def _until_it_ends(
    launches: LaunchServer,
    store: Path,
    run: Path,
    ranks: int,
    workers: int,
    more: list[str],
    wanted: random.Random,
    seconds: float,
    most: int,
    problems: list[str],
) -> list[Kill]:
    """Start a run, kill it and start it again, until it ends or was killed as often as asked."""
    found: list[Kill] = []
    while True:
        saved = runs.newest_step(run)
        start = runs.fit(launches, store, run, ranks, workers, more)
        to_its_end = len(found) == most
        codes = start.launch.wait(300) if to_its_end else _wait(start, run, wanted, seconds)
        if codes is None:
            found.append(_kill(start, run, wanted.choice([None, *range(ranks)])))
            # While a checkpoint is being written, steps go on until the next one is due.
            if found[-1].lost > 2 * runs.EVERY:
                problems.append(f"{run.name}: {found[-1].lost} steps were lost")
        first = start.steps()[:1]
        if first and first[0] != (saved or 0):
            problems.append(f"{run.name}: went on from step {first[0]}, saved was {saved}")
        if codes is not None:
            if any(codes):
                problems.append(f"{run.name}: ended with {codes}: {start.launch.output()[-500:]}")
            if list(run.rglob("*.part")):
                problems.append(f"{run.name}: half-written files were left")
            return found


def _kill(start: runs.Start, run: Path, rank: int | None) -> Kill:
    """Kill one rank or all, wait for the rest, and say where the run was."""
    start.launch.kill(signal.SIGKILL, rank)
    phase = _phase(start, run)
    codes = start.ended(GRACE)
    if codes is None:
        alone = f"waited in {phase}"
        start.launch.kill(signal.SIGKILL)
        start.launch.wait(60)
    else:
        others = [code for code in codes if code != -signal.SIGKILL]
        alone = f"ended with {others[0]} in {phase}" if others else ""
    steps = start.steps()
    lost = max(steps) - (runs.newest_step(run) or 0) if steps else 0
    return Kill(phase, "all" if rank is None else f"rank {rank}", lost, alone)


def _wait(start: runs.Start, run: Path, wanted: random.Random, seconds: float) -> list[int] | None:
    """Wait for a random time, or from then on for a phase that is short; return codes if it ends.

    Short phases would else be met too seldom.
    """
    phase = wanted.choice((None, None, None, "validation", "saving", "evaluation"))
    codes = start.ended(wanted.uniform(0, 0.6 * seconds))
    while phase and codes is None and _phase(start, run) != phase:
        codes = start.ended(0.002)
    return start.ended(wanted.uniform(0, 0.02)) if phase and codes is None else codes


def _phase(start: runs.Start, run: Path) -> str:
    """Return where a run is, by its diary and its folder."""
    if list(run.glob("checkpoints/.*.part")):
        return "saving"
    places = [line["place"] for line in start.lines()]
    names = {"starts fit": "start-up", "trains": "training", "validates": "validation"}
    return names.get(places[-1], "evaluation") if places else "start-up"


def kills_saving(number: int) -> tuple[list[str], Any]:
    """Kill processes that do nothing but save, and start again where they were.

    Args:
        number: Kills, shared out evenly among waiting and asynchronous saving, and among a TMPDIR
            on the run's file system and on another one.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    wanted = random.Random("kills_saving")
    raw: dict[str, Any] = {"half_written_at_the_kill": 0}
    with (
        TemporaryDirectory(prefix="torchedu-survive-") as home,
        TemporaryDirectory(prefix="torchedu-survive-", dir=_other_system()) as elsewhere,
        runs.server() as launches,
    ):
        here = Path(home) / "tmp"
        here.mkdir()
        raw["same_file_system"] = here.stat().st_dev == Path(elsewhere).stat().st_dev
        if raw["same_file_system"]:
            problems.append("there is no other file system to put TMPDIR on")
        for i in range(number):
            run, asynchronous = Path(home) / f"run {i}", bool(i % 2)
            temporary = Path(elsewhere) if i // 2 % 2 else here
            told = Path(home) / f"told {i}"
            launch = launches.start(
                save_for_ever,
                run,
                asynchronous,
                told,
                environment={"TMPDIR": str(temporary)},
            )
            while not told.exists():
                time.sleep(0.005)
            time.sleep(wanted.uniform(0, 0.4))
            launch.kill(signal.SIGKILL)
            launch.wait(60)
            raw["half_written_at_the_kill"] += bool(list(run.rglob("*.part")))
            problems += [f"kill {i}: {one}" for one in _after(run, told, temporary)]
    return problems, raw


def save_for_ever(run: Path, asynchronous: bool, told: Path) -> None:
    """Save one checkpoint after the other, each a step on, and tell which are on the disk."""
    io = VerifiedCheckpointIO()
    io.asynchronous = asynchronous
    weights = _weights()
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").touch()  # as the command line begins a run
    report = os.open(told, os.O_WRONLY | os.O_CREAT)
    step = 0
    while True:
        step += 1
        content: dict[str, Any] = {
            "epoch": 0,
            "global_step": step,
            "pytorch-lightning_version": "2.6.6",
            "state_dict": {"net.weight": weights + step},
            "loops": {},
            "callbacks": {},
            "optimizer_states": [],
            "lr_schedulers": [],
        }
        # Of three names, as a run has its best, its last and a user's own.
        name = ("last", "best", "mine")[step % 3]
        io.save_checkpoint(content, run / "checkpoints" / f"{name}.ckpt")
        # An asynchronous save waits for the one before, so that one is on the disk now.
        os.pwrite(report, (step - asynchronous).to_bytes(8, "little"), 0)


def _after(run: Path, told: Path, temporary: Path) -> list[str]:
    """Say what is wrong with what a killed writer left, once the next start has swept."""
    problems = []
    step = int.from_bytes(told.read_bytes(), "little")
    log = metrics_log(str(run), step, again=True)
    _ = log.experiment  # whoever begins to write in a run's folder sweeps it
    log.finalize("success")
    stray = [file.name for file in run.rglob("*") if file.suffix not in ("", ".ckpt", ".yaml")]
    stray += [file.name for file in temporary.iterdir()]
    if stray:
        problems.append(f"left behind: {stray}")
    there = newest(run)
    if there is None:
        if step:
            problems.append(f"no checkpoint can be used, and step {step} was reported as saved")
        return problems
    found = int(there.content["global_step"])
    weights = there.content["state_dict"]["net.weight"]
    if found < step:
        problems.append(f"the newest is of step {found}, and step {step} was reported as saved")
    if not torch.equal(weights, _weights() + found):
        problems.append(f"step {found} has other weights than were saved")
    return problems


def _weights() -> torch.Tensor:
    return torch.randn(2**19, generator=torch.Generator().manual_seed(0))


def leaks(number: int) -> tuple[list[str], Any]:
    """Start runs with loader workers, kill them, and look for what they leave on the machine.

    Args:
        number: Runs, on one rank and two in turn.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    wanted = random.Random("leaks")
    groups: set[int] = set()
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        store, temporary = runs.small_class(Path(home)), Path(home) / "tmp"
        temporary.mkdir()
        environment = {"TMPDIR": str(temporary)}
        before = _shared_memory()
        began = 0
        for i in range(number):
            run, ranks = Path(home) / f"run {i}", 1 + i % 2
            start = runs.fit(launches, store, run, ranks, 2, environment=environment)
            groups |= set(start.launch.pids)
            start.ended(wanted.uniform(0.5, 6.0))
            # Their workers are not killed with them, and have to notice.
            start.launch.kill(signal.SIGKILL)
            start.launch.wait(60)
            began += bool(start.steps())
        time.sleep(SETTLED)
        new = sorted(_shared_memory() - before)
        orphans = _in_groups(groups)
        folders = sorted(file.name for file in temporary.iterdir())
    if new:
        problems.append(f"new in /dev/shm: {new}")
    if orphans:
        problems.append(f"{len(orphans)} processes still run after {SETTLED:g} s")
    if began < number // 4:
        problems.append(f"only {began} of {number} runs came to training before they were killed")
    return problems, {
        "runs": number,
        "came_to_training": began,
        "seconds_waited": SETTLED,
        "left_in_tmpdir": folders,
    }


def _other_system() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {file.name for file in folder.iterdir()} if folder.is_dir() else set()


def _in_groups(groups: set[int]) -> list[int]:
    """Return the processes that belong to one of some process groups."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(after_name[2]) in groups and after_name[0] != "Z":
            found.append(int(folder.name))
    return found
