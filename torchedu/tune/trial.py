"""A trial: the recipe with some of its options changed, trained in a folder of its own."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from torchedu.callbacks import advice
from torchedu.checkpoints import LastCheckpoint
from torchedu.errors import TorcheduError, TrainingError
from torchedu.evaluation.judged import judged
from torchedu.files import write_whole
from torchedu.prediction.stream import predicted
from torchedu.run import Run, RunConfig, build
from torchedu.run.training import best_of
from torchedu.run_folder import RunFolder
from torchedu.tune.measure import Measure, gaps
from torchedu.tune.objectives import Goals
from torchedu.tune.rungs import Rungs
from torchedu.tune.space import Space, words
from torchedu.tune.study import Study

QUIET = ("--trainer.enable_progress_bar=false",)
"""What every trial is told besides: several write to one terminal."""


def trial_words(study: Study, space: Space, trial: optuna.Trial) -> list[str]:
    """Return the words of a trial: the recipe's, and its own values."""
    return [*study.asked.words, *words(space.suggest(trial))]


def on_one_device(config: RunConfig) -> RunConfig:
    """Let a run have one device, where nothing says how many: others are for other trials."""
    if config.config["trainer"]["devices"] == "auto":
        config.config["trainer"]["devices"] = 1
    return config


def trained(given: Sequence[str], folder: Path, measure: Measure) -> Run:
    """Train a trial, or go on with it, and return the run with its best network.

    Args:
        given: Its words.
        folder: The folder of its run.
        measure: What measures it.

    Raises:
        TorcheduError: It cannot be trained.
    """
    own = ["--run", str(folder), "--resume", "auto"]
    run = build(on_one_device(RunConfig([*given, *QUIET, *own])))
    callbacks: list[Any] = run.trainer.callbacks  # type: ignore[attr-defined]
    callbacks.insert(0, measure)  # before the checkpoint that it goes with
    for callback in callbacks:
        if isinstance(callback, LastCheckpoint):
            callback.same_words = True
    return best_of(run)


def attempt(study: Study, space: Space, trial: optuna.Trial) -> None:
    """Work on a trial until it has ended, and tell the study what it came to.

    What is wrong with it is a failed trial, which is named and costs the others nothing.

    Args:
        study: The study.
        space: What is searched.
        trial: The trial, which this process has claimed.
    """
    rungs = Rungs(study.study, study.goals, study.asked.pruner, study.asked.first_rung)
    folder = study.run_folder(trial.number)
    measure = Measure(
        study.goals, lambda step, measured: rungs.keeps(trial, step, measured), rungs.judges
    )
    try:
        run = trained(trial_words(study, space, trial), folder, measure)
        reached = {**measure.reached, **gaps_of_best(run, study.goals)}
        lacking = study.goals.lacking(reached)
        if lacking is not None:
            value = reached.get(lacking)
            raise TrainingError(
                f"{lacking} is {'not logged' if value is None else value} at the best epoch.",
                "Its values cannot be ranked.",
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, the other trials go on
        failed(study, trial, error)
        return
    tell(study.study, study.goals, trial, reached, measure.steps, measure.stopped)
    RunFolder(folder).last.unlink(missing_ok=True)  # nobody goes on from it


def gaps_of_best(run: Run, goals: Goals) -> dict[str, float]:
    """Return how alike the network that was kept serves groups of the validation part."""
    if not goals.fairness:
        return {}
    of = judged(run.task, run.data, predicted(run.task, run.data, "val", run.trainer))
    return {name: gap.value for name, gap in gaps(of, goals).items()}


def tell(
    study: optuna.Study,
    goals: Goals,
    trial: optuna.Trial,
    reached: dict[str, float],
    validations: int,
    stopped: bool,
) -> None:
    """Tell a study what a trial came to.

    Args:
        study: The study.
        goals: What it is after.
        trial: The trial.
        reached: What its best network reached, by the names of the goals.
        validations: How far it came.
        stopped: Whether it was stopped early.
    """
    trial.set_user_attr("reached", reached)
    trial.set_user_attr("validations", validations)
    trial.set_user_attr("stopped", stopped)
    for limit in goals.limits:
        trial.set_constraint(str(limit), limit.excess(reached[limit.name]))
    values = [reached[objective.name] for objective in goals.objectives]
    if stopped and len(values) == 1:
        study.tell(trial, state=TrialState.PRUNED)
    else:  # of several objectives, Optuna knows no trial that was stopped and has values
        study.tell(trial, values)


def failed(study: Study, trial: optuna.Trial, error: Exception) -> None:
    """Tell the study that a trial has failed, and why.

    Args:
        study: The study.
        trial: The trial.
        error: Why; what no user can put right is kept whole in the trial's folder.
    """
    known = error if isinstance(error, TorcheduError) else advice(error)
    if known is None:
        folder = study.run_folder(trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "error.txt", "".join(traceback.format_exception(error)).encode())
        said = f"{type(error).__name__}: {error}"
    else:
        said = known.problem
    trial.set_user_attr("error", " ".join(said.split())[:500])
    study.study.tell(trial, state=TrialState.FAIL)
