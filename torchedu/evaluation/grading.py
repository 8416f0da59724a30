"""An honest grading: agreement by prompt, beside length, surface, words and human raters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines import Baseline
from torchedu.baselines.grading import (
    LengthScore,
    OverlapLabel,
    SurfaceScore,
    WordLabel,
    WordScore,
)
from torchedu.datamodules import Essays
from torchedu.datasets.splits import attributes
from torchedu.datasets.texts import Graded
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.evaluation.shared_sections import audited
from torchedu.metrics.above import above_mean
from torchedu.metrics.agreement import agreement
from torchedu.metrics.essay_scores import EssayScores, mean_of
from torchedu.metrics.fairness import Attribute, audit
from torchedu.prediction.grading import PredictedGrades, predicted_grades
from torchedu.schema import GROUP, LABEL, PART, PROMPT, RESERVED, SCORE
from torchedu.sections import Dot, Dots, Section
from torchedu.tasks import EssayGrading

BASELINES = (LengthScore, SurfaceScore, WordScore)
SCORE_COLUMNS = {
    "qwk": "QWK", "exact": "exact agreement", "adjacent": "within a step",
}  # fmt: skip
LABEL_COLUMNS = {"macro_f1": "macro-F1", "mcc": "MCC", "accuracy": "accuracy"}
MOST = 30
"""Rows of a picture."""
LEAST = 20
"""Texts of a group below which its agreement says nothing."""

Values = NDArray[np.float64]
Grader = Baseline[Graded, Values]


@evaluate.register
def _(
    task: EssayGrading,
    data: Essays,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score grades, or labels; ``evaluate`` tells the rest.

    Baselines learn from the training part, and are stretched on the validation part as the network
    is. Adds ``by_prompt`` (of scores), ``by_part`` (where several test parts are published),
    ``essays_by_group``, ``fairness`` (the audit of the writers' groups, within prompts) and, where
    two people rated each text, their own agreement as a row.
    """
    known = predicted_grades(task, data, trainer, part)
    grouped = bool(attributes(data.store.vocabulary))
    by_score = grouped and not task.num_labels
    chosen = predicted_grades(task, data, trainer, "val") if by_score else None
    if not trainer.is_global_zero:
        return {}
    models = {type(task.net).__name__: ("network", known.value, task.metrics)}
    own: list[Grader] = [kind() for kind in BASELINES]
    if task.num_labels:
        own = [WordLabel(), *([OverlapLabel()] if data.store.references else [])]
    asked = data.store.graded(known.text)
    for baseline in fitted(own, baselines, data.store.graded(data.parts["train"])):
        value = baseline.predict(asked)
        metrics = task.metrics if task.num_labels else _stretched(baseline, task, data)
        models[baseline.name] = ("baseline", value, metrics)
    target = data.batches.target[known.text]

    def scored(value: Values, metrics: EssayScores, mine: NDArray[np.bool_]) -> dict[str, Any]:
        if not mine.any():
            return {}
        if task.num_labels:
            return metrics.of_labels(value[mine], target[mine])
        return metrics.of_scores(value[mine], target[mine], known.prompt[mine])

    everyone = np.ones(len(target), bool)
    rows = [
        {"name": name, "kind": kind, **scored(value, metrics, everyone)}
        for name, (kind, value, metrics) in models.items()
    ]
    columns = LABEL_COLUMNS if task.num_labels else SCORE_COLUMNS
    human = _raters(data, known.text, known.prompt)
    if human is not None:
        rows.append({"name": "two human raters", "kind": "human", **human})
    measure, title = next(iter(columns.items()))
    by_part = _by(models, scored, data.store, PART, known.text, measure)
    by_group = {
        name: _by(models, scored, data.store, GROUP + name, known.text, measure)
        for name in attributes(data.store.vocabulary)
    }
    by_prompt = [] if task.num_labels else _by_prompt(task, models, target, known.prompt)
    fairness = _fairness(task, data, known, chosen) if grouped else None
    more: dict[str, Any] = (
        {} if task.num_labels else {"by_prompt": by_prompt, "stretch": _stretches(task)}
    )
    found = evaluation(
        task, data, part,
        counts={"texts": len(target), "prompts": len(np.unique(known.prompt))},
        columns=columns,
        scores=rows,
        verb="grades with",
        sections=[
            _origins(by_prompt, by_part, by_group, measure, title, rows[0]["name"]),
            audited(fairness),
        ],
        by_part=by_part,
        essays_by_group=by_group,
        fairness=fairness,
        **more,
    )  # fmt: skip
    return keep(found, folder)


def _origins(
    by_prompt: list[dict[str, Any]],
    by_part: list[dict[str, Any]],
    by_group: dict[str, list[dict[str, Any]]],
    measure: str,
    title: str,
    network: str,
) -> Section:
    """Show the first score by prompt, by published part and by group of writers."""
    prompts = [
        Dot(one["prompt"], one["qwk"], one["texts"])
        for one in by_prompt
        if one["score"] == by_prompt[0]["score"]  # the overall one; traits come after it
    ]
    parts = [Dot(one["name"], one[measure], one["texts"]) for one in by_part]
    writers = [
        Dot(f"{attribute}: {one['name']}", one[measure], one["texts"])
        for attribute, groups in by_group.items()
        for one in groups
    ]
    forms = []
    for noun, dots in (("prompt", prompts), ("part", parts), ("group of writers", writers)):
        cut = f"; the first {MOST} of {len(dots):,}" if len(dots) > MOST else ""
        if dots:
            axis = f"{title} by {noun} (texts in brackets{cut})"
            forms.append(Dots(axis, network, dots[:MOST]))
    return Section(
        "Where the texts come from",
        "Each row is scored by itself: dots are the network's, strokes the baselines'. Few texts "
        "(in brackets) score higher or lower by chance alone."
        if forms
        else "Of no prompt, part or group are there enough texts.",
        forms,
        lacking=not forms,
        private=True,
    )


