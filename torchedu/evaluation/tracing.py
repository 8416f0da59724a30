"""An honest evaluation: a network's predictions beside those of everything it has to beat.

One prediction an answered question, from the history before it, however many skills it has.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines import BestLR, ItemMean
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, exact_filter
from torchedu.datasets.answers import Answers, ragged_index, stretch_index
from torchedu.datasets.splits import Part, attributes
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.evaluation.shared_sections import audited
from torchedu.evaluation.tracing_sections import (
    by_groups,
    by_length,
    one_student,
    ranking_and_trust,
    within_students,
)
from torchedu.metrics import calibration_points, roc_points, scores, scores_by
from torchedu.metrics.fairness import Attribute, audit
from torchedu.metrics.intervals import FEW, auc_interval
from torchedu.metrics.within import Skills, Within, within
from torchedu.prediction.tracing import Predicted, followed, predict_part, write_predictions
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, ITEM, RESERVED, SKILL
from torchedu.tasks import KnowledgeTracing

ANSWERS = 100_000
"""Answers, at least, of the students whose answers a baseline predicts at once."""
HISTORY = (0, 1, 5, 10, 20, 50, 100, 200)
"""Numbers of earlier answers at which the stretches of ``by_history`` begin."""
COLUMNS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}

Model = tuple[str, str, NDArray[Any]]
"""What predicted, its kind, and its predictions."""


@evaluate.register
def _(
    task: KnowledgeTracing,
    data: Interactions,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score each answer once; ``evaluate`` tells the rest.

    Adds ``by_group``, ``fairness`` and ``by_history``; the folder gets ``predictions.parquet`` too.
    """
    known = predict_part(task, data, trainer, part)
    if not trainer.is_global_zero:
        return {}
    store = data.store
    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, dict[str, list[float]]]] = {}
    stretches = _stretches(known)
    # One after the other: all predictions of all models would not fit in memory.
    alone: dict[str, Within] = {}
    skills = _skills(store, known)
    for name, kind, probability in _models(task, data, known, part, baselines):
        alone[name] = within(probability, known.correct, known.student)
        skilled = within(probability, known.correct, known.student, skills)
        rows.append(
            {
                "name": name, "kind": kind, **scores(probability, known.correct),
                "auc_within": alone[name].auc(), "auc_within_skill": skilled.auc(),
                "pairs_within": int(alone[name].pairs.sum()),
                "pairs_within_skill": int(skilled.pairs.sum()),
            }
        )  # fmt: skip
        curves[name] = {
            "roc": roc_points(probability, known.correct),
            "calibration": calibration_points(probability, known.correct),
        }
        _score_stretches(stretches, kind, known, probability)
    network = rows[0]["name"]
    groups, fairness = _by_group(store, known, alone[network]), _fairness(store, known)
    if folder is not None:
        write_predictions(RunFolder(Path(folder)).table(), data, known)
    overall = rows[0]["auc"]
    found = evaluation(
        task, data, part,
        counts={"students": len(np.unique(known.student)), "answers": len(known.correct)},
        facts={f"{kind}s": len(list(store.vocabulary[kind])) for kind in (ITEM, SKILL)},
        columns=COLUMNS,
        scores=rows,
        verb="predicts the next answer with",
        origin=0.5,
        sections=[
            ranking_and_trust(rows, curves),
            within_students(rows),
            by_length(stretches, network),
            by_groups(groups, network, overall),
            audited(fairness),
            one_student(followed(task, data, known, part)),
        ],
        by_group=groups,
        fairness=fairness,
        by_history=stretches,
    )  # fmt: skip
    interval = auc_interval(known.probability, known.correct, known.student)
    found["auc_interval"] = interval and list(interval)
    found["lead"] += _too_few(found["counts"]["students"], interval)
    return keep(found, folder)


def _too_few(students: int, interval: tuple[float, float] | None) -> str:
    """Say that students are too few to judge by, and how far the AUC would move with others."""
    if students >= FEW:
        return ""
    moves = (
        "" if interval is None else ": with others it would be {:.2f} to {:.2f}".format(*interval)
    )
    return f" Too small to judge: {students:,} students{moves}."


def _models(
    task: KnowledgeTracing, data: Interactions, known: Predicted, part: str, baselines: Baselines
) -> Iterator[Model]:
    """Yield the predictions of the network, of what it has to beat, and of what nobody can."""
    store, of = data.store, data.parts[part]
    yield type(task.net).__name__, "network", known.probability
    if baselines:
        learned = store.answers(data.parts["train"].student, data.parts["train"].stop)
        for baseline in fitted((ItemMean(), BestLR()), baselines, learned):
            yield baseline.name, "baseline", _in_blocks(baseline.predict, store, of, np.float32)
    if "simulator" in store.about:

        def best(answers: Answers) -> NDArray[np.float64]:
            return exact_filter.predict(store.about, answers)

        yield "best reachable", "bound", _in_blocks(best, store, of, np.float64)
        yield "oracle", "oracle", store.answer_column("truth")[_scored(store, of)]


