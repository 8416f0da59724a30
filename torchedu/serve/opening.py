"""Runs opened for a service, each with what its task can do there."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchedu.domains import Domain, Recommendation, Risk, Tracing
from torchedu.engine.engine import engine_of
from torchedu.engine.opening import open_task
from torchedu.errors import ConfigError
from torchedu.schema import SKILL
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


Kind = type[Domain]
"""A task that a service knows."""


def named(runs: Sequence[str | Path]) -> dict[str, str]:
    """Return where runs stand, each by the name of its folder (or file).

    Args:
        runs: Runs' folders, checkpoints or exports.

    Raises:
        ConfigError: Two have one name.
    """
    places: dict[str, str] = {}
    for run in runs:
        path = Path(run).absolute()
        if path.name in places:
            raise ConfigError(
                f"⟦runs⟧ names two runs that are called {path.name!r}.",
                "A service calls a run by the name of its folder: rename it.",
            )
        places[path.name] = str(path)
    return places


def open_runs(places: Mapping[str, str]) -> dict[str, Domain]:
    """Open the tasks of runs.

    Args:
        places: Where they stand, by what they are called; see ``named``.

    Raises:
        ConfigError: A task cannot be served.
        CheckpointError: A run cannot be opened.
    """
    opened = {name: open_task(path) for name, path in places.items()}
    for name, domain in opened.items():
        kind_of(domain, places[name])
    return opened


def kind_of(domain: Domain, path: str) -> Kind:
    """Return which of the tasks that a service knows a task is.

    Args:
        domain: The task.
        path: Where it stands.

    Raises:
        ConfigError: It is none of them.
    """
    known: list[Kind] = [*FOLLOWERS, *VERBS]
    for kind in known:
        if isinstance(domain, kind):
            return kind
    raise ConfigError(
        f"the run {path} is of the task {type(domain).__name__}, which a service does not know.",
        f"It serves {', '.join(kind.__name__ for kind in known)}.",
    )


def check_alone(opened: Mapping[str, Domain], shards: int) -> None:
    """Refuse runs that compare students with each other, who stand in different shards.

    Args:
        opened: The tasks of the runs.
        shards: How many there are.

    Raises:
        ConfigError: A run does.
    """
    for name, domain in opened.items() if shards > 1 else ():
        if isinstance(domain, Risk):
            raise ConfigError(
                f"⟦shards⟧ is {shards}, and the run {name} compares the students of a course, who "
                "stand in different shards.",
                "Serve it by a service of its own, of one shard.",
            )


def requirements(opened: Mapping[str, Domain], path: str | None) -> dict[str, dict[str, Any]]:
    """Return what skills require, as an argument of the followers of runs, by the runs' names.

    Args:
        opened: The tasks of the runs.
        path: A CSV file of pairs of skills, ``skill`` and ``requires``; none where it is None.

    Raises:
        DataError: It is no such file, or names a skill that a network does not know.
    """
    given: dict[str, dict[str, Any]] = {name: {} for name in opened}
    for name, domain in opened.items() if path is not None else ():
        if isinstance(domain, Tracing) and domain.companions is not None:
            # It reads tables by pyarrow, which a service without prerequisites need not load.
            from torchedu.datasets.importers.reading.prerequisites import read_prerequisites

            skills, requires = domain.companions.vocabulary[SKILL], dict[str, list[str]]()
            for skill, needed in read_prerequisites(str(path), skills, "skill").pairs.tolist():
                requires.setdefault(skills.name(skill), []).append(skills.name(needed))
            given[name] = {"requires": requires}
    return given


def follow(
    opened: Mapping[str, Domain], log: EventLog, more: Mapping[str, Mapping[str, Any]]
) -> list[Follower]:
    """Return what follows a log for those runs that do, each with further arguments of its own."""
    return [
        FOLLOWERS[kind](name, engine_of(domain), log, **more[name])
        for name, domain in opened.items()
        if (kind := kind_of(domain, name)) in FOLLOWERS
    ]
