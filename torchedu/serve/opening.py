"""Runs opened for a service, each with what its task can do there."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchedu.engine import (
    Engine,
    RecommendationEngine,
    RiskEngine,
    TracingEngine,
    open_engine,
)
from torchedu.errors import ConfigError
from torchedu.serve.follower import Follower
from torchedu.serve.log import EventLog
from torchedu.serve.recommendation import RecommendationFollower
from torchedu.serve.risk import RiskFollower
from torchedu.serve.tracing import TracingFollower

FOLLOWERS: dict[Any, Callable[..., Follower]] = {
    TracingEngine: TracingFollower,
    RiskEngine: RiskFollower,
    RecommendationEngine: RecommendationFollower,
}
"""What follows the log, by the engine of its run."""


def open_runs(runs: Sequence[str | Path]) -> dict[str, Engine[Any]]:
    """Open runs, and name each by its folder (or file).

    Args:
        runs: Runs' folders, checkpoints or exports.

    Raises:
        ConfigError: Two have one name, or a task cannot be served.
        CheckpointError: A run cannot be opened.
    """
    opened: dict[str, Engine[Any]] = {}
    for run in runs:
        name = Path(run).absolute().name
        if name in opened:
            raise ConfigError(
                f"⟦runs⟧ names two runs that are called {name!r}.",
                "A service calls a run by the name of its folder: rename it.",
            )
        engine = open_engine(run)
        if type(engine) not in FOLLOWERS:
            tasks = ", ".join(kind.serves.__name__ for kind in FOLLOWERS)
            raise ConfigError(
                f"the run {run} is of the task {type(engine.domain).__name__}, which a service "
                "cannot follow.",
                f"It serves {tasks}.",
            )
        opened[name] = engine
    return opened


def follow(opened: Mapping[str, Engine[Any]], log: EventLog) -> list[Follower]:
    """Return what follows a log for each run."""
    return [FOLLOWERS[type(engine)](name, engine, log) for name, engine in opened.items()]
