"""What was done with what was said: a tag for each sentence, and what each lesson comes to."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datamodules import Transcripts
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import blocks
from torchedu.schema import RESERVED, ROLES, TAG, Vocabulary
from torchedu.tasks import TranscriptTagging

SENTENCES = 2**14
"""Sentences that are written at once."""
SUMS = ("sentences", "words", "turns")

Ids = NDArray[np.int64]


@outputs.register
def _(task: TranscriptTagging, data: Transcripts, columns: Columns) -> list[Output]:
    """Tell the tag of each sentence, and the shares of tags and of talk in each lesson."""
    assert task.vocabulary is not None
    names = task.vocabulary
    talk = talk_of_speakers(data, names, columns)
    shares = "each lesson: who talked how much, and the share of each tag"
    return [
        Output("tags", "each sentence with its tag", _tables(data, names, columns)),
        Output("talk", "how much each speaker of a lesson said, and the tags of it", talk),
        Output("lessons", shares, summaries(data, names, columns)),
    ]


def sentences(data: Transcripts, columns: Columns) -> Ids:
    """Return which sentences were tagged, counted through all lessons of the store.

    Args:
        data: The lessons.
        columns: The columns of ``Tagged``.
    """
    rows: Ids = data.store.lesson_offsets[columns["lesson"]] + columns["position"]
    return rows


def _sums(who: Ids, size: int, turn: Ids, words: Ids) -> tuple[Ids, Ids, Ids]:
    """Count the sentences, words and turns of each of some speakers, say."""
    turns = np.unique(np.stack([who, turn]), axis=1)[0]
    counts = np.bincount(who, minlength=size), np.bincount(who, words, size).astype(np.int64)
    return *counts, np.bincount(turns, minlength=size)


def talk_of_speakers(data: Transcripts, vocabulary: Vocabulary, tagged: Columns) -> pa.Table:
    """Sum up what each speaker of each lesson said.

    Args:
        data: The lessons.
        vocabulary: The names of the tags.
        tagged: The columns of ``Tagged``.

    Returns:
        A row a lesson, speaker and role: ``lesson``, ``speaker``, ``role``, ``turns``,
        ``sentences``, ``words``, ``share_of_words`` (of the lesson's) and, for each tag of either
        role, how many sentences have it, such as ``student: making a claim``.
    """
    store, rows = data.store, sentences(data, tagged)
    role, speaker, turn, words = (
        store.column(name)[rows].astype(np.int64) for name in ("role", "speaker", "turn", "words")
    )
    keys, first, who = np.unique(
        np.stack([tagged["lesson"], speaker, role]), axis=1, return_index=True, return_inverse=True
    )
    who = who.ravel()
    size = keys.shape[1]
    count, said, turns = _sums(who, size, turn, words)
    of_lesson = np.bincount(keys[0], said)
    columns: dict[str, Any] = {
        "lesson": store.lesson_names(keys[0]),
        "speaker": store.speaker_names(keys[1]),
        "role": [ROLES[number] for number in keys[2].tolist()],
        "turns": turns,
        "sentences": count,
        "words": said,
        "share_of_words": said / np.maximum(of_lesson[keys[0]], 1),
    }
    for number, name in enumerate(ROLES):
        for id, tag in enumerate(vocabulary[TAG + name], RESERVED):
            mine = (role == number) & (tagged["tag"] == id)
            columns[f"{name}: {tag}"] = np.bincount(who[mine], minlength=size)
    # Speakers in the order in which they first speak.
    return pa.table(columns).take(pa.array(np.lexsort((first, keys[0]))))


def summaries(data: Transcripts, vocabulary: Vocabulary, tagged: Columns) -> list[dict[str, Any]]:
    """Sum up each lesson.

    Args:
        data: The lessons.
        vocabulary: The names of the tags.
        tagged: The columns of ``Tagged``.

    Returns:
        For each lesson its ``lesson`` (the name), ``sentences``, ``words`` and ``turns``, and for
        each role the same with ``share_of_words`` and ``tags``: for each tag its ``sentences`` and
        their ``share`` of the role's.
    """
    store, rows = data.store, sentences(data, tagged)
    role, turn, words = (
        store.column(name)[rows].astype(np.int64) for name in ("role", "turn", "words")
    )
    lessons, lesson = np.unique(tagged["lesson"], return_inverse=True)
    who, size = lesson * len(ROLES) + role, len(ROLES) * len(lessons)
    most = max(len(vocabulary[TAG + name]) for name in ROLES) + 1  # one more stands for no tag
    counts = np.bincount(who * most + tagged["tag"], minlength=size * most)
    tags = counts.reshape(size, most)[:, RESERVED:].tolist()
    of_role = np.stack(_sums(who, size, turn, words), 1).tolist()
    of_lesson = np.stack(_sums(lesson, len(lessons), turn, words), 1).tolist()
    summed: list[dict[str, Any]] = []
    for i, name in enumerate(store.lesson_names(lessons)):
        summed.append({"lesson": name, **dict(zip(SUMS, of_lesson[i], strict=True))})
        for place, role_name in enumerate(ROLES, i * len(ROLES)):
            count, said, _ = of_role[place]
            summed[-1][role_name] = {
                **dict(zip(SUMS, of_role[place], strict=True)),
                "share_of_words": round(said / max(of_lesson[i][1], 1), 4),
                "tags": {
                    tag: {"sentences": number, "share": round(number / max(count, 1), 4)}
                    for tag, number in zip(vocabulary[TAG + role_name], tags[place], strict=False)
                },
            }
    return summed


def _tables(data: Transcripts, vocabulary: Vocabulary, tagged: Columns) -> Iterator[pa.Table]:
    """Yield the sentences with their tags, some at a time."""
    store = data.store
    for some in blocks(tagged, SENTENCES):
        rows = sentences(data, some)
        role, speaker = (store.column(name)[rows] for name in ("role", "speaker"))
        roles = [ROLES[number] for number in role.tolist()]
        tags = [
            vocabulary[TAG + name].name(id) if len(vocabulary[TAG + name]) > RESERVED else None
            for name, id in zip(roles, some["tag"].tolist(), strict=True)
        ]
        yield pa.table(
            {
                "lesson": pa.array(store.lesson_names(some["lesson"]), pa.string()),
                "position": some["position"] + 1,
                "turn": store.column("turn")[rows].astype(np.int64) + 1,
                "speaker": pa.array(store.speaker_names(speaker), pa.string()),
                "role": pa.array(roles, pa.string()),
                "sentence": pa.array(store.sentences(rows), pa.string()),
                "tag": pa.array(tags, pa.string()),
                "probability": some["probability"],
            }
        )
