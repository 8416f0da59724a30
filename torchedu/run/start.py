"""The processes of a run meet in time, or all of them end."""

import atexit
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightning import Trainer
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from lightning.pytorch.strategies import ParallelStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from torch import distributed

from torchedu.errors import ConfigError, TorcheduError, TrainingError

PATIENCE = 150.0
"""Seconds that processes wait for one another where nothing is said: all are gone in three minutes.
"""
APART = 70
"""Exit code of a process whose others did not come (EX_SOFTWARE of sysexits.h)."""
GRACE = 3.0
"""Seconds for which a process that was started by another lets that one speak first."""
LOOK = 0.2
AFTER = 5.0
"""Seconds after which the end of one process is that of all: its peers may first say why."""


@contextmanager
def meeting(trainer: Trainer, seconds: float) -> Iterator[None]:
    """Let the processes of a trainer meet while a block runs; if they do not, end this one.

    Torch waits for them half an hour and more, and where one has ended at its start, for ever. Each
    process watches for itself, and the first one of a machine ends those that it has started.

    Args:
        trainer: What starts further processes, or is one of several.
        seconds: How long to wait.

    Raises:
        ConfigError: It is not above 0.
        TrainingError: The processes cannot be put together.
    """
    if seconds <= 0:
        raise ConfigError(f"⟦start_timeout⟧ is {seconds}.", "It is a number of seconds above 0.")
    if _size(trainer) == 1 or _met():
        yield
        return
    ended = threading.Event()
    threading.Thread(
        target=_watch, args=(trainer, seconds, ended), name="start", daemon=True
    ).start()
    try:
        yield
    except Exception as error:
        if _met() or isinstance(error, TorcheduError):
            raise
        raise _apart(error) from error
    else:
        if _met():
            atexit.register(_part)
    finally:
        ended.set()
        if not _met():
            _end(_started(trainer))


def _part() -> None:
    """Let go of the other processes before this one ends.

    Torch's threads otherwise still let go of tensors while Python ends, and one that then waits for
    Python aborts the process. Where training failed they may wait for a peer, and are left alone.
    """
    if _met():
        distributed.destroy_process_group()


def _met() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _size(trainer: Trainer) -> int:
    """Return how many processes share the work."""
    strategy = trainer.strategy
    if not isinstance(strategy, ParallelStrategy) or strategy.cluster_environment is None:
        return 1  # one process, or another library that puts them together
    return max(trainer.num_devices * trainer.num_nodes, strategy.cluster_environment.world_size())


def _watch(trainer: Trainer, seconds: float, ended: threading.Event) -> None:
    """End all where they have not met in time, or one has ended already; then look after them."""
    follows = int(os.environ.get("LOCAL_RANK") or 0) > 0
    deadline = time.monotonic() + seconds + GRACE * follows
    while not (ended.wait(LOOK) or _met()):
        started = _started(trainer)
        if gone := _gone(started):
            problem = f"{gone[0]} of {_size(trainer)} ended at its start ({gone[1]})."
            _say(problem, "What it said stands above; nothing was trained.", started)
        elif time.monotonic() > deadline:
            place = f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
            _say(
                f"not all of {_size(trainer)} processes met at {place} within {seconds:g} s.",
                "Start as many as are asked for (srun under SLURM), see that each reaches that "
                "address, or wait longer: ⟦start_timeout⟧.",
                started,
            )
    while _met() and (started := _started(trainer)):
        if gone := _gone(started):
            time.sleep(AFTER)
            _say(
                f"{gone[0]} of {_size(trainer)} ended ({gone[1]}); the others cannot go on alone.",
                "What it said stands above; go on from what was saved: ⟦run⟧ FOLDER ⟦resume⟧ auto.",
                started,
            )
        time.sleep(LOOK)


def _gone(started: Sequence["subprocess.Popen[bytes]"]) -> tuple[str, str] | None:
    """Return the first process that has failed, and how."""
    for rank, process in enumerate(started, 1):
        if process.poll():
            return f"rank {rank}", f"exit code {process.returncode}"
    return None


def _say(problem: str, remedy: str, started: Sequence["subprocess.Popen[bytes]"]) -> None:
    _end(started)
    print(TrainingError(problem, remedy), file=sys.stderr, flush=True)
    os._exit(APART)  # what waits in torch hears nothing else


def _started(trainer: Trainer) -> list["subprocess.Popen[bytes]"]:
    """Return the processes that this one has started for the trainer, looked after here alone.

    Lightning's own observer kills this process without a word as soon as it sees one of them end,
    which may be before what ended it, or why, is told.
    """
    for thread in threading.enumerate():
        if isinstance(thread, _ChildProcessObserver):
            thread._child_processes = []
    launcher = trainer.strategy.launcher
    return list(launcher.procs) if isinstance(launcher, _SubprocessScriptLauncher) else []


def _end(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _apart(error: Exception) -> Exception:
    """Return what a user can do where processes cannot be put together."""
    said = str(error)
    place = f"{os.environ.get('MASTER_ADDR', '')}:{os.environ.get('MASTER_PORT', '')}"
    if "EADDRINUSE" in said or "ddress already in use" in said:
        return TrainingError(
            f"the port of {place}, at which the processes meet, is in use.",
            "Name another: MASTER_PORT=29501 torchedu fit ...; or end what uses it.",
        )
    first = said.splitlines()[0][:200] if said else ""
    return TrainingError(
        f"the processes could not be put together ({type(error).__name__}: {first}).",
        "See the variables that name them (MASTER_ADDR, MASTER_PORT, WORLD_SIZE, RANK; SLURM's), "
        "and that each reaches the first.",
    )
