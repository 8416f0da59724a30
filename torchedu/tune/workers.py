"""Processes that work on a study: any number of them, forked from one that has imported all."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from torchedu.checkpoints import STOPPED
from torchedu.errors import ConfigError, TorcheduError, TrainingError
from torchedu.tune.space import Space
from torchedu.tune.study import Study
from torchedu.tune.trial import attempt

LOOK = 0.5
"""Seconds between two looks at a study."""
INTERRUPTED = 130
"""Exit code of a process that was ended by Ctrl-C, as a shell has it."""


def work(study: Study, space: Space, most: int, show: Callable[[], None] = lambda: None) -> None:
    """Work on a study until all its trials have ended.

    Where all are begun, it waits for those of other processes: if one of these ends, its trial is
    taken up here.

    Args:
        study: The study.
        space: What is searched.
        most: Trials of the whole study.
        show: Called after each trial, and while waiting.
    """
    while True:
        trial = study.claim(most)
        if trial is None:
            if not study.are_others_at_work():
                return
            time.sleep(LOOK)
            show()
            continue
        try:
            attempt(study, space, trial)
        finally:
            study.let_go(trial.number)
        show()


def work_in_processes(
    study: Study, space: Space, most: int, workers: int, show: Callable[[], None]
) -> None:
    """Let several processes work on a study; one that is killed is replaced.

    Args:
        study: The study, as this process has it.
        space: What is searched.
        most: Trials of the whole study.
        workers: How many processes.
        show: Called again and again meanwhile.
    """
    children: list[BaseProcess] = []

    def begin() -> BaseProcess:
        return forked(_worker, study, space, most, workers)

    with _ended_with_this(children):
        children.extend(begin() for _ in range(workers))
        while children:
            time.sleep(LOOK)
            show()
            for child in list(children):
                if child.is_alive():
                    continue
                children.remove(child)
                if child.exitcode is not None and child.exitcode < 0:
                    children.append(begin())  # killed: its trial is taken up by whoever is free
                elif child.exitcode not in (0, STOPPED, INTERRUPTED):
                    raise TrainingError(
                        f"a worker of the study has failed (exit code {child.exitcode}).",
                        f"What it said stands in {_log(study.folder, child.pid)}.",
                    )


def forked(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start a function in a process forked from this one.

    Args:
        function: The function.
        *arguments: What it is called with; nothing is pickled.

    Raises:
        ConfigError: This system cannot fork.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError(
            f"⟦workers⟧ forks processes, which {sys.platform} cannot.",
            "Leave it out; the command may be started several times instead.",
        )
    child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    child.start()
    return child


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a process of its own, so that this one stays fit to fork.

    Args:
        function: The function.
        *arguments: What it is called with.

    Raises:
        TorcheduError: It raised one.
        TrainingError: Its process ended without a word.
    """
    here, there = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        try:
            there.send((True, function(*arguments)))
        except TorcheduError as error:
            there.send((False, (type(error).__name__, error.problem, error.remedy)))

    child = forked(run)
    there.close()
    try:
        right, answer = here.recv()
    except EOFError:
        child.join()
        raise TrainingError(
            f"a process of the search has ended (exit code {child.exitcode}).",
            "What it said stands above.",
        ) from None
    child.join()
    if not right:
        _, problem, remedy = answer
        raise ConfigError(problem, remedy)
    return answer


def _worker(study: Study, space: Space, most: int, workers: int) -> None:
    log = _log(study.folder, os.getpid())
    log.parent.mkdir(exist_ok=True)
    with log.open("ab", 0) as file:  # the terminal is the first process's
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    # A connection to a data base is one process's.
    own = Study(study.folder, study.asked, study.goals, study.storage, study.most)
    work(own, space, most)


def _log(folder: Path, process: int | None) -> Path:
    return folder / "workers" / f"{process}.txt"


@contextmanager
def _ended_with_this(children: list[BaseProcess]) -> Iterator[None]:
    """End processes where this one is asked to end; each saves what it has first."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(STOPPED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        for child in children:
            child.terminate()
        for child in children:
            child.join()
