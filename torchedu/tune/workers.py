"""Processes that work on a study: any number of them, forked from one that has imported all."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import torch

from torchedu.checkpoints import STOPPED
from torchedu.errors import TrainingError
from torchedu.threads import share
from torchedu.tune.forks import INTERRUPTED, forked
from torchedu.tune.space import Space
from torchedu.tune.study import Study
from torchedu.tune.together import attempt_together
from torchedu.tune.trial import attempt

LOOK = 0.5
"""Seconds between two looks at a study."""


def work(
    study: Study,
    space: Space,
    most: int,
    ranks: int = 1,
    show: Callable[[], None] = lambda: None,
    once: bool = False,
) -> int | None:
    """Work on a study until all its trials have ended.

    Where all are begun, it waits for those of other processes: if one of these ends, its trial is
    taken up here.

    Args:
        study: The study.
        space: What is searched.
        most: Trials of the whole study.
        ranks: Processes of a trial.
        show: Called after each trial, and while waiting.
        once: Whether to end after a trial.

    Returns:
        The number of that trial; None where all have ended.
    """
    while True:
        trial = study.claim(most)
        if trial is None:
            if not study.are_others_at_work():
                return None
            time.sleep(LOOK)
            show()
            continue
        try:
            if ranks == 1:
                attempt(study, space, trial)
            else:
                attempt_together(study, space, trial, ranks)
        finally:
            study.let_go(trial.number)
        show()
        if once:
            return trial.number


def work_in_processes(
    study: Study, space: Space, most: int, workers: int, ranks: int, show: Callable[[], None]
) -> None:
    """Let several processes work on a study; one that is killed is replaced.

    Args:
        study: The study, as this process has it.
        space: What is searched.
        most: Trials of the whole study.
        workers: How many processes.
        ranks: Processes of a trial, which are a worker's own.
        show: Called again and again meanwhile.
    """
    children: dict[int, BaseProcess] = {}

    def begin(place: int) -> None:
        children[place] = forked(_worker, study, space, most, workers, ranks, place)

    with ended_with_this(children):
        for place in range(workers):
            begin(place)
        while children:
            time.sleep(LOOK)
            show()
            for place, child in list(children.items()):
                if child.is_alive():
                    continue
                del children[place]
                if child.exitcode is not None and child.exitcode < 0:
                    begin(place)  # killed: its trial is taken up by whoever is free
                elif child.exitcode not in (0, STOPPED, INTERRUPTED):
                    raise TrainingError(
                        f"a worker of the study has failed (exit code {child.exitcode}).",
                        f"What it said stands in {_log(study.folder, child.pid)}.",
                    )


def _worker(study: Study, space: Space, most: int, workers: int, ranks: int, place: int) -> None:
    speak_apart(study.folder)
    gpus = gpus_of(place, ranks)
    if workers > 1 and gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    share(workers * ranks)
    work(Study(*study.parts), space, most, ranks)


def speak_apart(folder: Path) -> None:
    """Let this process write into a file of its own: the terminal is the first process's.

    Args:
        folder: The study's folder.
    """
    log = _log(folder, os.getpid())
    log.parent.mkdir(exist_ok=True)
    with log.open("ab", 0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def gpus_of(place: int, ranks: int) -> Sequence[str]:
    """Return the GPUs that are a worker's own, as far as there are enough for all.

    Args:
        place: Which of the workers it is.
        ranks: How many it needs.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = str(named).split(",") if named else list(map(str, range(torch.cuda.device_count())))
    own = (known[(place * ranks + rank) % len(known)] for rank in range(ranks) if known)
    return tuple(dict.fromkeys(own))


def _log(folder: Path, process: int | None) -> Path:
    return folder / "workers" / f"{process}.txt"


@contextmanager
def ended_with_this(children: Mapping[int, BaseProcess]) -> Iterator[None]:
    """End processes where this one is asked to end; each saves what it has first.

    Args:
        children: The processes, as they are then.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        notice = TrainingError(
            f"Stopped by {name}; trials go on from where they are saved.",
            "To go on: the same words",
        )
        print(notice, file=sys.stderr, flush=True)
        raise SystemExit(STOPPED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.join()
