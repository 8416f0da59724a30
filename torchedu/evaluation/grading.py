"""An honest grading: agreement by prompt, beside length, surface, words and human raters."""

from functools import partial
from typing import Any

import numpy as np
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
from torchedu.evaluation.any_task import Request, findings, fitted
from torchedu.evaluation.grading_sections import given_and_predicted
from torchedu.evaluation.sections import alike, lacking
from torchedu.evaluation.side_by_side import Models, apart, audited, each, groups_of, rows
from torchedu.metrics.above import above_mean
from torchedu.metrics.agreement import agreement
from torchedu.metrics.essay_scores import EssayScores, mean_of
from torchedu.metrics.fairness import LEAST, Attribute
from torchedu.metrics.paired import AGREEMENT, SHARE, without_each
from torchedu.prediction.stream import Columns, predicted
from torchedu.prediction.tables import first_of_each
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

Values = NDArray[np.float64]
Grades = tuple[Values, EssayScores]
"""Scores in 0..1 before they are stretched, or chances of labels, and what compares them."""
Grader = Baseline[Graded, Values]


@findings.register
def _(task: EssayGrading, data: Essays, request: Request) -> dict[str, Any]:
    """Score grades, or labels.

    Baselines learn from the training part, and are stretched on the validation part as the network
    is. Adds ``by_prompt`` (of scores), ``by_part`` (where several test parts are published),
    ``essays_by_group``, ``fairness`` (the audit of the writers' groups, within prompts) and, where
    two people rated each text, their own agreement as a row.
    """
    grouped = attributes(data.store.vocabulary)
    known, chosen = (
        first_of_each(predicted(task, of, part, request.trainer), "text") if wanted else {}
        for of, part, wanted in (
            (data, request.part, True),
            (data.learned, "val", grouped and not task.num_labels),
        )
    )
    if not request.trainer.is_global_zero:
        return {}
    text, prompt = known["text"], known["prompt"]
    value, network = known["value"].astype(float), type(task.net).__name__
    models: Models[Grades] = {network: ("network", (value, task.metrics))}
    own: list[Grader] = [kind() for kind in BASELINES]
    if task.num_labels:
        own = [WordLabel(), *([OverlapLabel()] if data.store.references else [])]
    learned = data.learned
    prompts = data.store.vocabulary[PROMPT].translation(learned.store.vocabulary[PROMPT])
    wanted = data.store.graded(text, data.surface)
    wanted = wanted._replace(prompt=np.array(prompts)[wanted.prompt])
    past = learned.store.graded(learned.parts["train"], learned.surface)
    for baseline in fitted(own, request.baselines, past):
        said = baseline.predict(wanted)
        metrics = task.metrics if task.num_labels else _stretched(baseline, task, learned)
        models[baseline.name] = ("baseline", (said, metrics))
    target = data.batches.target[text]

    def scored(grades: Grades, mine: Any = slice(None)) -> dict[str, Any]:
        said, metrics = grades[0][mine], grades[1]
        if not len(said):
            return {}
        if task.num_labels:
            return metrics.of_labels(said, target[mine])
        return metrics.of_scores(said, target[mine], prompt[mine])

    columns = LABEL_COLUMNS if task.num_labels else SCORE_COLUMNS
    measure, title = next(iter(columns.items()))

    def by(column: str) -> list[dict[str, Any]]:
        """Score the texts of each value of a column apart."""
        if column not in data.store.columns("texts"):
            return []
        names = ["not said", "<unknown>", *data.store.vocabulary[column]]
        groups = []
        for name, mine in apart(data.store.values("texts", column)[text], names):
            if mine.sum() >= LEAST:
                by_model = each(models, partial(scored, mine=mine))
                kept = {
                    column: {model: own[column] for model, own in by_model.items()}
                    for column in columns
                }
                groups.append({"name": name, "texts": int(mine.sum()), **kept})
        return groups

    scores = rows(models, scored)
    human = _raters(data, text, prompt)
    if human is not None:
        scores.append({"name": "two human raters", "kind": "human", **human})
    by_part, by_group = by(PART), {name: by(GROUP + name) for name in grouped}
    fairness = _fairness(task, data, known, chosen) if grouped else None
    more: dict[str, Any] = {}
    if not task.num_labels:
        more["by_prompt"] = _by_prompt(task, models, target, prompt)
        more["stretch"] = _stretches(task)
    shown = {
        # Of scores the overall one; traits come after it.
        "prompt": [
            Dot(row["prompt"], row["qwk"], row["texts"])
            for row in more.get("by_prompt", [])
            if row["score"] == more["by_prompt"][0]["score"]
        ],
        "part": [Dot(row["name"], row[measure], row["texts"]) for row in by_part],
        "group of writers": [
            Dot(f"{attribute}: {row['name']}", row[measure], row["texts"])
            for attribute, groups in by_group.items()
            for row in groups
        ],
    }
    return {
        "counts": {"texts": len(target), "prompts": len(np.unique(prompt))},
        "columns": columns,
        "scores": scores,
        "verb": "grades with",
        "estimate": lambda name: without_each(
            lambda mine: scored(models[name][1], mine).get(measure),
            np.arange(len(target)),
            SHARE if task.num_labels else AGREEMENT,
        ),
        "product": "Grade with it beside a person: torchedu predict RUN --pages true, with a file "
        "of texts; what it gives wrongly by more than a step is shown below.",
        "sections": [
            *given_and_predicted(task, data, text, prompt, value),
            _origins(shown, title, network),
            alike(fairness),
        ],
        "by_part": by_part,
        "essays_by_group": by_group,
        "fairness": fairness,
        **more,
    }


