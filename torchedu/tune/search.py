"""A search from its words to its report."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from torchedu.errors import ConfigError, TrainingError, allowed
from torchedu.ranges import COUNT, NOT_NEGATIVE, check_range
from torchedu.ray_address import cluster
from torchedu.tune.check import checked, devices_of
from torchedu.tune.final import Final, ended
from torchedu.tune.forks import in_process
from torchedu.tune.results import RUNNING, Standing, front_of, none_whole, standing
from torchedu.tune.space import Space
from torchedu.tune.study import Asked, Study
from torchedu.tune.workers import work, work_in_processes

Show = Callable[[Standing], None]
ENGINES = ("optuna", "ray")
"""What runs trials: processes of this host, or Ray Tune on a cluster."""


def search(
    asked: Asked,
    folder: Path,
    trials: int,
    workers: int | None = None,
    storage: str = "",
    seeds: int = 3,
    earlier: Path | None = None,
    engine: str = "optuna",
    show: Show = lambda now: None,
) -> tuple[Standing, Final]:
    """Search, or go on with a search, and score, train and report what is best.

    Args:
        asked: What is asked for.
        folder: The study's folder.
        trials: Trials of the whole study.
        workers: Processes that work on it here, or on a cluster: 1, or there as many as there is
            room for, where it is None.
        storage: Where its trials are kept; see ``Study``.
        seeds: How many seeds the best one is trained anew by.
        earlier: The folder of a study whose front is tried first, after the recipe's own values.
        engine: One of ``ENGINES``.
        show: Called with how the study stands, again and again.

    Returns:
        How it stands, and what it ended in.

    Raises:
        ConfigError: Something is wrong, which is told before any trial starts.
        TrainingError: No trial came to its end.
    """
    here = 1 if workers is None else workers
    for name, value, values in (
        ("trials", trials, COUNT), ("workers", here, COUNT), ("seeds", seeds, NOT_NEGATIVE),
        ("first_rung", 1 if asked.first_rung is None else asked.first_rung, COUNT),
    ):  # fmt: skip
        check_range(name, value, values)
    if engine not in ENGINES:
        raise ConfigError(f"⟦engine⟧ is {engine!r}.", allowed(engine, ENGINES))
    space = Space.parse(asked.space)
    past = [] if earlier is None else front_of(earlier, space)
    devices = devices_of(asked, alone=engine == "optuna" and here == 1)
    # Where more processes are to be forked, all work is theirs: threads do not survive a fork.
    apart = engine == "optuna" and (here > 1 or devices.ranks > 1)
    with ExitStack() as stack:
        if engine == "ray":
            stack.enter_context(cluster())
        known = in_process(checked, asked, space) if apart else checked(asked, space)
        study = Study(folder, asked, known.goals, storage, known.most)
        study.offer(known.recipe, past)

        def look() -> None:
            show(standing(study))

        if engine == "ray":
            from torchedu.tune.on_ray import work_on_ray

            work_on_ray(study, space, trials, workers, devices, look)
        elif apart:
            work_in_processes(study, space, trials, here, devices.ranks, look)
        else:
            work(study, space, trials, show=look)
    now = standing(study)
    show(now)
    if now.count(RUNNING):
        raise TrainingError(
            f"{now.count(RUNNING)} trials of ⟦study⟧ {folder} were stopped, and are saved.",
            "The same words go on with them.",
        )
    if now.best is None:
        raise none_whole(now)
    return now, in_process(ended, study, seeds) if apart else ended(study, seeds)
