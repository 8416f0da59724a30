"""A trial on several ranks of this host, each a process forked from the worker that has it."""

import multiprocessing.connection
import os
import socket
import sys
import time
import traceback
from collections.abc import Sequence

import optuna
from optuna.trial import TrialState

from torchedu.checkpoints import STOPPED
from torchedu.errors import TrainingError
from torchedu.tune.forks import INTERRUPTED, LOOK, end_with, forked
from torchedu.tune.measure import Measure
from torchedu.tune.rungs import Rungs
from torchedu.tune.space import Space
from torchedu.tune.study import Study
from torchedu.tune.trial import attempt, failed, gaps_of_best, trained, trial_words

GRACE = 60.0
"""Seconds that ranks have to end by themselves once one of them has."""


def attempt_together(study: Study, space: Space, trial: optuna.Trial, ranks: int) -> None:
    """Work on a trial by several ranks; see ``tune.trial.attempt``.

    The first rank measures, decides and tells the study; the others follow.

    Args:
        study: The study.
        space: What is searched.
        trial: The trial, which this process has claimed.
        ranks: How many.
    """
    words = trial_words(study, space, trial)  # drawn before the fork: all have the same
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [
        forked(_rank, rank, ranks, port, study, space, trial._trial_id, trial.number, words)
        for rank in range(ranks)
    ]
    left, until = list(children), float("inf")
    try:
        while left:
            multiprocessing.connection.wait([child.sentinel for child in left], LOOK)
            left = [child for child in left if child.is_alive()]
            if len(left) < ranks:
                until = min(until, time.monotonic() + GRACE)
            if time.monotonic() > until:
                break
    finally:
        for child in left:
            child.kill()
        for child in children:
            child.join()
    codes = [0 if child in left else child.exitcode or 0 for child in children]
    for code in (STOPPED, INTERRUPTED):
        if code in codes:  # saved, to go on later
            raise SystemExit(code)
    if study.study._storage.get_trial(trial._trial_id).state == TrialState.RUNNING:
        rank = next((i for i, code in enumerate(codes) if code), 0)
        problem = f"rank {rank} of {ranks} ended (exit code {codes[rank]})."
        failed(study, trial, TrainingError(problem, "What it said stands in the worker's output."))


def _rank(
    rank: int,
    ranks: int,
    port: int,
    study: Study,
    space: Space,
    trial_id: int,
    number: int,
    words: Sequence[str],
) -> None:
    """Be a rank, as torchrun would have started it."""
    end_with(os.getppid())
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0",
        "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "none",
    }  # fmt: skip
    if rank == 0:
        own = Study(*study.parts)
        attempt(own, space, optuna.Trial(own.study, trial_id))
        return
    rungs = Rungs(study.study, study.goals, study.asked.pruner, study.asked.first_rung)
    measure = Measure(study.goals, judges=rungs.judges)
    try:
        gaps_of_best(trained(words, study.run_folder(number), measure), study.goals)
    except Exception:  # noqa: BLE001 - the first rank tells of it, where it is not this one's alone
        traceback.print_exc()
        sys.exit(1)
