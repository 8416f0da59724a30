"""What was done with what was said: a tag for each sentence, and what each lesson comes to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.datamodules import Transcripts
from torchedu.files import write_whole
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import write_table
from torchedu.run_folder import RunFolder
from torchedu.schema import RESERVED, ROLES, TAG, Vocabulary
from torchedu.tasks import TranscriptTagging

LESSONS = 50
"""Lessons that are written at once."""


class PredictedTags(NamedTuple):
    """Tags of sentences, lesson by lesson in order.

    Attributes:
        sentence: Counted through all lessons of the store; shape (sentences,).
        tag: An id of the network's vocabulary, among the tags of the sentence's role.
        probability: How likely the network takes it to be.
    """

    sentence: NDArray[np.int64]
    tag: NDArray[np.int64]
    probability: NDArray[np.float32]


@predict.register
def _(
    task: TranscriptTagging, data: Transcripts, trainer: Trainer, folder: Path,
    form: str = "parquet",
) -> dict[Path, str]:  # fmt: skip
    """Write the tag of each sentence, and the shares of tags and of talk in each lesson."""
    check_format(form)
    given = predict_tags(task, data, trainer, None)
    if not trainer.is_global_zero:
        return {}
    assert task.vocabulary is not None
    files = RunFolder(folder)
    tags, talk, lessons = (
        files.table(*one) for one in (("tags", form), ("talk", form), ("lessons", "json"))
    )
    write_table(tags, _tables(data, task.vocabulary, given))
    write_table(talk, iter([talk_of_speakers(data, task.vocabulary, given)]))
    summary = summaries(data, task.vocabulary, given)
    write_whole(lessons, json.dumps(summary, ensure_ascii=False, indent=1).encode())
    return {
        tags: "each sentence with its tag",
        talk: "how much each speaker of a lesson said, and the tags of it",
        lessons: "each lesson: who talked how much, and the share of each tag",
    }


def predict_tags(
    task: TranscriptTagging, data: Transcripts, trainer: Trainer, part: str | None
) -> PredictedTags:
    """Tag the sentences of a part.

    Args:
        task: The trained task.
        data: The lessons.
        trainer: Runs the network.
        part: ``train``, ``val`` or ``test``; all lessons where it is None.

    Returns:
        The tags of all ranks.
    """
    found = predicted(task, data, part, trainer)
    sentence = data.store.lesson_offsets[found["lesson"]] + found["position"]
    return PredictedTags(sentence, found["tag"], found["probability"])


def talk_of_speakers(data: Transcripts, vocabulary: Vocabulary, given: PredictedTags) -> pa.Table:
    """Sum up what each speaker of each lesson said.

    Args:
        data: The lessons.
        vocabulary: The names of the tags.
        given: The tags.

    Returns:
        A row a lesson, speaker and role: ``lesson``, ``speaker``, ``role``, ``turns``,
        ``sentences``, ``words``, ``share_of_words`` (of the lesson's) and, for each tag of either
        role, how many sentences have it, such as ``student: making a claim``.
    """
    store, rows = data.store, given.sentence
    role, speaker, turn, words = (
        store.column(name)[rows].astype(np.int64) for name in ("role", "speaker", "turn", "words")
    )
    lesson = np.searchsorted(store.lesson_offsets, rows, "right") - 1
    keys, first, who = np.unique(
        np.stack([lesson, speaker, role]), axis=1, return_index=True, return_inverse=True
    )
    who = who.ravel()
    size = keys.shape[1]
    said = np.bincount(who, words, size)
    turns = np.unique(np.stack([who, turn]), axis=1)[0]
    of_lesson = np.bincount(keys[0], said)
    columns: dict[str, Any] = {
        "lesson": store.lesson_names(keys[0]),
        "speaker": store.speaker_names(keys[1]),
        "role": [ROLES[one] for one in keys[2].tolist()],
        "turns": np.bincount(turns, minlength=size),
        "sentences": np.bincount(who, minlength=size),
        "words": said.astype(np.int64),
        "share_of_words": said / np.maximum(of_lesson[keys[0]], 1),
    }
    for number, name in enumerate(ROLES):
        for id, tag in enumerate(vocabulary[TAG + name], RESERVED):
            mine = (role == number) & (given.tag == id)
            columns[f"{name}: {tag}"] = np.bincount(who[mine], minlength=size)
    # Speakers in the order in which they first speak.
    return pa.table(columns).take(pa.array(np.lexsort((first, keys[0]))))


def summaries(
    data: Transcripts, vocabulary: Vocabulary, given: PredictedTags
) -> list[dict[str, Any]]:
    """Sum up each lesson.

    Args:
        data: The lessons.
        vocabulary: The names of the tags.
        given: The tags.

    Returns:
        For each lesson its ``lesson`` (the name), ``sentences``, ``words`` and ``turns``, and for
        each role the same with ``share_of_words`` and ``tags``: for each tag its ``sentences`` and
        their ``share`` of the role's.
    """
    store, rows = data.store, given.sentence
    lesson = np.searchsorted(store.lesson_offsets, rows, "right") - 1
    role, turn, words = (
        store.column(name)[rows].astype(np.int64) for name in ("role", "turn", "words")
    )
    told = []
    for one, name in zip(np.unique(lesson), store.lesson_names(np.unique(lesson)), strict=True):
        here = slice(*np.searchsorted(lesson, [one, one + 1]))
        all_words = int(words[here].sum())
        summary: dict[str, Any] = {
            "lesson": name,
            "sentences": int(here.stop - here.start),
            "words": all_words,
            "turns": len(np.unique(turn[here])),
        }
        for number, who in enumerate(ROLES):
            mine = role[here] == number
            count = int(mine.sum())
            said = int(words[here][mine].sum())
            tags = np.bincount(given.tag[here][mine], minlength=len(vocabulary[TAG + who]))
            summary[who] = {
                "sentences": count,
                "words": said,
                "turns": len(np.unique(turn[here][mine])),
                "share_of_words": round(said / max(all_words, 1), 4),
                "tags": {
                    tag: {"sentences": int(n), "share": round(int(n) / max(count, 1), 4)}
                    for tag, n in zip(vocabulary[TAG + who], tags[RESERVED:], strict=True)
                },
            }
        told.append(summary)
    return told


def _tables(data: Transcripts, vocabulary: Vocabulary, given: PredictedTags) -> Iterator[pa.Table]:
    """Yield the sentences with their tags, some lessons at a time."""
    store = data.store
    for first in range(0, max(1, store.num_lessons), LESSONS):
        bounds = store.lesson_offsets[[first, min(first + LESSONS, store.num_lessons)]]
        here = slice(*np.searchsorted(given.sentence, bounds))
        rows = given.sentence[here]
        lesson = np.searchsorted(store.lesson_offsets, rows, "right") - 1
        role, speaker = (store.column(name)[rows] for name in ("role", "speaker"))
        names = [
            vocabulary[TAG + ROLES[who]].name(id) if len(vocabulary[TAG + ROLES[who]]) > RESERVED
            else None
            for who, id in zip(role.tolist(), given.tag[here].tolist(), strict=True)
        ]  # fmt: skip
        yield pa.table(
            {
                "lesson": pa.array(store.lesson_names(lesson), pa.string()),
                "position": rows - store.lesson_offsets[lesson] + 1,
                "turn": store.column("turn")[rows].astype(np.int64) + 1,
                "speaker": pa.array(store.speaker_names(speaker), pa.string()),
                "role": pa.array([ROLES[who] for who in role.tolist()], pa.string()),
                "sentence": pa.array(store.sentences(rows), pa.string()),
                "tag": pa.array(names, pa.string()),
                "probability": given.probability[here],
            }
        )
