"""Leaks in transcripts of lessons."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchedu.datasets.transcripts import TranscriptStore
from torchedu.leaks.copies import CHUNK, Rows, copies
from torchedu.leaks.finding import Finding
from torchedu.leaks.sides import copied, crossing, sides
from torchedu.leaks.texts import told_by_words
from torchedu.leaks.words import words_of
from torchedu.schema import ROLES, TAG

RARE = 0.05
"""Share of the lessons that name a speaker, from which the name is no person's, such as T."""


def lesson_leaks(store: TranscriptStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what lessons give away; see ``check``."""
    split = sides(parts, store.num_lessons)
    begins = np.asarray(store.lesson_offsets)
    letters = np.asarray(store.offsets("sentences", "text"))[begins]

    def read(begin: int, stop: int) -> Rows:
        words = words_of(store, "sentences", "text", np.arange(begins[begin], begins[stop]))
        return Rows(words.offsets[begins[begin : stop + 1] - begins[begin]], words.word)

    yield from copied(copies(letters, read), split, "lessons", store.lesson_names)
    some = np.arange(begins[min(int(np.searchsorted(letters, CHUNK)), store.num_lessons)])
    role, tag = (store.column(name)[some].astype(np.int64) for name in ("role", "tag"))
    lesson_words = words_of(store, "sentences", "text", some)
    for number, name in enumerate(ROLES):
        if len(list(store.vocabulary[TAG + name])):
            target = np.where(role == number, tag, -1)
            yield from told_by_words(lesson_words, target, f"sentences of {name}s")
    lesson = np.repeat(np.arange(store.num_lessons), np.diff(begins))
    speaker = store.column("speaker").astype(np.int64)
    teacher = store.column("role") == ROLES.index("teacher")
    cell = np.unique(speaker[teacher] * np.int64(store.num_lessons) + lesson[teacher])
    who, where = cell // max(store.num_lessons, 1), cell % max(store.num_lessons, 1)
    times = np.bincount(who, minlength=1)
    named = (times[who] > 1) & (times[who] <= max(2, RARE * store.num_lessons))
    group = np.zeros(store.num_lessons, np.int64)
    group[where[named]] = who[named] + 1
    yield from crossing(group, split, "teacher", "lessons")
