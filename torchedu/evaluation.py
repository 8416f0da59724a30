"""An honest evaluation: a network's predictions beside those of everything it has to beat.

One prediction an answered question, from the history before it, however many skills it has.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from lightning import Trainer
from numpy.typing import NDArray
from torch import distributed

from torchedu.baselines import Baseline, BestLR, ItemMean
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, exact_filter
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.splits import Part
from torchedu.metrics import calibration_points, roc_points, scores, scores_by
from torchedu.models.mastery import DEFINITION, follow, mastery
from torchedu.schema import GROUP, ITEM, RESERVED, SKILL
from torchedu.tasks import KnowledgeTracing

HISTORY = (0, 1, 5, 10, 20, 50, 100, 200)
"""Numbers of earlier answers at which the stretches of ``by_history`` begin."""


class Predicted(NamedTuple):
    """Predictions of a part's answers, student by student, each history in order.

    Attributes:
        student: Row in the store; shape (answers,).
        position: Position in the student's history.
        probability: The network's prediction, float32.
        correct: What came true, float32.
    """

    student: NDArray[np.int64]
    position: NDArray[np.int64]
    probability: NDArray[np.float32]
    correct: NDArray[np.float32]


def evaluate(
    task: KnowledgeTracing,
    data: Interactions,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: bool = True,
) -> dict[str, Any]:
    """Score a network beside the baselines, and keep what the report needs.

    Args:
        task: The trained task.
        data: The answers; the baselines learn from its training part.
        trainer: Runs the network.
        part: Which part is scored, ``test`` or ``val``.
        folder: Where ``evaluation.json``, ``predictions.parquet`` and ``mastery.json`` go, such as
            the run's folder; nothing is written where it is None.
        baselines: Whether to fit the baselines too.

    Returns:
        What ``evaluation.json`` holds: ``scores`` (a row a model), ``by_group``, ``by_history`` and
        ``curves``; on ranks other than the first, nothing.
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
        "split": part,
        "data": data.name,
        "students": len(np.unique(predicted.student)),
        "answers": len(predicted.correct),
        "scores": [
            {"name": name, "kind": kind, **scores(probability, predicted.correct)}
            for name, (kind, probability) in models.items()
        ],
        "by_group": _by_group(store, predicted),
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
        _write_predictions(folder / "predictions.parquet", store, predicted)
        _write_json(folder / "mastery.json", _one_student(task, data, predicted))
        _write_json(folder / "evaluation.json", evaluation)
    return evaluation


def predict_part(
    task: KnowledgeTracing, data: Interactions, trainer: Trainer, part: str | None
) -> Predicted:
    """Predict the answers of a part once each.

    Args:
        task: The trained task.
        data: The answers.
        trainer: Runs the network.
        part: ``train``, ``val`` or ``test``; all students where it is None.

    Returns:
        The predictions of all ranks.
    """
    data.predict_part = part
    batches = trainer.predict(task, datamodule=data) or []
    columns = [torch.cat(column).cpu() for column in zip(*batches, strict=True)]
    if trainer.world_size > 1:
        gathered: list[Any] = [None] * trainer.world_size
        distributed.all_gather_object(gathered, columns)
        columns = [torch.cat(column) for column in zip(*gathered, strict=True)]
    student, position, probability = (column.numpy() for column in columns)
    order = np.lexsort((position, student))
    student, position = student[order], position[order]
    correct = data.store.correct[data.store.history_offsets[student] + position]
    return Predicted(student, position, probability[order], correct.astype(np.float32))


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


def _one_student(
    task: KnowledgeTracing, data: Interactions, predicted: Predicted
) -> dict[str, Any]:
    """Follow one student's mastery: the one whose history is longer than nine in ten."""
    students, counts = np.unique(predicted.student, return_counts=True)
    rank = np.argsort(counts, kind="stable")[int(0.9 * (len(counts) - 1))]
    student = int(students[rank])
    stream = data.predict_dataloader().dataset
    windows = stream.batches.windows
    index = np.flatnonzero(windows.student == student)[:1]
    batch = stream.batches(index)
    net = task.net.cpu().eval()
    steps = torch.cat([mastery(net, state) for state in follow(net, batch)])
    assert task.vocabulary is not None
    skills, items = task.vocabulary[SKILL], data.store.vocabulary[ITEM]
    begin = data.store.history_offsets[student]
    length = batch.item_BL.shape[1]
    own_items = data.store.item[begin : begin + length].tolist()
    own_skills = data.store.vocabulary[SKILL]
    bounds = data.store.skill_offsets
    # A key that is thrown away: nobody can go from the pseudonym back to the name.
    key = secrets.token_bytes(16)
    name = data.store.student_names([student])[0]
    return {
        "student": hashlib.blake2b(name.encode(), key=key, digest_size=4).hexdigest(),
        "definition": DEFINITION,
        "skills": [skills.name(i) for i in range(RESERVED, net.num_skills)],
        "mastery": [[round(p, 4) for p in row] for row in steps.tolist()],
        "items": [items.name(i) for i in own_items],
        "correct": [float(c) for c in data.store.correct[begin : begin + length]],
        "skills_of_items": [
            [own_skills.name(k) for k in data.store.skill[bounds[i] : bounds[i + 1]].tolist()]
            for i in own_items
        ],
    }


def _write_predictions(file: Path, store: AnswerStore, predicted: Predicted) -> None:
    items = np.array(["", "", *store.vocabulary[ITEM]], object)
    rows, inverse = np.unique(predicted.student, return_inverse=True)
    students = np.array(store.student_names(rows), object)
    item = store.item[store.history_offsets[predicted.student] + predicted.position]
    table = pa.table(
        {
            "student": pa.array(students[inverse], pa.string()).dictionary_encode(),
            "position": predicted.position,
            "item": pa.array(items[item], pa.string()).dictionary_encode(),
            "probability": predicted.probability,
            "correct": predicted.correct,
        }
    )
    part = file.with_name(f".{file.name}.part")
    pq.write_table(table, part)
    part.replace(file)


def _write_json(file: Path, value: object) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    part.replace(file)
