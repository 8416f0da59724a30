"""An honest evaluation: a network's predictions beside those of everything it has to beat.

One prediction an answered question, from the history before it, however many skills it has.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines import Baseline, BestLR, ItemMean, StreamingLR
from torchedu.baselines.tracing import drawn as drawn_students
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, exact_filter
from torchedu.datasets.answers import Answers, ragged_index, stretch_index
from torchedu.datasets.splits import Part, attributes
from torchedu.evaluation.any_task import Request, findings, fitted
from torchedu.evaluation.judged import Judged, judged
from torchedu.evaluation.sections import alike
from torchedu.evaluation.side_by_side import curves, groups_of, names_of
from torchedu.evaluation.tracing_sections import (
    by_groups,
    by_length,
    one_student,
    ranking_and_trust,
    skill_by_skill,
    within_students,
)
from torchedu.mapped import empty
from torchedu.metrics import scores, scores_by, scores_of
from torchedu.metrics.paired import Estimate, auc
from torchedu.metrics.scores import EXACT
from torchedu.metrics.within import Skills, Within, within
from torchedu.prediction.stream import Columns, predicted
from torchedu.prediction.tables import write_table
from torchedu.prediction.tracing import answers, followed
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, ITEM, SKILL
from torchedu.tasks import KnowledgeTracing

BLOCK = 2**20
"""Answers of all of which a column is read at once."""
ANSWERS = 100_000
"""Answers, at least, of the students whose answers a baseline predicts at once."""
LOOKED_AT = 2_000_000
"""Answers, of whole students, that stand for all where these are too many to be put in order."""
LEARNED = 5_000_000
"""Answers of the training part, of whole students, that baselines are fitted to."""
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


@findings.register
def _(task: KnowledgeTracing, data: Interactions, request: Request) -> dict[str, Any]:
    """Score each answer once.

    Of more than ``EXACT`` answers the curves, the intervals, the groups and the stretches of
    histories are those of ``LOOKED_AT``, of students drawn at random; the scores of each model are
    of all.

    Adds ``by_group``, ``fairness`` and ``by_history``; the folder gets ``predictions.parquet`` too.
    """
    known = predicted(task, data, request.part, request.trainer)
    if not request.trainer.is_global_zero:
        return {}
    store, student, correct = data.store, known["student"], known["correct"]
    rows: list[dict[str, Any]] = []
    drawn: dict[str, dict[str, dict[str, list[float]]]] = {}
    some = _some(student)
    few = {name: column[some] for name, column in known.items()}
    stretches = _stretches(few["position"])
    aucs: dict[str, list[list[float | None]]] = {"network": [], "baseline": []}
    # One after the other: all predictions of all models would not fit in memory.
    alone: Within | None = None
    estimates: dict[str, Estimate] = {}
    skills, later = _skills(store, known), _later(known["position"])
    for name, kind, probability in models(task, data, known, request):
        inside = within(probability, correct, student)
        alone = alone or inside  # the network's, which comes first
        skilled = within(probability, correct, student, skills)
        said = probability[some]
        rows.append(
            {
                "name": name, "kind": kind, **scores(probability, correct),
                "auc_within": inside.auc(), "auc_within_skill": skilled.auc(),
                "auc_later": later(probability, correct),
                "pairs_within": int(inside.pairs.sum()),
                "pairs_within_skill": int(skilled.pairs.sum()),
            }
        )  # fmt: skip
        drawn[name] = curves(said, few["correct"])
        if kind in aucs:
            estimates[name] = auc(said, few["correct"], few["student"])
            masks = (_inside(few["position"], stretch) for stretch in stretches)
            aucs[kind].append([scores(said[mask], few["correct"][mask])["auc"] for mask in masks])
    assert alone is not None
    network = rows[0]["name"]
    by_history = _by_history(few, stretches, aucs)
    by_group = _by_group(store, few, alone)
    fairness = _whole(task, data, few).audit()
    first = _first_answers(known["position"])
    facts = {f"{kind}s": len(list(store.vocabulary[kind])) for kind in (ITEM, SKILL)}
    if len(few["student"]) < len(student):
        facts["answers drawn for curves, intervals, groups"] = len(few["student"])
    if request.folder is not None:
        write_table(RunFolder(request.folder).table(), answers(data, known))
    return {
        "counts": {"students": len(alone.student), "answers": len(correct)},
        "first_answers": first,
        "facts": facts,
        "columns": COLUMNS,
        "scores": rows,
        "verb": "predicts the next answer with",
        "origin": 0.5,
        "estimate": estimates.get,
        "product": "Follow students with it: torchedu predict RUN --pages true writes each "
        "answer's chance and each student's mastery, a page a student.",
        "sections": [
            one_student(followed(task, data, few, request.part)),
            skill_by_skill(_by_skill(store, known)),
            ranking_and_trust(rows, drawn),
            within_students(rows),
            by_length(by_history, rows, first),
            by_groups(by_group, network, rows[0]["auc"]),
            alike(fairness),
        ],
        "by_group": by_group,
        "fairness": fairness,
        "by_history": by_history,
    }


@judged.register
def _whole(task: KnowledgeTracing, data: Interactions, columns: Columns) -> Judged:
    """Judge all answers, those of a student together."""
    student = columns["student"]
    groups = groups_of(data.store, student)
    return Judged(columns["probability"], columns["correct"], student, groups)


def models(
    task: KnowledgeTracing, data: Interactions, known: Columns, request: Request
) -> Iterator[Model]:
    """Yield the predictions of the network, of what it has to beat, and of what nobody can.

    Args:
        task: The trained task.
        data: The answers.
        known: The columns of ``TracedAnswers``, in whose order the others' come too.
        request: Which part is scored, and beside what.
    """
    store, of = data.store, data.parts[request.part]
    yield type(task.net).__name__, "network", known["probability"]
    if request.baselines:
        learned, same = data.learned, data.learned is data
        names = learned.store.vocabulary.grown(store.vocabulary)
        train = learned.parts["train"]
        fitted_to = drawn_students(train.stop, LEARNED, learned.seed)
        past = learned.answers(names, Part(*(column[fitted_to] for column in train)))
        own: list[Baseline[Answers, NDArray[Any]]] = [ItemMean(), BestLR()]
        ready = [data.regression] if same else []
        own += [] if same else [StreamingLR()]
        read = partial(data.answers, names)
        for baseline in fitted(own, request.baselines, past, ready):
            said = partial(_said, baseline.predict, read)
            yield baseline.name, "baseline", _in_blocks(said, of, np.float32)
    if "simulator" in store.about:
        best = partial(exact_filter.predict, store.about)
        read = partial(data.answers, store.vocabulary)
        yield "best reachable", "bound", _in_blocks(partial(_said, best, read), of, np.float64)
        if store.has("truth"):
            yield "oracle", "oracle", _in_blocks(partial(_truth, store), of, np.float32)


def _said(
    predict: Callable[[Answers], NDArray[Any]], read: Callable[[Part], Answers], some: Part
) -> NDArray[Any]:
    """Predict some students' scored answers, each from the same student's answers before it."""
    return predict(read(some))[_scored_within(some)]


def _in_blocks(
    said: Callable[[Part], NDArray[Any]], part: Part, dtype: type[np.generic]
) -> NDArray[Any]:
    """Predict a part's scored answers, some students at a time.

    Args:
        said: Predicts the scored answers of some students.
        part: Who is scored, and from which answer on.
        dtype: What the predictions are kept as.

    Returns:
        Shape (scored answers,).
    """
    predicted_answers: NDArray[Any] = empty(part.num_answers, dtype)
    ends = np.cumsum(part.stop)
    begins = np.flatnonzero(np.diff(ends // ANSWERS, prepend=-1, append=-1))
    done = 0
    for first, after in pairwise(begins.tolist()):
        scored = said(Part(*(column[first:after] for column in part)))
        predicted_answers[done : done + len(scored)] = scored
        done += len(scored)
    return predicted_answers


def _truth(store: AnswerStore, some: Part) -> NDArray[Any]:
    """Return what the hidden states of simulated students say of their scored answers."""
    return store.answer_column("truth")[_scored(store, some)]


def _scored(store: AnswerStore, part: Part) -> NDArray[np.int64]:
    """Return the index in the store of a part's scored answers."""
    starts = store.history_offsets[part.student] + part.first
    return stretch_index(starts, part.stop - part.first)[0]


