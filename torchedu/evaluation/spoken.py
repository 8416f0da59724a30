"""An honest grading of answers: each score beside text, sound, duration or ink alone."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.spoken import Answers, InkLine, PaceLine, SoundLine, TextLine
from torchedu.datamodules import SpokenAnswers
from torchedu.datasets.splits import attributes
from torchedu.evaluation.any_task import Request, findings, fitted
from torchedu.evaluation.sections import lacking
from torchedu.evaluation.side_by_side import Models, groups_of, rows
from torchedu.evaluation.spoken_sections import by_channel, heard, within_speakers
from torchedu.features.answer_sums import ink_sums, sound_sums
from torchedu.metrics.fairness import LEAST
from torchedu.metrics.grades import graded, pcc
from torchedu.metrics.paired import AGREEMENT, SHARE, Estimate, without_each
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import first_of_each
from torchedu.schema import SCORE
from torchedu.sections import Dot, Dots, Section
from torchedu.tasks import AnswerGrading

BASELINES = (TextLine, SoundLine, PaceLine)
TITLES = {"auc": "AUC", "pcc": "PCC", "qwk": "QWK", "mae": "MAE"}
FEW = 5
"""Speakers below which an interval is one over answers: it says nothing of another speaker."""

Values = NDArray[np.float64]


@findings.register
def _(task: AnswerGrading, data: SpokenAnswers, request: Request) -> dict[str, Any]:
    """Score grades of a part.

    Intervals are over speakers, over answers where they are fewer than ``FEW``. Adds ``channels``
    (each score by all there is and by each part of an answer alone, with the error of
    calibration and the width of intervals), ``within`` (the scores within speakers) and
    ``by_group``.
    """
    known = first_of_each(predicted(task, data, request.part, request.trainer), "answer")
    if not request.trainer.is_global_zero:
        return {}
    assert task.vocabulary is not None
    answer, names = known["answer"], list(task.vocabulary[SCORE])
    places = task.places_Y.cpu().numpy()
    target = data.batches.target[answer]
    owner = data.store.owners()[answer]
    place_K = np.arange(known["chance"].shape[-1])
    value = known["chance"].astype(float) @ place_K / np.maximum(places - 1, 1)
    network = type(task.net).__name__
    models: Models[Values] = {network: ("network", value)}
    if request.baselines:
        past = _answers(data.learned, data.learned.parts["train"])
        wanted = _answers(data, answer)
        kinds = (*BASELINES, InkLine) if past.ink.any() else BASELINES
        for baseline in fitted((kind() for kind in kinds), request.baselines, past):
            models[baseline.name] = ("baseline", baseline.predict(wanted))

    def scored(said: Values, mine: Any = slice(None)) -> dict[str, float | None]:
        return {
            f"{name}_{measure}": number
            for y, name in enumerate(names)
            for measure, number in graded(said[mine, y], target[mine, y], int(places[y])).items()
        }

    columns = {
        key: TITLES[key.rpartition("_")[2]] + (f" of {key.rpartition('_')[0]}" * (len(names) > 1))
        for key in scored(value)
    }
    first = next(iter(columns))
    scores = rows(models, scored)
    human = _people(data, answer, names)
    if human:
        scores.append({"name": "one person beside the others", "kind": "human",
                       **dict.fromkeys(columns), **human})  # fmt: skip
    speakers = len(np.unique(owner))
    over = owner if speakers >= FEW else np.arange(len(answer))

    def estimate(name: str) -> Estimate | None:
        if name not in models:
            return None
        said = models[name][1]
        between = SHARE if first.endswith("_auc") else AGREEMENT
        return without_each(lambda mine: scored(said, mine).get(first), over, between)

    counts = {"answers": len(answer), "speakers": speakers}
    channels, section = by_channel(known, target, names, places)
    within, beside = within_speakers(models, target, owner, over, names, places)
    by_group, groups = _by_group(data, answer, models, scored, first, columns[first], network)
    return {
        "counts": dict(reversed(counts.items())) if speakers >= FEW else counts,
        "columns": columns,
        "scores": scores,
        "origin": 0.5 if first.endswith("_auc") else 0.0,
        "verb": "grades with",
        "estimate": estimate,
        "product": "Grade with it beside a person: torchedu predict RUN, with a table of answers "
        "and their recordings, writes each score with the ends of what it is with 80 % chance.",
        "sections": [section, beside, groups, heard(data, known, target, names, places)],
        "channels": channels,
        "within": within,
        "by_group": by_group,
    }


def _answers(data: SpokenAnswers, answer: NDArray[np.int64]) -> Answers:
    """Return some answers as baselines see them, with the targets in the ranges in use."""
    sound, pace = sound_sums(data.store, data.how, answer)
    texts = [data.store.all_texts[row] for row in answer.tolist()]
    ink = ink_sums(data.store, answer)
    return Answers(
        texts, sound, pace, ink, data.batches.target[answer], data.store.owners()[answer]
    )


def _people(
    data: SpokenAnswers, answer: NDArray[np.int64], names: list[str]
) -> dict[str, float | None]:
    """Return how far each person's scores go with the mean of the others', a mean over people."""
    of_score: dict[str, float | None] = {}
    for name, given in data.store.raters.items():
        table = given[answer].astype(np.float64)
        table = table[np.isfinite(table).all(1)]
        each = [pcc(table[:, i], np.delete(table, i, 1).mean(1)) for i in range(table.shape[1])]
        known = [number for number in each if number is not None]
        if name in names and known:
            of_score[f"{name}_pcc"] = float(np.mean(known))
    return of_score


def _by_group(
    data: SpokenAnswers,
    answer: NDArray[np.int64],
    models: Models[Values],
    scored: Callable[..., Mapping[str, float | None]],
    first: str,
    title: str,
    network: str,
) -> tuple[dict[str, list[dict[str, Any]]], Section]:
    """Score the answers of each group of speakers apart."""
    heading = "Who speaks"
    if not attributes(data.store.vocabulary):
        return {}, lacking(heading, "The data names no groups of speakers.")
    by_group: dict[str, list[dict[str, Any]]] = {}
    for name, attribute in groups_of(data.store, answer).items():
        by_group[name] = []
        for number, group in enumerate(attribute.names):
            mine = np.equal(attribute.ids, number)
            if mine.sum() >= LEAST:
                own = {model: scored(said, mine).get(first) for model, (_, said) in models.items()}
                by_group[name].append({"name": group, "answers": int(mine.sum()), first: own})
    dots = [
        Dot(f"{name}: {row['name']}", row[first], row["answers"])
        for name, groups in by_group.items()
        for row in groups
    ]
    if not dots:
        return by_group, lacking(heading, f"No group of speakers has {LEAST} answers.")
    sentence = (
        "Each group of speakers is scored by itself: dots are the network's, strokes the "
        "baselines'. A group may be one speaker or a few: then it tells of them and of nobody else."
    )
    return by_group, Section(
        heading, sentence, [Dots(f"{title} (answers in brackets)", network, dots)], private=True
    )
