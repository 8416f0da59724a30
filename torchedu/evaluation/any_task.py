"""One way to evaluate a trained network, whatever its task."""

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

from lightning import LightningDataModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.baselines import Baseline
from torchedu.datamodules import DataModule
from torchedu.errors import ConfigError
from torchedu.evaluation.leak_section import leaks
from torchedu.files import write_json
from torchedu.metrics.intervals import FEW
from torchedu.prediction.stream import predicted
from torchedu.run_folder import RunFolder
from torchedu.sections import PERFECT, Section, is_perfect
from torchedu.tasks import Task

Baselines = bool | Sequence[Baseline[Any, Any] | type[Baseline[Any, Any]]]
"""Whether to fit a task's own baselines, or which others to fit beside these."""
BESIDE = {
    "baseline": "the best baseline, {}",
    "human": "{}",
    "bound": "the best that is reachable",
}
"""What the network's score is set beside, by kind of model."""
LETTERS = "AEFHILMNORSX"
"""Letters that are spoken with a vowel first: an HR@10, an MRR."""


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
    kept = evaluation(task, data, part, **content)
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

    Args:
        own: The task's own.
        baselines: As ``evaluate`` has it.
        data: What they learn from.
        ready: More of the task's own, which have learnt from it already.

    Raises:
        ConfigError: Two have the same name, by which reports tell them apart.
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
    for baseline in (*own, *given):
        baseline.fit(data)
    words = [
        f"{baseline.name} {', '.join(f'{key} {value:g}' for key, value in baseline.chosen.items())}"
        for baseline in every
        if baseline.chosen
    ]
    if words:
        rank_zero_info(f"Chosen on data held out of training: {'; '.join(words)}.")
    return every


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
    caution: str = "",
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
        caution: How far the first score would move, told where what is scored is too little.
        **more: What else is kept for other programs.
    """
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
        "best": _best(scores, columns, lower),
        "lead": _lead(scores, columns, verb, lower)
        + _learnt_from(data)
        + _left_out(data, part)
        + ("" if lower else _perfect(scores, columns))
        + _too_few(counts, caution)
        + _leaky(data),
        "sections": [section.to_json() for section in (*sections, *leaks(data))],
        **more,
    }


def _best(
    scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str], lower: bool
) -> list[str]:
    """Name the models whose first score is the best of what could be had: no bound, no oracle."""
    name, sign = next(iter(columns), ""), -1 if lower else 1
    had = {
        row["name"]: sign * row[name]
        for row in scores
        if row["kind"] not in ("bound", "oracle") and row.get(name) is not None
    }
    return [model for model, value in had.items() if value == max(had.values())]


def _lead(
    scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str], verb: str, lower: bool
) -> str:
    """Say in a sentence what the network reached, beside the best of each other kind.

    Where a baseline is better, the sentence ends in its name: it is what to use instead.
    """
    if not columns or not scores:
        return ""
    name, title = next(iter(columns.items()))
    sign = -1 if lower else 1
    known = [row for row in scores if row.get(name) is not None and row[name] == row[name]]
    best = {
        kind: max(rows, key=lambda row: sign * row[name])
        for kind in ("network", *BESIDE)
        if (rows := [row for row in known if row["kind"] == kind])
    }
    if "network" not in best:
        return f"The network's {title} is not defined on this part of the data."
    value, network = (best["network"][column] for column in (name, "name"))
    beside = [
        f"{_distance(value, best[kind][name])} {words.format(best[kind]['name'])}"
        for kind, words in BESIDE.items()
        if kind in best
    ]
    article = "an" if title[0] in (LETTERS if title[:2].isupper() else "AEIOaeio") else "a"
    *first, last = [f"{network} {verb} {article} {title} of {value:.3f}", *beside]
    said = f"{', '.join(first)}, and {last}" if len(first) > 1 else ", ".join([*first, last])
    baseline = best.get("baseline", best["network"])
    loses = round(sign * value, 3) < round(sign * baseline[name], 3)
    return f"{said}: use {baseline['name']} for data like these." if loses else f"{said}."


def _perfect(scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Doubt a network's first score that nobody reaches honestly."""
    name = next(iter(columns), "")
    reached = [row.get(name) for row in scores if row["kind"] == "network"]
    return f" {PERFECT}." if any(is_perfect(value) for value in reached) else ""


def _leaky(data: LightningDataModule) -> str:
    """Doubt a score where something in the data may make it too good: the largest such thing."""
    if not isinstance(data, DataModule) or not data.findings:
        return ""
    first, *others = data.findings
    more = f", and {len(others)} more below" if others else ""
    return f" It may be too good: {first.sentence}{more}."


def _too_few(counts: Mapping[str, int], moves: str) -> str:
    """Say that there is too little to judge by, and how far the score would move."""
    noun, count = next(iter(counts.items()), ("", FEW))
    noun = noun.removesuffix("s") if count == 1 else noun
    return f" Too small to judge: {count:,} {noun}{moves}." if count < FEW else ""


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


def _distance(value: float, other: float) -> str:
    distance = round(value, 3) - round(other, 3)
    if abs(distance) < 0.0005:
        return "level with"
    return f"{abs(distance):.3f} {'above' if distance > 0 else 'below'}"
