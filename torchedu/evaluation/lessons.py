"""An honest tagger: macro-F1 of each role's tags beside that of simpler models, and one lesson."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.tag_svm import CommonestTag, Sentences, TfidfSVM
from torchedu.datamodules import Transcripts
from torchedu.evaluation.any_task import Baselines, Request, findings, fitted
from torchedu.evaluation.sections import confused, lacking
from torchedu.evaluation.side_by_side import Models, rows
from torchedu.metrics.paired import SHARE, without_each
from torchedu.metrics.tags import confusion, tag_f1, tag_scores
from torchedu.prediction.lessons import sentences, summaries
from torchedu.prediction.stream import Columns, predicted
from torchedu.schema import RESERVED, ROLES, TAG
from torchedu.sections import Band, Dot, Dots, Section, Stripes, Table
from torchedu.tasks import TranscriptTagging

Ids = NDArray[np.int64]
BASELINES = (CommonestTag, TfidfSVM)
SCORES = {"macro_f1": "macro-F1", "mcc": "MCC"}
NO_MOVE = ("none", "other", "no move")
"""Names of the tag that stands for no other."""
LESSONS = 10
"""Lessons of which it is told who talked how much."""
LEAST_SHOWN = 100
"""Sentences that a lesson has at least that is drawn, if any is as long."""


@findings.register
def _(task: TranscriptTagging, data: Transcripts, request: Request) -> dict[str, Any]:
    """Score the tags of a part.

    Adds ``by_tag``, for each role's tags how many sentences have each and its F1 by model.
    """
    known = predicted(task, data, request.part, request.trainer)
    if not request.trainer.is_global_zero:
        return {}
    store, tagged = data.store, sentences(data, known)
    role, tag = (np.asarray(store.column(name))[tagged] for name in ("role", "tag"))
    network = type(task.net).__name__
    models: Models[dict[str, Any]] = {network: ("network", {})}  # how often which tag was given
    by_tag: dict[str, list[dict[str, Any]]] = {}
    first: dict[str, Callable[[NDArray[np.bool_]], float | None]] = {}
    lesson, confusions = np.empty(0), []
    for number, who in enumerate(ROLES):
        names, translation = _names(task, data, who)
        true = translation[np.where(role == number, tag, 0)]
        mine = true >= RESERVED
        given = {network: known["tag"][mine]}
        if request.baselines and mine.any():
            said = _baselines(request.baselines, data, number, tagged[mine])
            _, learnt = _names(task, data.learned, who)
            given |= {name: learnt[tags] for name, tags in said.items()}
        counted = {}
        for name, tags in given.items():
            tags = np.maximum(tags - RESERVED, 0)
            counted[name] = confusion(true[mine] - RESERVED, tags, len(names))
            models.setdefault(name, ("baseline", {}))[1][who] = counted[name]
            if not by_tag and mine.any():
                first[name] = partial(_macro_f1, true[mine] - RESERVED, tags, len(names))
                lesson = known["lesson"][mine]
        if mine.any():
            by_tag[who] = _by_tag(names, counted)
            said_tags = np.maximum(given[network] - RESERVED, 0)
            confusions.append(
                confused(true[mine] - RESERVED, said_tags, names, "people", "the network",
                         f"{who}s' tags")
            )  # fmt: skip

    def scored(tables: dict[str, Any]) -> dict[str, Any]:
        by_role = {who: tag_scores(table) for who, table in tables.items()}
        return {f"{who}_{score}": own[score] for who, own in by_role.items() for score in own}

    _, tables = models[network]
    return {
        "counts": {
            "lessons": len(data.parts[request.part].student),
            "sentences": len(tagged),
            "tagged sentences": int(sum(table.sum() for table in tables.values())),
        },
        "columns": {
            f"{who}_{score}": f"{who}s' {title}"
            for who in by_tag
            for score, title in SCORES.items()
        },
        "scores": rows(models, scored),
        "verb": "tags with",
        "estimate": lambda name: (
            without_each(first[name], lesson, SHARE) if name in first else None
        ),
        "product": "Tag with it: torchedu predict RUN --pages true, with a file of lessons, writes "
        "each sentence's tag and who talked how much, a page a lesson.",
        "sections": [
            _lesson(task, data, known),
            talk(task, data, known),
            _tag_by_tag(by_tag, network),
            _given(confusions),
        ],
        "by_tag": by_tag,
    }


def _macro_f1(true: Ids, given: Ids, size: int, mine: NDArray[np.bool_]) -> float | None:
    return tag_scores(confusion(true[mine], given[mine], size))["macro_f1"]


def _given(tables: list[Table]) -> Section:
    """Show how often which tag was given to what people tagged so."""
    title = "Given and predicted tags"
    if not tables:
        return lacking(title, "People tagged none of these sentences.")
    return Section(
        title,
        "How many sentences people gave each tag (rows), and what the network gave them (columns).",
        tables,
    )


def talk(task: TranscriptTagging, data: Transcripts, known: Columns) -> Section:
    """Show who talked how much in each lesson, and the tags that the network gave most."""
    assert task.vocabulary is not None
    title = "Who talked how much"
    summed = summaries(data, task.vocabulary, known)
    if not summed:
        return lacking(title, "This part holds no lesson.")
    rows = []
    for row, lesson in zip(np.unique(known["lesson"]).tolist(), summed[:LESSONS], strict=False):
        for who in ROLES:
            tags = sorted(lesson[who]["tags"].items(), key=lambda tag: -tag[1]["sentences"])
            most = [f"{tag} {own['share']:.0%}" for tag, own in tags[:3] if own["sentences"]]
            share = f"{lesson[who]['share_of_words']:.0%}"
            rows.append([f"lesson row {row}", f"{who}s", share, ", ".join(most)])
    cut = f" The first {LESSONS} of {len(summed):,} lessons." if len(summed) > LESSONS else ""
    return Section(
        title,
        f"Of each lesson the share of its words, and the commonest tags of what was said.{cut}",
        [Table(["lesson", "who", "share of words", "commonest tags"], rows)],
        private=True,
    )


def _names(task: TranscriptTagging, data: Transcripts, who: str) -> tuple[list[str], Ids]:
    """Return the network's names of a role's tags, and its id of each id of the store."""
    assert task.vocabulary is not None
    names = task.vocabulary[TAG + who]
    return list(names), np.array(data.store.vocabulary[TAG + who].translation(names))


def _baselines(baselines: Baselines, data: Transcripts, role: int, asked: Ids) -> dict[str, Ids]:
    """Return the baselines' tags of some sentences of a role, in the ids of what they learn."""
    store, learned = data.learned.store, data.learned.sentences_of("train")
    tag = np.asarray(store.column("tag"))
    learned = learned[(np.asarray(store.column("role"))[learned] == role) & (tag[learned] > 0)]
    if not len(learned):
        return {}
    every = fitted((kind() for kind in BASELINES), baselines, _sentences(data.learned, learned))
    wanted = _sentences(data, asked)
    return {baseline.name: baseline.predict(wanted) for baseline in every}


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


