"""A search from its words to its report."""

from collections.abc import Callable
from pathlib import Path

from torchedu.errors import TrainingError
from torchedu.ranges import COUNT, NOT_NEGATIVE, check_range
from torchedu.tune.check import checked, ranks_of
from torchedu.tune.final import Final, ended
from torchedu.tune.forks import in_process
from torchedu.tune.results import RUNNING, Standing, front_of, none_whole, standing
from torchedu.tune.space import Space
from torchedu.tune.study import Asked, Study
from torchedu.tune.workers import work, work_in_processes

Show = Callable[[Standing], None]


def search(
    asked: Asked,
    folder: Path,
    trials: int,
    workers: int = 1,
    storage: str = "",
    seeds: int = 3,
    earlier: Path | None = None,
    show: Show = lambda now: None,
) -> tuple[Standing, Final]:
    """Search, or go on with a search, and score, train and report what is best.

    Args:
        asked: What is asked for.
        folder: The study's folder.
        trials: Trials of the whole study.
        workers: Processes that work on it here.
        storage: Where its trials are kept; see ``Study``.
        seeds: How many seeds the best one is trained anew by.
        earlier: The folder of a study whose front is tried first, after the recipe's own values.
        show: Called with how the study stands, again and again.

    Returns:
        How it stands, and what it ended in.

    Raises:
        ConfigError: Something is wrong, which is told before any trial starts.
        TrainingError: No trial came to its end.
    """
    for name, value, allowed in (
        ("trials", trials, COUNT), ("workers", workers, COUNT), ("seeds", seeds, NOT_NEGATIVE),
        ("first_rung", asked.first_rung, COUNT),
    ):  # fmt: skip
        check_range(name, value, allowed)
    space = Space.parse(asked.space)
    past = [] if earlier is None else front_of(earlier, space)
    ranks = ranks_of(asked)
    # Where more processes are to be forked, all work is theirs: threads do not survive a fork.
    apart = workers > 1 or ranks > 1
    known = in_process(checked, asked, space) if apart else checked(asked, space)
    study = Study(folder, asked, known.goals, storage, known.most)
    study.offer([known.recipe, *past])

    def look() -> None:
        show(standing(study))

    if apart:
        work_in_processes(study, space, trials, workers, ranks, look)
    else:
        work(study, space, trials, show=look)
    now = standing(study)
    if now.best is None:
        raise none_whole(now)
    if now.count(RUNNING):
        raise TrainingError(
            f"{now.count(RUNNING)} trials of ⟦study⟧ {folder} were stopped, and are saved.",
            "The same words go on with them.",
        )
    return now, in_process(ended, study, seeds) if apart else ended(study, seeds)
