"""Runs opened for a service, each with what its task can do there."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchedu.domains import Domain, Recommendation, Risk, Tracing
from torchedu.engine.engine import engine_of
from torchedu.engine.opening import open_task
from torchedu.errors import ConfigError
from torchedu.serve.follower import Follower
from torchedu.serve.log import EventLog
from torchedu.serve.recommendation import RecommendationFollower
from torchedu.serve.risk import RiskFollower
from torchedu.serve.texts import VERBS
from torchedu.serve.tracing import TracingFollower

FOLLOWERS: dict[Any, Callable[..., Follower]] = {
    Tracing: TracingFollower,
    Risk: RiskFollower,
    Recommendation: RecommendationFollower,
}
"""What follows the log, by the task of its run."""


def open_runs(runs: Sequence[str | Path]) -> dict[str, Domain]:
    """Open the tasks of runs, and name each by its folder (or file).

    Args:
        runs: Runs' folders, checkpoints or exports.

    Raises:
        ConfigError: Two have one name, or a task cannot be served.
        CheckpointError: A run cannot be opened.
    """
    opened: dict[str, Domain] = {}
    for run in runs:
        name = Path(run).absolute().name
        if name in opened:
            raise ConfigError(
                f"⟦runs⟧ names two runs that are called {name!r}.",
                "A service calls a run by the name of its folder: rename it.",
            )
        domain = opened[name] = open_task(run)
        if not isinstance(domain, (*FOLLOWERS, *VERBS)):
            tasks = ", ".join(kind.__name__ for kind in (*FOLLOWERS, *VERBS))
            raise ConfigError(
                f"the run {run} is of the task {type(domain).__name__}, which a service does not "
                "know.",
                f"It serves {tasks}.",
            )
    return opened


def follow(opened: Mapping[str, Domain], log: EventLog) -> list[Follower]:
    """Return what follows a log for those runs that do."""
    return [
        FOLLOWERS[kind](name, engine_of(domain), log)
        for name, domain in opened.items()
        for kind in FOLLOWERS
        if isinstance(domain, kind)
    ]
