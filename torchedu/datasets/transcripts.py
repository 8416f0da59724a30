"""Transcripts of lessons in a store: who said what, sentence by sentence, and with which tag."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.draws import random_places
from torchedu.datasets.memory import Memory
from torchedu.datasets.splits import PARTS, Part, check_fold, check_split, part_sizes
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.schema import ROLES, Vocabulary

SENTENCE = {"role": "uint8", "turn": "int32", "speaker": "int32", "tag": "int32", "words": "int32"}
"""What is kept of each sentence beside its text, and as which numbers."""
SPLITS = ("random", "published", "fold")
NO_PART = 255
"""The part of a lesson of which the data's source says none."""


_TEACHER = re.compile(
    r"(t\d*|ct|teacher|instructor|tutor|ms|mr|mrs|miss|dr|prof|professor)\b", re.IGNORECASE
)


def role_by_name(speaker: str) -> int:
    """Return the role that a speaker's name tells, an index of ``schema.ROLES``."""
    return ROLES.index("teacher" if _TEACHER.match(speaker) else "student")


class TranscriptStore(Store):
    """A store of lessons, a row a lesson, each one's sentences in order.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "transcripts", "transcripts", ("lessons", "sentence.role")

    num_lessons = kept(Store.num_rows, "lessons")
    """Number of lessons."""
    num_sentences = kept(Store.num_rows, "sentences")
    """Number of sentences of all lessons."""
    lesson_offsets = kept(Store.offsets, "lessons", "sentence")
    """Where each lesson's sentences begin; shape (lessons + 1,)."""
    part = kept(Store.values, "lessons", "part")
    """The part of each lesson by the data's source, an index of ``PARTS``, or ``NO_PART``."""

    @property
    def counts(self) -> dict[str, int]:
        """How many lessons and sentences it holds."""
        return {"lessons": self.num_lessons, "sentences": self.num_sentences}

    @property
    def parts(self) -> dict[str, int]:
        """How many lessons are of each part by the data's source; nothing where it names none."""
        return part_sizes(self.part)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of all sentences.

        Args:
            name: ``role`` (an index of ``schema.ROLES``), ``turn`` (its number in the lesson),
                ``speaker`` (a row of the speakers), ``tag`` (an id of kind ``tag.<role>``, 0 where
                the sentence has none) or ``words`` (how many it has).

        Returns:
            Shape (sentences,).
        """
        return self.values("lessons", f"sentence.{name}")

    def lesson_names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some lessons."""
        return self.texts("lessons", "name", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the names of some lessons."""
        return self.lesson_names(rows)

    def speaker_names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some speakers."""
        return self.texts("speakers", "name", rows)

    def sentences(self, rows: ArrayLike) -> list[str]:
        """Return the texts of some sentences, counted through all lessons."""
        return self.texts("sentences", "text", rows)


def write_transcripts(
    path: str | Path | Memory,
    vocabulary: Vocabulary,
    names: Sequence[str],
    lengths: ArrayLike,
    columns: Mapping[str, ArrayLike],
    texts: Sequence[str],
    speakers: Sequence[str],
    *,
    part: ArrayLike | None = None,
    about: Mapping[str, Any] | None = None,
) -> TranscriptStore:
    """Write a store of transcripts.

    Args:
        path: The store to make or replace.
        vocabulary: The names of tags, of kinds ``tag.teacher`` and ``tag.student``.
        names: The lessons' names.
        lengths: How many sentences each has; shape (lessons,).
        columns: For each of ``SENTENCE`` its values, lesson after lesson; shape (sentences,).
        texts: What was said.
        speakers: The speakers' names.
        part: The part of each lesson by the data's source; shape (lessons,).
        about: Where the data came from and what was dropped; plain JSON.

    Returns:
        The store.
    """
    part = np.full(len(names), NO_PART) if part is None else part
    with StoreWriter(path) as writer:
        writer.vocabulary, writer.about = vocabulary, dict(about or {})
        text = {"utf8": "uint8"}
        lessons = writer.table("lessons", {"part": "uint8"}, {"name": text, "sentence": SENTENCE})
        ragged = {"name": encode_texts(names), "sentence": (lengths, columns)}
        lessons.append(len(names), {"part": part}, ragged)
        for table, column, words in (("sentences", "text", texts), ("speakers", "name", speakers)):
            rows = writer.table(table, ragged={column: text})
            rows.append(len(words), {}, {column: encode_texts(words)})
    return TranscriptStore(path)


def split_transcripts(
    store: TranscriptStore,
    by: str | None = None,
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> dict[str, Part]:
    """Divide lessons into train, val and test; no lesson is in two of them.

    Args:
        store: The lessons.
        by: ``published``: as the data's source says; where it names no lesson for validation, a
            share ``val`` of those for training. ``random``: by their names. ``fold``: with fold
            number ``fold`` of ``folds`` as test. Published where there is such a split, else
            random, where it is None.
        val: Share of the lessons for validation; of those not for test, but at random.
        test: Share of the lessons for test, at random.
        seed: Another seed draws other lessons.
        folds: Number of folds.
        fold: Which of them is the test, from 0.

    Returns:
        A ``Part`` for each of ``train``, ``val`` and ``test``, in which all sentences count.

    Raises:
        ConfigError: A share, fold or kind of split is not possible.
        DataError: A part is empty, or the data has no published split.
    """
    published = bool((store.part != NO_PART).any())
    by = by or ("published" if published else "random")
    check_split(by, SPLITS, val, test)
    check_fold(fold, folds)
    if by == "published" and not published:
        remedy = "Give a column split when you import it, or ⟦data.split⟧ random."
        raise store.fault("its source names no parts.", remedy)
    order = np.argsort(random_places(store, seed, "lessons"))
    size = store.num_lessons
    train, choose, held = (PARTS.index(name) for name in PARTS)
    part = np.full(size, train, np.uint8)
    if by == "published":
        part[:] = store.part
        share = val
    elif by == "fold":
        part[order[fold::folds]] = held
        share = val
    else:
        part[order[: max(1, round(test * size))]] = held
        share = val / (1 - test)
    if not (part == choose).any():
        rest = order[part[order] == train]
        part[rest[: max(1, round(share * len(rest)))]] = choose
    lengths = np.diff(store.lesson_offsets)
    parts = {}
    for number, name in enumerate(PARTS):
        rows = np.flatnonzero(part == number)
        if not len(rows):
            remedy = "Use more lessons, or give the column split other values."
            raise store.fault(f"the {name} part has no lesson; there are {size}.", remedy)
        parts[name] = Part(rows, np.zeros_like(rows), lengths[rows])
    return parts
