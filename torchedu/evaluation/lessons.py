"""An honest tagger: macro-F1 of each role's tags beside that of simpler models, and one lesson."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines.tag_svm import CommonestTag, Sentences, TfidfSVM
from torchedu.datamodules import Transcripts
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.metrics.tags import confusion, tag_f1, tag_scores
from torchedu.prediction.lessons import PredictedTags, predict_tags
from torchedu.schema import RESERVED, ROLES, TAG
from torchedu.sections import Band, Dot, Dots, Section, Stripes
from torchedu.tasks import TranscriptTagging

Ids = NDArray[np.int64]
BASELINES = (CommonestTag, TfidfSVM)
SCORES = {"macro_f1": "macro-F1", "mcc": "MCC"}
NO_MOVE = ("none", "other", "no move")
"""Names of the tag that stands for no other."""
LEAST_SHOWN = 100
"""Sentences that a lesson has at least that is drawn, if any is as long."""


@evaluate.register
def _(
    task: TranscriptTagging,
    data: Transcripts,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score the tags of a part; ``evaluate`` tells the rest.

    Adds ``by_tag``, for each role's tags how many sentences have each and its F1 by model.
    """
    known = predict_tags(task, data, trainer, part)
    if not trainer.is_global_zero:
        return {}
    assert task.vocabulary is not None
    store, rows = data.store, known.sentence
    role, tag = (np.asarray(store.column(name))[rows] for name in ("role", "tag"))
    counted: dict[str, dict[str, Any]] = {}  # how often which tag was given, by model and role
    network = type(task.net).__name__
    kinds = {network: "network"}
    for number, who in enumerate(ROLES):
        own, names = store.vocabulary[TAG + who], task.vocabulary[TAG + who]
        true = np.array(own.translation(names))[np.where(role == number, tag, 0)]
        mine = true >= RESERVED
        given = {network: known.tag[mine]}
        if baselines and mine.any():
            for name, told in _baselines(baselines, data, number, rows[mine]).items():
                given[name] = np.array(own.translation(names))[told]
                kinds[name] = "baseline"
        for name, tags in given.items():
            given_tags = np.maximum(tags - RESERVED, 0)
            table = confusion(true[mine] - RESERVED, given_tags, len(names) - RESERVED)
            counted.setdefault(name, {})[who] = table
    scored = [who for who, table in counted[network].items() if table.sum()]
    by_tag = {who: _by_tag(list(task.vocabulary[TAG + who]), who, counted) for who in scored}
    found = evaluation(
        task, data, part,
        counts={
            "lessons": len(data.parts[part].student),
            "sentences": len(rows),
            "tagged sentences": int(sum(table.sum() for table in counted[network].values())),
        },
        columns={
            f"{who}_{score}": f"{who}s' {title}"
            for who in scored
            for score, title in SCORES.items()
        },
        scores=[
            {
                "name": name,
                "kind": kind,
                **{
                    f"{who}_{score}": value
                    for who, table in counted[name].items()
                    for score, value in tag_scores(table).items()
                },
            }
            for name, kind in kinds.items()
        ],
        verb="tags with",
        sections=[_lesson(task, data, known), _tag_by_tag(by_tag, network)],
        by_tag=by_tag,
    )  # fmt: skip
    return keep(found, folder)


def _baselines(baselines: Baselines, data: Transcripts, role: int, rows: Ids) -> dict[str, Ids]:
    """Return the baselines' tags of some sentences of a role, in the ids of the store."""
    store, learned = data.store, data.sentences_of("train")
    tag = np.asarray(store.column("tag"))
    learned = learned[(np.asarray(store.column("role"))[learned] == role) & (tag[learned] > 0)]
    if not len(learned):
        return {}
    every = fitted((kind() for kind in BASELINES), baselines, _sentences(data, learned))
    asked = _sentences(data, rows)
    return {one.name: one.predict(asked) for one in every}


def _sentences(data: Transcripts, rows: Ids) -> Sentences:
    """Return some sentences, and the one right before each; "" at a lesson's begin."""
    store = data.store
    begins = np.isin(rows, store.lesson_offsets)
    before = store.sentences(np.maximum(rows - 1, 0))
    return Sentences(
        store.sentences(rows),
        ["" if begin else text for begin, text in zip(begins, before, strict=True)],
        np.searchsorted(store.lesson_offsets, rows, "right"),
        np.asarray(store.column("tag"))[rows].astype(np.int64),
    )


def _by_tag(
    names: list[str], role: str, counted: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return how many sentences of a role have each tag, and its F1 by model."""
    tables = {name: by_role[role] for name, by_role in counted.items() if role in by_role}
    f1 = {name: tag_f1(table) for name, table in tables.items()}
    sentences = next(iter(tables.values())).sum(1).tolist()
    return [
        {"tag": tag, "sentences": sentences[i], "f1": {name: f1[name][i] for name in f1}}
        for i, tag in enumerate(names)
    ]


def _tag_by_tag(by_tag: dict[str, list[dict[str, Any]]], network: str) -> Section:
    """Show the F1 of each tag, the network's beside the baselines'."""
    dots = [
        Dot(f"{who}s: {one['tag']}", one["f1"], one["sentences"])
        for who, tags in by_tag.items()
        for one in tags
    ]
    return Section(
        "Tag by tag",
        "F1 is the harmonic mean of how many of the sentences so tagged have the tag, and how many "
        "of those that have it are found. Dots are the network's, strokes the baselines'.",
        [Dots("F1 (sentences with the tag in brackets)", network, dots)] if dots else (),
    )


def _lesson(task: TranscriptTagging, data: Transcripts, known: PredictedTags) -> Section:
    """Show one lesson from its begin to its end: of those long enough, one of middling length."""
    assert task.vocabulary is not None
    store, rows = data.store, known.sentence
    lesson = np.searchsorted(store.lesson_offsets, rows, "right") - 1
    shown, first, length = np.unique(lesson, return_index=True, return_counts=True)
    title = "One lesson over time"
    if not len(shown):
        return Section(title, "This part holds no lesson.", lacking=True)
    enough = np.flatnonzero(length >= min(LEAST_SHOWN, length.max()))
    at = int(enough[np.argsort(length[enough], kind="stable")[len(enough) // 2]])
    here = slice(first[at], first[at] + length[at])
    role, tag, words = (
        np.asarray(store.column(name))[rows[here]] for name in ("role", "tag", "words")
    )
    bands = []
    for number, who in enumerate(ROLES):
        own, names = store.vocabulary[TAG + who], task.vocabulary[TAG + who]
        mine = role == number
        if not (mine.any() and len(list(names))):
            continue
        by_people = np.maximum(np.array(own.translation(names))[np.where(mine, tag, 0)], 1)
        tags = {"network": known.tag[here], "people": by_people}
        tags = {by: np.where(mine, ids - RESERVED, -1) for by, ids in tags.items()}
        pale = next((i for i, name in enumerate(names) if name.lower() in NO_MOVE), -1)
        bands.append(
            Band(f"{who}s", list(names), {k: v for k, v in tags.items() if (v >= 0).any()}, pale)
        )
    return Section(
        title,
        f"Lesson row {int(shown[at])}. Each stripe is a sentence, as wide as it has words: what "
        "the speaker did with it, as the network tags it and, where people did, as they did.",
        [Stripes("words said since the lesson began", np.maximum(words, 1), bands)],
        private=True,
    )
