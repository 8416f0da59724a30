"""One way to evaluate a trained network, whatever its task."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

from lightning import LightningDataModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

from torchedu.baselines import Baseline
from torchedu.baselines.recommendation import TooLarge
from torchedu.datamodules import DataModule
from torchedu.errors import ConfigError, worded
from torchedu.evaluation.lead import Surely, best, lead, perfect, terms, too_few
from torchedu.evaluation.leak_section import leaks
from torchedu.evaluation.shown import Evaluation
from torchedu.files import write_json
from torchedu.metrics.paired import Estimate
from torchedu.prediction.stream import predicted
from torchedu.run_folder import RunFolder
from torchedu.sections import Section, Table
from torchedu.stages import stage
from torchedu.tasks import Task

Baselines = bool | Sequence[Baseline[Any, Any] | type[Baseline[Any, Any]]]
"""Whether to fit a task's own baselines, or which others to fit beside these."""


class Request(NamedTuple):
    """What is asked of an evaluation; see ``evaluate``.

    Attributes:
        trainer: Runs the network.
        part: Which part is scored.
        folder: Where files go.
        baselines: What is scored beside.
    """

    trainer: Trainer
    part: str
    folder: Path | None
    baselines: Baselines


def evaluate(
    task: Task,
    data: LightningDataModule,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score a network beside the baselines, and keep what the report needs.

    Args:
        task: The trained task.
        data: The data; the baselines learn from its training part.
        trainer: Runs the network.
        part: Which part is scored, ``test`` or ``val``.
        folder: Where ``evaluation.json`` and the task's other files go, such as the run's folder;
            nothing is written where it is None.
        baselines: Whether to fit the task's baselines too; or baselines of one's own, classes or
            instances, that are fitted and scored beside these (``docs/add_a_baseline.md``).

    Returns:
        What ``evaluation.json`` holds; see ``evaluation``. On ranks other than the first, nothing.

    Raises:
        ConfigError: A baseline has another one's name, or the task has no way to fit it.
    """
    request = Request(trainer, part, None if folder is None else Path(folder), baselines)
    if isinstance(data, DataModule) and data.learned is not data and task.companions is not None:
        data.learned.use(task.companions)
    content = findings(task, data, request)
    if not trainer.is_global_zero:
        return {}
    kept = Evaluation(evaluation(task, data, part, **content))
    if request.folder is not None:
        write_json(RunFolder(request.folder).evaluation, kept)
    return kept


@singledispatch
def findings(task: Task, data: LightningDataModule, request: Request) -> dict[str, Any]:
    """Return what ``evaluation`` takes; every rank has to call this, the first one's is taken.

    Each task of torchedu has its own way to, in a file of ``torchedu.evaluation`` that registers
    it. A task of another package that registers none gets the scores that it logs, beside those of
    its baselines where it says how they are ``scored``, and its own ``sections`` of what it
    predicts.

    Args:
        task: The trained task.
        data: The data.
        request: The rest.
    """
    beside = type(task).scored is not Task.scored
    if not (beside or isinstance(request.baselines, bool)):
        raise ConfigError(
            f"{type(task).__name__} says nowhere how baselines are scored.",
            "Write its method scored, or register its own way to be scored with findings.register.",
        )
    numbers = logged(task, data, request)
    rows = [{"name": type(task.net).__name__, "kind": "network", **numbers}]
    sections: Sequence[Section] = ()
    if beside or type(task).sections is not Task.sections:
        assert isinstance(data, DataModule)
        columns, learned = (
            predicted(task, of, part, request.trainer) if wanted else {}
            for of, part, wanted in (
                (data, request.part, True),
                (data.learned, "train", beside and request.baselines),
            )
        )
        if request.trainer.is_global_zero:
            sections = task.sections(data, columns)
            own = (kind() for kind in task.baselines) if learned else ()
            for baseline in fitted(own, request.baselines if learned else False, learned):
                numbers = task.scored({**columns, **baseline.predict(columns)})
                rows.append({"name": baseline.name, "kind": "baseline", **numbers})
    titles = {name: name.replace("_", " ") for name in list(rows[0])[2:]}
    return {"counts": {}, "columns": titles, "scores": rows, "sections": sections}


def logged(task: Task, data: LightningDataModule, request: Request) -> dict[str, float]:
    """Return the scores of a part that a task logs, by name."""
    run = request.trainer.test if request.part == "test" else request.trainer.validate
    (values,) = run(task, datamodule=data, verbose=False) or [{}]
    return {name.partition("/")[2] or name: value for name, value in values.items()}


def fitted(
    own: Iterable[Baseline[Any, Any]],
    baselines: Baselines,
    data: Any,
    ready: Sequence[Baseline[Any, Any]] = (),
) -> list[Baseline[Any, Any]]:
    """Return the baselines that are asked for, fitted, and say what they chose.

    Of the task's own those are left out, with a warning, that memory does not hold.

    Args:
        own: The task's own.
        baselines: As ``evaluate`` has it.
        data: What they learn from.
        ready: More of the task's own, which have learnt from it already.

    Raises:
        ConfigError: Two have the same name, by which reports tell them apart; or memory does not
            hold one that is asked for.
    """
    if not baselines:
        return []
    named = () if isinstance(baselines, bool) else baselines
    own, given = list(own), [each() if isinstance(each, type) else each for each in named]
    every = [*own, *ready, *given]
    names = [baseline.name for baseline in every]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two baselines are called {twice!r}.", "Give each a name of its own.")
    left_out = []
    for baseline in (*own, *given):
        stage(f"fitting the baseline {baseline.name}")
        try:
            baseline.fit(data)
        except TooLarge as error:
            if baseline in given:
                raise
            rank_zero_warn(f"Left out: {worded(error.problem)}")
            left_out.append(baseline)
    stage()
    every = [baseline for baseline in every if baseline not in left_out]
    words = [
        f"{baseline.name} {', '.join(f'{key} {value:g}' for key, value in baseline.chosen.items())}"
        for baseline in every
        if baseline.chosen
    ]
    if words:
        rank_zero_info(f"Chosen on data held out of training: {'; '.join(words)}.")
    return every


def _unknown(model: str) -> None:
    """Say of no model what moves its score."""


def evaluation(
    task: Task,
    data: LightningDataModule,
    part: str,
    *,
    counts: Mapping[str, int],
    columns: Mapping[str, str],
    scores: Sequence[Mapping[str, Any]],
    sections: Sequence[Section],
    facts: Mapping[str, int] | None = None,
    verb: str = "reaches",
    origin: float = 0.0,
    lower: bool = False,
    estimate: Callable[[str], Estimate | None] = _unknown,
    product: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds, plain values only.

    Args:
        task: The task.
        data: The data.
        part: Which part was scored.
        counts: What was scored, by noun.
        columns: The scores' titles by name, the score that matters most first.
        scores: A row a model: its ``name``, its ``kind`` (``network``, ``baseline``, ``blend``,
            ``human``, ``bound``, the most that the data allows, or ``oracle``, which knows what no
            data tells) and its scores.
        sections: What the report shows.
        facts: What else there is, by noun.
        verb: How the network comes to its first score, as a sentence has it.
        origin: The first score of a model that knows nothing.
        lower: Whether the first score is the better the lower it is.
        estimate: Gives the first score of a model by its name, with what each of those that are
            scored moves of it.
        product: What to do with a network that may be used, in a sentence.
        **more: What else is kept for other programs.
    """
    surely = Surely(scores, columns, estimate, lower)
    doubt = _leaky(data)
    reached = "" if lower else perfect(scores, columns)
    headings = [
        heading
        for section in sections
        for form in section.forms
        if isinstance(form, Table)
        for heading in form.columns[1:]
    ]
    return {
        "task": type(task).__name__,
        "use_for": task.use_for,
        "not_for": task.not_for,
        "data": data.name if isinstance(data, DataModule) else type(data).__name__,
        "split": part,
        "counts": dict(counts),
        "facts": dict(facts or {}),
        "columns": dict(columns),
        "scores": [dict(row) for row in scores],
        "origin": origin,
        "lower": lower,
        "best": best(scores, columns, lower),
        "lead": lead(scores, columns, verb, lower, surely.chance)
        + _learnt_from(data)
        + _left_out(data, part)
        + reached
        + too_few(counts)
        + doubt,
        "surely": surely.words(next(iter(counts), "data")),
        "sure": surely.plain(),
        "next": surely.next_step(counts, bool(doubt), product, task.compares),
        "terms": terms([*columns.values(), *headings]),
        "sections": [section.to_json() for section in (*sections, *leaks(data))],
        **more,
    }


def _leaky(data: LightningDataModule) -> str:
    """Doubt a score where something in the data may make it too good: the largest such thing."""
    if not isinstance(data, DataModule) or not data.findings:
        return ""
    first, *others = data.findings
    more = f", and {len(others)} more below" if others else ""
    return f" It may be too good: {first.sentence}{more}."


def _learnt_from(data: LightningDataModule) -> str:
    """Say from which data network and baselines learnt, if from other data than this."""
    if not isinstance(data, DataModule) or data.learned is data:
        return ""
    return f" Network and baselines learnt from {data.learned.name}."


def _left_out(data: LightningDataModule, part: str) -> str:
    """Say how many were not scored, since training has used them."""
    if not isinstance(data, DataModule):
        return ""
    count, whom = data.left_out.get(part, 0), data.whom
    return f" {count:,} {whom} that training has used are left out." if count else ""
