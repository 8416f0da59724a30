"""An honest evaluation: a network's predictions beside those of everything it has to beat.

One prediction an answered question, from the history before it, however many skills it has.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines import Baseline, BestLR, ItemMean
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, exact_filter
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.splits import Part
from torchedu.evaluation.any_task import evaluate, keep
from torchedu.files import write_whole
from torchedu.metrics import calibration_points, roc_points, scores, scores_by
from torchedu.metrics.fairness import Attribute, audit
from torchedu.prediction.tracing import (
    Predicted,
    one_student,
    predict_part,
    write_predictions,
)
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, RESERVED
from torchedu.tasks import KnowledgeTracing

HISTORY = (0, 1, 5, 10, 20, 50, 100, 200)
"""Numbers of earlier answers at which the stretches of ``by_history`` begin."""


COLUMNS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}


@evaluate.register
def _(
    task: KnowledgeTracing,
    data: Interactions,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: bool = True,
) -> dict[str, Any]:
    """Score each answer once; ``evaluate`` tells the rest.

    Adds ``by_group``, ``fairness``, ``by_history`` and ``curves``; the folder gets
    ``predictions.parquet`` and ``mastery.json`` too.
    """
    predicted = predict_part(task, data, trainer, part)
    if not trainer.is_global_zero:
        return {}
    store = data.store
    network = type(task.net).__name__
    models: dict[str, tuple[str, NDArray[Any]]] = {network: ("network", predicted.probability)}
    if baselines:
        for baseline in (ItemMean(), BestLR()):
            models[baseline.name] = ("baseline", _baseline(baseline, data, part))
    if "simulator" in store.about:
        histories = store.answers(data.parts[part].student, data.parts[part].stop)
        best = exact_filter.predict(store.about, histories)
        truth = store.answer_column("truth")[_scored(store, data.parts[part])]
        models["best reachable"] = ("bound", best[_scored_within(data.parts[part])])
        models["oracle"] = ("oracle", truth)
    evaluation = {
        "task": type(task).__name__,
        "data": data.name,
        "split": part,
        "counts": {
            "students": len(np.unique(predicted.student)),
            "answers": len(predicted.correct),
        },
        "columns": COLUMNS,
        "scores": [
            {"name": name, "kind": kind, **scores(probability, predicted.correct)}
            for name, (kind, probability) in models.items()
        ],
        "by_group": _by_group(store, predicted),
        "fairness": _fairness(store, predicted),
        "by_history": _by_history(predicted, models),
        "curves": {
            name: {
                "roc": roc_points(probability, predicted.correct),
                "calibration": calibration_points(probability, predicted.correct),
            }
            for name, (_, probability) in models.items()
        },
    }
    if folder is not None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_predictions(RunFolder(folder).table(), data, predicted)
        student = json.dumps(one_student(task, data, predicted), ensure_ascii=False, indent=1)
        write_whole(folder / "mastery.json", student.encode())
    return keep(evaluation, trainer, folder)


def _scored(store: AnswerStore, part: Part) -> NDArray[np.int64]:
    """Return the index in the store of a part's scored answers."""
    starts = store.history_offsets[part.student] + part.first
    return stretch_index(starts, part.stop - part.first)[0]


def _scored_within(part: Part) -> NDArray[np.int64]:
    """Return the index of a part's scored answers among its students' histories up to ``stop``."""
    begins = np.cumsum(part.stop) - part.stop
    return stretch_index(begins + part.first, part.stop - part.first)[0]


def _baseline(baseline: Baseline, data: Interactions, name: str) -> NDArray[np.float32]:
    train, part = data.parts["train"], data.parts[name]
    baseline.fit(data.store.answers(train.student, train.stop))
    predicted = baseline.predict(data.store.answers(part.student, part.stop))
    return predicted[_scored_within(part)]


def _by_group(store: AnswerStore, predicted: Predicted) -> dict[str, Any]:
    return {
        attribute: scores_by(
            predicted.probability,
            predicted.correct,
            store.group(attribute)[predicted.student],
            ["", "not said", *store.vocabulary[GROUP + attribute]],
            predicted.student,
        )
        for attribute in store.vocabulary.groups
    }


def _fairness(store: AnswerStore, predicted: Predicted) -> dict[str, Any] | None:
    """Compare groups of students, whole students dealt out by chance; None without groups."""
    names, groups = store.vocabulary, store.vocabulary.groups
    if not groups or not len(predicted.student):
        return None
    attributes = {
        # Ids 0 and 1 belong to no name.
        name: Attribute(
            store.group(name)[predicted.student].astype(np.int64) - RESERVED,
            list(names[GROUP + name]),
        )
        for name in groups
    }
    return audit(
        predicted.probability, predicted.correct, attributes,
        student=predicted.student, intersections=False,
    )  # fmt: skip


def _by_history(
    predicted: Predicted, models: Mapping[str, tuple[str, NDArray[Any]]]
) -> list[dict[str, Any]]:
    rows = []
    for first, after in zip(HISTORY, (*HISTORY[1:], None), strict=True):
        some = (predicted.position >= first) & (after is None or predicted.position < after)
        if not some.any():
            continue
        aucs: dict[str, list[float]] = {"network": [], "baseline": []}
        for kind, probability in models.values():
            auc = scores(probability[some], predicted.correct[some])["auc"]
            if kind in aucs and auc is not None:
                aucs[kind].append(auc)
        rows.append(
            {
                "from": first,
                "to": int(predicted.position[some].max()) if after is None else after - 1,
                "answers": int(some.sum()),
                "auc": max(aucs["network"], default=None),
                "best_baseline_auc": max(aucs["baseline"], default=None),
            }
        )
    return rows