def _in_blocks(
    predict: Callable[[Answers], NDArray[Any]], store: AnswerStore, part: Part, dtype: type
) -> NDArray[Any]:
    """Predict a part's scored answers, some students at a time.

    Args:
        predict: Predicts each answer from the same student's answers before it.
        store: The answers.
        part: Who is scored, and from which answer on.
        dtype: What the predictions are kept as.

    Returns:
        Shape (scored answers,).
    """
    found: NDArray[Any] = np.empty(part.num_answers, dtype)
    ends = np.cumsum(part.stop)
    begins = np.flatnonzero(np.diff(ends // ANSWERS, prepend=-1, append=-1))
    done = 0
    for first, after in pairwise(begins.tolist()):
        some = Part(*(column[first:after] for column in part))
        scored = predict(store.answers(some.student, some.stop))[_scored_within(some)]
        found[done : done + len(scored)] = scored
        done += len(scored)
    return found


def _scored(store: AnswerStore, part: Part) -> NDArray[np.int64]:
    """Return the index in the store of a part's scored answers."""
    starts = store.history_offsets[part.student] + part.first
    return stretch_index(starts, part.stop - part.first)[0]


def _scored_within(part: Part) -> NDArray[np.int64]:
    """Return the index of a part's scored answers among its students' histories up to ``stop``."""
    begins = np.cumsum(part.stop) - part.stop
    return stretch_index(begins + part.first, part.stop - part.first)[0]


def _skills(store: AnswerStore, known: Predicted) -> Skills:
    """Return what gives the skills of predicted answers."""

    def skills(some: slice) -> tuple[NDArray[np.int64], NDArray[Any]]:
        answer = store.history_offsets[known.student[some]] + known.position[some]
        index, offsets = ragged_index(store.skill_offsets, store.item[answer])
        return np.diff(offsets), store.skill[index]

    return skills


def _by_group(store: AnswerStore, known: Predicted, alone: Within) -> dict[str, Any]:
    """Score the network on each group of students, pooled and within students."""
    found: dict[str, Any] = {}
    for attribute in attributes(store.vocabulary):
        group = store.group(attribute)
        names = ["", "not said", *store.vocabulary[GROUP + attribute]]
        rows = scores_by(
            known.probability, known.correct, group[known.student], names, known.student
        )
        for row in rows:
            row["auc_within"] = alone.auc(group[alone.student] == names.index(str(row["group"])))
        found[attribute] = rows
    return found


def _fairness(store: AnswerStore, known: Predicted) -> dict[str, Any] | None:
    """Compare groups of students, whole students dealt out by chance; None without groups."""
    names, groups = store.vocabulary, attributes(store.vocabulary)
    if not groups or not len(known.student):
        return None
    compared = {
        # Ids 0 and 1 belong to no name.
        name: Attribute(
            (store.group(name) - RESERVED).astype(np.int16)[known.student],
            list(names[GROUP + name]),
        )
        for name in groups
    }
    return audit(
        known.probability, known.correct, compared,
        student=known.student, intersections=False,
    )  # fmt: skip


def _stretches(known: Predicted) -> list[dict[str, Any]]:
    """Return the stretches of histories in which there are answers, not yet scored."""
    rows = []
    for first, after in zip(HISTORY, (*HISTORY[1:], None), strict=True):
        some = _between(known, first, after)
        if some.any():
            last = int(known.position[some].max()) if after is None else after - 1
            scored = {"auc": None, "auc_within": None, "best_baseline_auc": None}
            rows.append({"from": first, "to": last, "answers": int(some.sum()), **scored})
    return rows


def _between(known: Predicted, first: int, after: int | None) -> NDArray[np.bool_]:
    """Say which answers have so many before them."""
    return (known.position >= first) & (after is None or known.position < after)


def _score_stretches(
    rows: list[dict[str, Any]], kind: str, known: Predicted, probability: NDArray[Any]
) -> None:
    """Note a model's AUC in each stretch where it is the best of its kind."""
    if kind not in ("network", "baseline"):
        return
    column = "auc" if kind == "network" else "best_baseline_auc"
    for row in rows:
        some = _between(known, row["from"], row["to"] + 1)
        auc = scores(probability[some], known.correct[some])["auc"]
        row[column] = max((one for one in (row[column], auc) if one is not None), default=None)
        if kind == "network":
            alone = within(probability[some], known.correct[some], known.student[some])
            row["auc_within"] = alone.auc()