def _scored_within(part: Part) -> NDArray[np.int64]:
    """Return the index of a part's scored answers among its students' histories up to ``stop``."""
    begins = np.cumsum(part.stop) - part.stop
    return stretch_index(begins + part.first, part.stop - part.first)[0]


def _some(student: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return which answers are looked at closely: all, or ``LOOKED_AT`` of more than ``EXACT``.

    Args:
        student: Whose each answer is, ascending; shape (answers,).
    """
    if len(student) <= EXACT:
        return slice(None)
    parts = ((first, student[first : first + BLOCK + 1]) for first in range(0, len(student), BLOCK))
    others = [first + 1 + np.flatnonzero(np.diff(some)) for first, some in parts]
    starts = np.concatenate([[0], *others])
    lengths = np.diff(starts, append=len(student))
    chosen = drawn_students(lengths, LOOKED_AT, 0)
    return stretch_index(starts[chosen], lengths[chosen])[0]


def _later(
    position: NDArray[np.int64],
) -> Callable[[NDArray[Any], NDArray[Any]], float | None]:
    """Return what gives the AUC of the answers that are not a student's first."""

    def later(probability: NDArray[Any], correct: NDArray[Any]) -> float | None:
        if len(position) <= EXACT:
            later = position > 0
            return scores(probability[later], correct[later])["auc"]
        parts = (slice(first, first + BLOCK) for first in range(0, len(position), BLOCK))
        kept = ((part, position[part] > 0) for part in parts)
        return scores_of((probability[part][of], correct[part][of]) for part, of in kept)["auc"]

    return later


def _first_answers(position: NDArray[np.int64]) -> int:
    """Count the answers that are a student's first."""
    parts = (position[first : first + BLOCK] for first in range(0, len(position), BLOCK))
    return sum(int((part == 0).sum()) for part in parts)


def _skills(store: AnswerStore, known: Columns) -> Skills:
    """Return what gives the skills of predicted answers."""

    def skills(some: slice) -> tuple[NDArray[np.int64], NDArray[Any]]:
        answer = store.history_offsets[known["student"][some]] + known["position"][some]
        index, offsets = ragged_index(store.skill_offsets, np.asarray(store.item[answer], np.int64))
        return np.diff(offsets), store.skill[index]

    return skills


def _by_skill(store: AnswerStore, known: Columns) -> list[dict[str, Any]]:
    """Tell of each skill how many answers ask for it, how many are right, and what was predicted.

    Answers of an item without skills are left out.
    """
    names = store.vocabulary[SKILL]
    sums = np.zeros((3, len(names)))
    skills, size = _skills(store, known), len(known["student"])
    for begin in range(0, size, ANSWERS):
        some = slice(begin, begin + ANSWERS)
        counts, skill = skills(some)
        columns = (np.ones(len(counts)), known["correct"][some], known["probability"][some])
        for row, values in enumerate(columns):
            sums[row] += np.bincount(skill, np.repeat(values, counts), len(names))
    return [
        {
            "skill": names.name(id), "answers": int(sums[0, id]),
            "right": sums[1, id] / sums[0, id], "predicted": sums[2, id] / sums[0, id],
        }
        for id in np.flatnonzero(sums[0]).tolist()
    ]  # fmt: skip


def _by_group(store: AnswerStore, known: Columns, alone: Within) -> dict[str, Any]:
    """Score the network on each group of students, pooled and within students."""
    by_group: dict[str, Any] = {}
    for attribute in attributes(store.vocabulary):
        group, names = store.group(attribute), names_of(store, GROUP + attribute)
        by_group[attribute] = rows = scores_by(
            known["probability"], known["correct"], group[known["student"]], names,
            known["student"],
        )  # fmt: skip
        for row in rows:
            row["auc_within"] = alone.auc(group[alone.student] == names.index(str(row["group"])))
    return by_group


def _stretches(position: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the stretches of histories in which there are answers: their first and last place."""
    ends = (*HISTORY[1:], int(position.max(initial=-1)) + 1)
    bounds = [(first, after - 1) for first, after in zip(HISTORY, ends, strict=True)]
    return [stretch for stretch in bounds if _inside(position, stretch).any()]


def _inside(position: NDArray[np.int64], stretch: tuple[int, int]) -> NDArray[np.bool_]:
    """Say which answers lie in a stretch."""
    return (position >= stretch[0]) & (position <= stretch[1])


def _by_history(
    known: Columns, stretches: list[tuple[int, int]], aucs: dict[str, list[list[float | None]]]
) -> list[dict[str, Any]]:
    """Tell the AUC in each stretch: the network's, and the best of the baselines'."""
    rows = []
    for i, stretch in enumerate(stretches):
        some = _inside(known["position"], stretch)
        p, correct, student = (known[name][some] for name in ("probability", "correct", "student"))
        baselines = [auc for each in aucs["baseline"] if (auc := each[i]) is not None]
        rows.append(
            {
                "from": stretch[0], "to": stretch[1], "answers": len(p),
                "auc": aucs["network"][0][i], "auc_within": within(p, correct, student).auc(),
                "best_baseline_auc": max(baselines, default=None),
            }
        )  # fmt: skip
    return rows
