"""Two starts of one run at once: on one host, and on two that are namespaces of this one."""

import ctypes
import os
import platform
import random
import signal
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import survive_runs as runs
from harness import Skip

from torchedu.testing.launch import LaunchServer

NEW_MOUNTS, NEW_NAME, NEW_PROCESSES = 0x00020000, 0x04000000, 0x20000000
PRIVATE = 1 << 18 | 1 << 14
LENGTH = ["--trainer.max_epochs", "40", "--early_stopping.patience", "40"]
CASES = ("at once", "later", "first is killed", "first stands still")


def lock(number: int) -> tuple[list[str], Any]:
    """Start a run twice, and look whether two ever write.

    Args:
        number: Double starts, half of them as from two hosts.

    Returns:
        What went wrong, and what else to keep.
    """
    if os.geteuid() != 0 or sys.platform != "linux":
        raise Skip("namespaces take the rights of root, on Linux")
    problems: list[str] = []
    outcomes: Counter[str] = Counter()
    wanted = random.Random("lock")
    with TemporaryDirectory(prefix="torchedu-resume-") as home, runs.server() as launches:
        store = runs.small_class(Path(home))
        whole = Path(home) / "whole"
        codes = runs.fit(launches, store, whole, more=LENGTH).launch.wait(300)
        if any(codes):
            return [f"the undisturbed run ended with {codes}"], {}
        expected = (whole / "metrics.csv").read_bytes()
        for i in range(number):
            two_hosts = bool(i % 2)
            case = CASES[i // 2 % (4 if i < 16 else 2)]  # standing still takes a minute each
            run = Path(home) / f"run {i}"
            name = f"{i}: {'two hosts' if two_hosts else 'one host'}, {case}"
            told = _twice(launches, store, run, two_hosts, case, wanted)
            outcomes[f"{'two hosts' if two_hosts else 'one host'}, {case}: {told[0]}"] += 1
            problems += [f"{name}: {problem}" for problem in told[1]]
            # A run that was stopped goes on to its end: its log is that of one writer.
            codes = runs.fit(launches, store, run, more=LENGTH).launch.wait(300)
            if any(codes) or (run / "metrics.csv").read_bytes() != expected:
                problems.append(f"{name}: the log is not that of one writer ({codes})")
    return problems, {"outcomes": dict(outcomes)}


def _twice(
    launches: LaunchServer,
    store: Path,
    run: Path,
    two_hosts: bool,
    case: str,
    wanted: random.Random,
) -> tuple[str, list[str]]:
    problems: list[str] = []
    first = _start(launches, store, run, "first" if two_hosts else None)
    if case != "at once":
        first.reach(3)
        time.sleep(wanted.uniform(0, 0.5))
    if case == "first is killed":
        first.launch.kill(signal.SIGKILL, tree=True)
        first.launch.wait(60)
    if case == "first stands still":
        first.launch.kill(signal.SIGSTOP, tree=True)
    second = _start(launches, store, run, "second" if two_hosts else None)
    if case == "first stands still" and two_hosts:
        second.reach(1)
        first.launch.kill(signal.SIGCONT, tree=True)
    codes = {"second": second.launch.wait(300)}
    if case == "first stands still" and not two_hosts:
        first.launch.kill(signal.SIGCONT, tree=True)
    codes["first"] = first.launch.wait(300) if case != "first is killed" else [-9]
    ends = {name: code[0] for name, code in codes.items()}
    # As many may write: one after the other where the first is gone or gave way, else one.
    spans = [_span(start) for start in (first, second)]
    both = [span for span in spans if span]
    if len(both) == 2 and case in ("at once", "later") and sorted(ends.values()) != [0, 0]:
        problems.append(f"two trained: {ends}")
    if case != "first stands still" and len(both) == 2 and _overlap(*both):
        problems.append(f"two wrote at once: {spans}")
    allowed = {
        "at once": (
            {"first": 0, "second": 2},
            {"first": 2, "second": 0},
            {"first": 0, "second": 0},
        ),
        "later": ({"first": 0, "second": 2}, {"first": 0, "second": 0}),
        "first is killed": ({"first": -9, "second": 0},),
        # One that stands still on this host is alive; one elsewhere is gone after three renewals.
        "first stands still": (
            ({"first": 70, "second": 0},) if two_hosts else ({"first": 0, "second": 2},)
        ),
    }[case]
    if ends not in allowed:
        output = {"first": first.launch.output()[-300:], "second": second.launch.output()[-300:]}
        problems.append(f"ended with {ends}: {output}")
    for name, start in (("first", first), ("second", second)):
        said = start.launch.output().strip().splitlines()
        if ends[name] == 2 and "is being written by" not in "".join(said[-2:-1]):
            problems.append(f"{name} was refused for something else: {said[-3:]}")
    return str(ends), problems


def _span(start: runs.Start) -> tuple[float, float] | None:
    times = [line["time"] for line in start.lines() if line["place"] == "trains"]
    return (times[0], times[-1]) if times else None


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _start(launches: LaunchServer, store: Path, run: Path, host: str | None) -> runs.Start:
    folder = Path(mkdtemp(prefix=f"{run.name} start ", dir=store.parent))
    words = runs.words(store, run, folder, more=LENGTH)
    launch = launches.start(command_on, words, host, folder=folder)
    return runs.Start(launch, folder)


def command_on(words: list[str], host: str | None) -> None:
    """Be the command line, as on a host of that name with processes of its own."""
    if host is None:
        runs.command(words)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS | NEW_NAME | NEW_PROCESSES):
        raise OSError(ctypes.get_errno(), "no namespaces here")
    socket.sethostname(str(host))
    child = os.fork()
    if child:  # the first process of the new numbering is the command
        signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, number))
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
    libc.mount(b"none", b"/", None, PRIVATE, None)
    libc.mount(b"proc", b"/proc", b"proc", 0, None)
    platform.uname.__globals__["_uname_cache"] = None  # of the server, which had another name
    try:
        runs.command(words)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))