def _stretched(baseline: Grader, task: EssayGrading, data: Essays) -> EssayScores:
    """Choose a fitted baseline's stretch on the validation part."""
    num_prompts, num_scores = task.metrics.centre_PY.shape
    metrics = EssayScores(num_prompts, num_scores, num_labels=0)
    metrics.steps_PY.copy_(task.metrics.steps_PY)
    rows = data.parts["val"]
    own = baseline.predict(data.store.graded(rows))
    metrics.choose(own, data.batches.target[rows], data.batches.prompt[rows])
    return metrics


def _raters(
    data: Essays, rows: NDArray[np.int64], prompt: NDArray[np.int64]
) -> dict[str, Any] | None:
    """Return how far two people agree, on their own scale, as a mean over prompts."""
    pair = data.store.raters
    if pair is None:
        return None
    step = data.store.ranges[data.store.prompt, 0, 2][:, None]
    pair = (pair / step)[rows]
    known = np.isfinite(pair).all(1)
    found = [
        agreement(*pair[known & (prompt == one)].T.astype(np.float64)) for one in np.unique(prompt)
    ]
    return {name: mean_of([one[name] for one in found]) for name in found[0]}


def _fairness(
    task: EssayGrading, data: Essays, predicted: PredictedGrades, chosen: PredictedGrades | None
) -> dict[str, Any]:
    """Audit the chance of a score above the prompt's mean, or of training's commonest label.

    Args:
        task: The trained task.
        data: The texts.
        predicted: The grades to audit.
        chosen: Those of the validation part, which tells how scores spread; None for labels.
    """
    assert task.vocabulary is not None
    target = data.batches.target[predicted.text, 0]
    if chosen is None:
        label, learnt = data.store.label, data.store.label[data.parts["train"]]
        common = int(np.bincount(learnt[learnt >= 0]).argmax())
        chance, outcome = predicted.value[:, common], label[predicted.text] == common
        asked = f"labelled it {task.vocabulary[LABEL].name(RESERVED + common)!r}"
    else:
        known = data.batches.target[chosen.text, 0]
        chance, outcome = np.full(len(target), np.nan), np.zeros(len(target), bool)
        for one in np.unique(predicted.prompt).tolist():
            mine, own = predicted.prompt == one, (chosen.prompt == one) & np.isfinite(known)
            if own.any():
                steps = float(task.metrics.steps_PY[one, 0])
                told = above_mean(predicted.value[mine, 0], chosen.value[own, 0], known[own], steps)
                chance[mine], outcome[mine] = told[0], target[mine] > told[1]
        asked = "gave it more than the mean of its prompt"
    some = np.isfinite(chance) & np.isfinite(target)
    rows, names = predicted.text[some], data.store.vocabulary
    prompts = Attribute(data.store.prompt[rows] - RESERVED, list(names[PROMPT]))
    compared = {
        name: Attribute(data.store.group(name)[rows] - RESERVED, list(names[GROUP + name]))
        for name in attributes(names)
    }
    found = audit(
        chance[some], outcome[some], compared, stratum=prompts, stratum_noun="prompt",
        intersections=False, noun="texts",
    )  # fmt: skip
    return {**found, "words": [f"Asked of each text: whether people {asked}.", *found["words"]]}


def _by_prompt(
    task: EssayGrading,
    models: dict[str, tuple[str, Values, EssayScores]],
    target: Values,
    prompt: NDArray[np.int64],
) -> list[dict[str, Any]]:
    assert task.vocabulary is not None
    names = list(task.vocabulary[SCORE])
    found = {
        name: metrics.by_prompt(value, target, prompt)
        for name, (_, value, metrics) in models.items()
    }
    return [
        {
            "prompt": task.vocabulary[PROMPT].name(one),
            "score": names[i],
            "texts": int((prompt == one).sum()),
            "qwk": {name: by[one][i]["qwk"] for name, by in found.items()},
        }
        for one in np.unique(prompt).tolist()
        for i in range(len(names))
    ]


def _stretches(task: EssayGrading) -> dict[str, list[float]]:
    """Return each prompt's factors, as chosen on the validation part."""
    assert task.vocabulary is not None
    factor = task.metrics.factor_PY.cpu().numpy()
    return {name: factor[RESERVED + i].tolist() for i, name in enumerate(task.vocabulary[PROMPT])}


def _by(
    models: dict[str, tuple[str, Values, EssayScores]],
    scored: Callable[[Values, EssayScores, NDArray[np.bool_]], dict[str, Any]],
    store: Any,
    column: str,
    rows: NDArray[np.int64],
    measure: str,
) -> list[dict[str, Any]]:
    """Score the texts of each value of a column apart."""
    if column not in store.columns("texts"):
        return []
    own, names = store.values("texts", column)[rows], store.vocabulary[column]
    return [
        {
            "name": names.name(int(one)) if one else "not said",
            "texts": int((own == one).sum()),
            measure: {
                name: scored(value, metrics, own == one)[measure]
                for name, (_, value, metrics) in models.items()
            },
        }
        for one in np.unique(own)
        if (own == one).sum() >= LEAST
    ]