def _by_tag(names: list[str], counted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how many sentences of a role have each tag, and its F1 by model."""
    f1 = {name: tag_f1(table) for name, table in counted.items()}
    sentences = next(iter(counted.values())).sum(1).tolist()
    return [
        {"tag": tag, "sentences": sentences[i], "f1": {name: f1[name][i] for name in f1}}
        for i, tag in enumerate(names)
    ]


def _tag_by_tag(by_tag: dict[str, list[dict[str, Any]]], network: str) -> Section:
    """Show the F1 of each tag, the network's beside the baselines'."""
    dots = [
        Dot(f"{who}s: {row['tag']}", row["f1"], row["sentences"])
        for who, tags in by_tag.items()
        for row in tags
        if row["sentences"]  # of none, F1 says nothing
    ]
    title = "Tag by tag"
    if not dots:
        return lacking(title, "People tagged nothing here.")
    return Section(
        title,
        "F1 is the harmonic mean of how many of the sentences so tagged have the tag, and how many "
        "of those that have it are found. Dots are the network's, strokes the baselines'.",
        [Dots("F1 (sentences with the tag in brackets)", network, dots)],
    )


def _lesson(task: TranscriptTagging, data: Transcripts, known: Columns) -> Section:
    """Show one lesson from its begin to its end: of those long enough, one of middling length."""
    shown, first, length = np.unique(known["lesson"], return_index=True, return_counts=True)
    title = "One lesson over time"
    if not len(shown):
        return lacking(title, "This part holds no lesson.")
    enough = np.flatnonzero(length >= min(LEAST_SHOWN, length.max()))
    at = int(enough[np.argsort(length[enough], kind="stable")[len(enough) // 2]])
    here = slice(first[at], first[at] + length[at])
    role, tag, words = (
        np.asarray(data.store.column(name))[sentences(data, known)[here]]
        for name in ("role", "tag", "words")
    )
    bands = []
    for number, who in enumerate(ROLES):
        names, translation = _names(task, data, who)
        mine = role == number
        if not (mine.any() and names):
            continue
        by_people = np.maximum(translation[np.where(mine, tag, 0)], 1)
        tags = {"network": known["tag"][here], "people": by_people}
        said = {by: np.where(mine, ids - RESERVED, -1).tolist() for by, ids in tags.items()}
        pale = next((i for i, name in enumerate(names) if name.lower() in NO_MOVE), -1)
        said = {by: ids for by, ids in said.items() if max(ids) >= 0}
        bands.append(Band(f"{who}s", names, said, pale))
    return Section(
        title,
        f"Lesson row {int(shown[at])}. Each stripe is a sentence, as wide as it has words: what "
        "the speaker did with it, as the network tags it and, where people did, as they did.",
        [Stripes("words said since the lesson began", np.maximum(words, 1), bands)],
        private=True,
    )
