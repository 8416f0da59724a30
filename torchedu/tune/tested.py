"""What the best trials reach on the test part, which no choice among them looks at."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torchedu.bounded import parse_yaml
from torchedu.checkpoints import open_checkpoint
from torchedu.evaluation.any_task import Request, logged
from torchedu.evaluation.judged import judged
from torchedu.prediction.stream import predicted
from torchedu.run import Run, RunConfig, build
from torchedu.run_folder import RunFolder
from torchedu.tune.measure import attribute_of, gaps_of, unfairness
from torchedu.tune.objectives import Goals, is_fairness, is_score
from torchedu.tune.trial import QUIET


class OnTest(NamedTuple):
    """A score of the test part.

    Attributes:
        value: It; not a number where it is not defined.
        low: Where its interval over people begins; not a number where there is none.
        high: Where that ends.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


def on_test(folder: Path, goals: Goals) -> dict[str, OnTest]:
    """Return what a trained network reaches on the test part, as far as its goals are scores.

    Args:
        folder: Its run's folder.
        goals: What is asked for.
    """
    run = _opened(folder)
    columns = predicted(run.task, run.data, "test", run.trainer)
    of = judged(run.task, run.data, columns)
    known: dict[str, OnTest] = {}
    if of is not None:
        for name, score in of.scores().items():
            known[f"val/{name}"] = OnTest(
                *(_number(score[end]) for end in ("value", "low", "high"))
            )
        for name in goals.fairness:
            audit = of.audit(attribute_of(name))
            above = [gap for gap in gaps_of(audit) if gap["above"]]
            worst = max(above, key=lambda gap: gap["value"], default=None)
            # What chance explains has no size, and so no interval.
            ends = (worst and worst["interval"]) or (math.nan, math.nan)
            known[name] = OnTest(unfairness(audit), *ends)
    if any(is_score(name) and name not in known for name in goals.names):
        scores = logged(run.task, run.data, Request(run.trainer, "test", None, False))
        known = {f"val/{name}": OnTest(score) for name, score in scores.items()} | known
    return {name: known[name] for name in goals.names if name in known}


def overlooked(number: int, reached: Mapping[str, float], tested: Mapping[str, OnTest]) -> str:
    """Say which gaps the test part has where the validation part showed none above chance.

    Args:
        number: A trial's.
        reached: What it reached on the validation part.
        tested: What it reaches on the test part.

    Returns:
        A sentence; empty where there is none.
    """
    gaps = [
        f"{score.value:.3f} ({name.removeprefix('val/')})"
        for name, score in tested.items()
        if is_fairness(name) and reached.get(name) == 0 and score.value > 0
    ]
    if not gaps:
        return ""
    return (
        f"Trial {number} has a gap of {' and '.join(gaps)} on the test part, where the validation "
        "part, of fewer people, showed none above chance: it was not chosen for being fair. A "
        "larger validation part shows smaller gaps."
    )


def _opened(folder: Path) -> Run:
    given = parse_yaml(RunFolder(folder).config.read_text("utf-8"))["trainer"]
    same = [
        f"--trainer.{name}={given[name]}"
        for name in ("accelerator", "precision")
        if given.get(name) is not None
    ]
    return build(RunConfig([*QUIET, *same, "--trainer.devices=1"], "test", open_checkpoint(folder)))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