def _origins(shown: dict[str, list[Dot]], title: str, network: str) -> Section:
    """Show the first score by prompt, by published part and by group of writers."""
    forms = []
    for noun, dots in shown.items():
        cut = f"; the first {MOST} of {len(dots):,}" if len(dots) > MOST else ""
        if dots:
            axis = f"{title} by {noun} (texts in brackets{cut})"
            forms.append(Dots(axis, network, dots[:MOST]))
    heading = "Where the texts come from"
    if not forms:
        return lacking(heading, "Of no prompt, part or group are there enough texts.")
    return Section(
        heading,
        "Each row is scored by itself: dots are the network's, strokes the baselines'. Few texts "
        "(in brackets) score higher or lower by chance alone.",
        forms,
        private=True,
    )


def _stretched(baseline: Grader, task: EssayGrading, data: Essays) -> EssayScores:
    """Choose a fitted baseline's stretch on the validation part."""
    num_prompts, num_scores = task.metrics.centre_PY.shape
    metrics = EssayScores(num_prompts, num_scores, num_labels=0)
    metrics.steps_PY.copy_(task.metrics.steps_PY)
    rows = data.parts["val"]
    own = baseline.predict(data.store.graded(rows, data.surface))
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
    agreed = [agreement(*pair[known & mine].T.astype(np.float64)) for _, mine in apart(prompt)]
    return {name: mean_of([scores[name] for scores in agreed]) for name in agreed[0]}


def _fairness(
    task: EssayGrading, data: Essays, known: Columns, chosen: Columns
) -> dict[str, Any] | None:
    """Audit the chance of a score above the prompt's mean, or of training's commonest label.

    Args:
        task: The trained task.
        data: The texts.
        known: The grades to audit.
        chosen: Those of the validation part, which tells how scores spread; none for labels.
    """
    assert task.vocabulary is not None
    text, value, prompt = known["text"], known["value"].astype(float), known["prompt"]
    target = data.batches.target[text, 0]
    if not chosen:
        label, learnt = data.store.label, data.learned.store.label[data.learned.parts["train"]]
        common = int(np.bincount(learnt[learnt >= 0]).argmax())
        chance, outcome = value[:, common], label[text] == common
        question = f"labelled it {task.vocabulary[LABEL].name(RESERVED + common)!r}"
    else:
        truth = data.learned.batches.target[chosen["text"], 0]
        spread = chosen["value"].astype(float)
        chance, outcome = np.full(len(target), np.nan), np.zeros(len(target), bool)
        for id, mine in apart(prompt):
            own = (chosen["prompt"] == id) & np.isfinite(truth)
            if own.any():
                steps = float(task.metrics.steps_PY[id, 0])
                chance[mine], mark = above_mean(value[mine, 0], spread[own, 0], truth[own], steps)
                outcome[mine] = target[mine] > mark
        question = "gave it more than the mean of its prompt"
    some = np.isfinite(chance) & np.isfinite(target)
    prompts = Attribute(
        data.store.prompt[text[some]] - RESERVED, list(data.store.vocabulary[PROMPT])
    )
    audit = audited(
        chance[some], outcome[some], groups_of(data.store, text[some]), stratum=prompts,
        stratum_noun="prompt", noun="texts",
    )  # fmt: skip
    words = [f"Asked of each text: whether people {question}."]
    return audit and {**audit, "words": [*words, *audit["words"]]}


def _by_prompt(
    task: EssayGrading, models: Models[Grades], target: Values, prompt: NDArray[np.int64]
) -> list[dict[str, Any]]:
    assert task.vocabulary is not None
    by = each(models, lambda grades: grades[1].by_prompt(grades[0], target, prompt))
    return [
        {
            "prompt": task.vocabulary[PROMPT].name(id),
            "score": score,
            "texts": int(mine.sum()),
            "qwk": {name: agreed[id][i]["qwk"] for name, agreed in by.items()},
        }
        for id, mine in apart(prompt)
        for i, score in enumerate(task.vocabulary[SCORE])
    ]


def _stretches(task: EssayGrading) -> dict[str, list[float]]:
    """Return each prompt's factors, as chosen on the validation part."""
    assert task.vocabulary is not None
    factor = task.metrics.factor_PY.cpu().numpy()
    return {name: factor[RESERVED + i].tolist() for i, name in enumerate(task.vocabulary[PROMPT])}
