"""Answers typed and spoken in a store: their texts, recordings and scores, and whose they are."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.draws import random_places
from torchedu.datasets.memory import Memory
from torchedu.datasets.splits import MORE, PARTS, check_fold, check_split, part_sizes
from torchedu.datasets.store import Store, kept
from torchedu.datasets.texts import EDGES
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.schema import PROMPT, RESERVED, SCORE, Names, Vocabulary

SPLITS = ("part", "speaker", "conversation", "fold", "random")
NO_PART = 255
"""The part of an answer of which the data's source says none."""
ONLY = "the only one"
"""The prompt of answers, whose scores have one scale each."""


class SpokenStore(Store):
    """A store of answers, a row an answer, and of the recordings that they have.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "spoken answers", "spoken", ("answers", "recording")

    num_answers = kept(Store.num_rows, "answers")
    """Number of answers."""
    recording = kept(Store.values, "answers", "recording")
    """The recording of each answer, -1 where it has none; shape (answers,)."""
    part = kept(Store.values, "answers", "part")
    """The part of each answer by the data's source, an index of ``PARTS``, or ``NO_PART``."""
    offsets_of_samples = kept(Store.offsets, "recordings", "sound")
    """Where each recording's samples begin; shape (recordings + 1,)."""
    samples = kept(Store.values, "recordings", "sound.sample")
    """The samples of all recordings, int16."""

    @property
    def counts(self) -> dict[str, int]:
        """How many answers, recordings and speakers it holds."""
        speakers = len(set(self.speakers))
        return {
            "answers": self.num_answers,
            "recordings": self.num_rows("recordings"),
            "speakers": speakers,
        }

    @property
    def parts(self) -> dict[str, int]:
        """How many answers are of each part by the data's source; nothing where it names none."""
        return part_sizes(self.part)

    @cached_property
    def rate(self) -> int:
        """Samples a second of every recording."""
        return int(self.values("scales", "rate")[0])

    @property
    def score_names(self) -> tuple[str, ...]:
        """What is scored; nothing where answers are only to be graded."""
        return tuple(self.vocabulary[SCORE])

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The scores of each answer, NaN where one is missing; shape (answers, scores)."""
        none = np.zeros((self.num_answers, 0), np.float32)
        columns = [self.values("answers", f"{SCORE}.{name}") for name in self.score_names]
        return np.stack(columns, 1) if columns else none

    @cached_property
    def ranges(self) -> NDArray[np.float32]:
        """Lowest and highest score and step, of the one prompt; shape (prompts, scores, 3)."""
        columns = [
            [self.values("scales", f"{edge}.{name}") for edge in EDGES] for name in self.score_names
        ]
        table = np.full((RESERVED + 1, len(columns), 3), np.nan, np.float32)
        for i, column in enumerate(columns):
            table[RESERVED, i] = np.concatenate(column)
        return table

    @cached_property
    def all_texts(self) -> list[str]:
        """What was typed, or read aloud; "" where there is nothing."""
        return self.texts("answers", "text", range(self.num_answers))

    @cached_property
    def speakers(self) -> list[str]:
        """Who gave each answer; "" where the data does not say."""
        return self.texts("answers", "speaker", range(self.num_answers))

    @cached_property
    def conversations(self) -> list[str]:
        """In which conversation each was given; "" where the data does not say."""
        return self.texts("answers", "conversation", range(self.num_answers))

    @cached_property
    def raters(self) -> Mapping[str, NDArray[np.float32]]:
        """What each person gave, by score, where several did; shape (answers, people)."""
        known = self.columns("answers")
        grades = {}
        for name in self.score_names:
            columns = [c for c in known if c.startswith(f"rater.{name}.")]
            if columns:
                grades[name] = np.stack([self.values("answers", c) for c in columns], 1)
        return grades

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each answer's recording, 0 where it has none; shape (answers,)."""
        sizes = np.append(np.diff(self.offsets_of_samples), 0)
        return sizes[np.asarray(self.recording)]

    def sound(self, answer: int) -> NDArray[np.int16]:
        """Return the samples of an answer's recording; none where it has none."""
        row = int(self.recording[answer])
        begin, end = self.offsets_of_samples[row : row + 2] if row >= 0 else (0, 0)
        return np.asarray(self.samples[begin:end])

    @property
    def sounds(self) -> Iterator[NDArray[np.int16]]:
        """The samples of each recording."""
        for begin, end in pairwise(self.offsets_of_samples.tolist()):
            yield np.asarray(self.samples[begin:end])

    def names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some answers."""
        return self.texts("answers", "name", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the names of some answers, each with its speaker: a name may be a number."""
        whose = self.texts("answers", "speaker", rows)
        return [f"{name}\n{who}" for name, who in zip(self.names(rows), whose, strict=True)]

    def owners(self, by: str = "speaker") -> NDArray[np.int64]:
        """Return whose each answer is, a number; one whose owner nobody knows is its own.

        Args:
            by: ``speaker`` or ``conversation``.
        """
        names = self.speakers if by == "speaker" else self.conversations
        own = [name or f"\n{row}" for row, name in enumerate(names)]
        numbers = {name: i for i, name in enumerate(dict.fromkeys(own))}
        return np.array([numbers[name] for name in own], np.int64)


def write_spoken(
    path: str | Path | Memory,
    scores: Sequence[str],
    texts: Mapping[str, Sequence[str]],
    values: Mapping[str, ArrayLike],
    sounds: Sequence[NDArray[np.int16]],
    rate: int,
) -> SpokenStore:
    """Write a store of answers whose recordings are in memory.

    Args:
        path: The store to make or replace.
        scores: What is scored.
        texts: ``text`` and, where they are known, ``name``, ``speaker``, ``conversation``.
        values: ``recording`` and each ``score.<name>``; shape (answers,) each.
        sounds: The samples of each recording.
        rate: Samples a second.

    Returns:
        The store.
    """
    size = len(texts["text"])
    with StoreWriter(path) as writer:
        begin_recordings(writer).append(
            len(sounds), {}, {"sound": ([*map(len, sounds)],
            {"sample": np.concatenate([np.empty(0, np.int16), *sounds])})},
        )  # fmt: skip
        known = {"part": np.full(size, NO_PART), **values}
        finish(writer, Vocabulary({SCORE: Names(scores)}), texts, known, None, rate)
    return SpokenStore(path)


def begin_recordings(writer: StoreWriter) -> Any:
    """Begin the table of recordings, which are written as they are read."""
    return writer.table("recordings", {}, {"sound": {"sample": "int16"}})


def finish(
    writer: StoreWriter,
    vocabulary: Vocabulary,
    texts: Mapping[str, Sequence[str]],
    values: Mapping[str, ArrayLike],
    ranges: NDArray[np.floating[Any]] | None,
    rate: int,
) -> None:
    """Write all but the recordings.

    Args:
        writer: Writes the store.
        vocabulary: Names of scores and groups.
        texts: As ``write_spoken`` has them.
        values: As there, with ``part``, ``group.<attribute>`` (ids) and ``rater.<score>.<person>``.
        ranges: Lowest and highest score and step of each score; shape (scores, 3).
        rate: Samples a second of every recording.
    """
    kinds = {kind: vocabulary[kind] for kind in vocabulary.kinds}
    writer.vocabulary = Vocabulary({PROMPT: Names([ONLY]), SCORE: Names(), **kinds})
    size = len(texts["text"])
    number = (f"{SCORE}.", "rater.")
    flat = {name: "float32" if name.startswith(number) else "int32" for name in values}
    flat["part"] = "uint8"
    families = ("name", "text", "speaker", "conversation")
    answers = writer.table("answers", flat, {name: {"utf8": "uint8"} for name in families})
    encoded = {name: encode_texts(texts.get(name) or [""] * size) for name in families}
    answers.append(size, values, encoded)
    scores = list(vocabulary[SCORE])
    table = np.full((len(scores), 3), np.nan) if ranges is None else ranges
    writer.flat("scales", {"rate": ("int32", [rate])} | {
        f"{edge}.{name}": ("float32", table[i : i + 1, j])
        for i, name in enumerate(scores)
        for j, edge in enumerate(EDGES)
    })  # fmt: skip


def split_spoken(
    store: SpokenStore,
    by: str | None = None,
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> dict[str, NDArray[np.int64]]:
    """Divide answers into train, val and test; a speaker is in one of them alone.

    Args:
        store: The answers.
        by: ``part``: as the data says; where it names no validation part, a share ``val`` of the
            training speakers chooses. ``speaker`` and ``conversation``: all of one are in one part.
            ``fold``: speakers in ``folds`` folds, of which number ``fold`` is the test, and as many
            folds as speakers leave one out; of the others' answers a share ``val`` chooses, whoever
            gave them. ``random``: by answers, which leaks. Where it is None, ``part`` if the data
            tells parts, else ``speaker``.
        val: Share of the owners for validation; by fold, of the answers that are not for test.
        test: Share of the owners for test.
        seed: Another seed draws other owners.
        folds: Number of folds.
        fold: Which of them is the test, from 0.

    Returns:
        Rows of ``train``, ``val`` and ``test``.

    Raises:
        ConfigError: A share, fold or kind of split is not possible.
        DataError: A part is empty, or nobody says whose the answers are.
    """
    published = bool((store.part != NO_PART).any())
    by = by or ("part" if published else "speaker")
    check_split(by, SPLITS, val, test)
    if by == "part" and not published:
        raise store.fault("its source names no parts.", "Split by speaker: ⟦data.split⟧ speaker.")
    if by == "conversation" and not any(store.conversations):
        raise store.fault(
            "nothing says in which conversation an answer was given.",
            "Import a column conversation, or give ⟦data.split⟧ speaker.",
        )
    size = store.num_answers
    kind = {"random": "name", "conversation": "conversation"}.get(by, "speaker")
    owner = np.arange(size) if by == "random" else store.owners(kind)
    number = int(owner.max(initial=-1)) + 1
    place = _places(store, kind, owner, number, seed)
    if by == "fold":
        check_fold(fold, folds)
        if folds > number:
            raise store.fault(
                f"{number} speakers make no {folds} folds.",
                "Give ⟦data.folds⟧ of so many; as many as speakers leave one out each.",
            )
        in_test = place[owner] * folds // number == fold
        drawn = random_places(store, seed + 1, "answers", "name")
        rest = np.flatnonzero(~in_test)
        first = rest[np.argsort(drawn[rest])][: max(1, round(val * len(rest)))]
        in_val = np.isin(np.arange(size), first)
    elif by == "part":
        in_test, in_val = (store.part == PARTS.index(name) for name in ("test", "val"))
        if not in_val.any():
            learnt = np.unique(owner[~in_test & (store.part != NO_PART)])
            first = learnt[np.argsort(place[learnt])][: max(1, round(val * len(learnt)))]
            in_val = np.isin(owner, first) & ~in_test
    else:
        held = max(1, round(number * test))
        in_test = place[owner] < held
        in_val = ~in_test & (place[owner] < held + max(1, round(number * val)))
    in_train = ~in_test & ~in_val
    if by == "part":
        in_train &= store.part != NO_PART
    parts = {"train": in_train, "val": in_val, "test": in_test}
    for name, where in parts.items():
        if not where.any():
            noun = "answers" if by == "random" else f"{number} {by.replace('fold', 'speaker')}s"
            raise store.fault(
                f"the part {name!r} of a split by {by} holds no answers "
                f"({size} answers, {noun}).", MORE,
            )  # fmt: skip
    return {name: np.flatnonzero(where) for name, where in parts.items()}


def _places(
    store: SpokenStore, kind: str, owner: NDArray[np.int64], number: int, seed: int
) -> NDArray[np.int64]:
    """Return the place of each owner in an order that names and the seed alone decide."""
    row = random_places(store, seed, "answers", kind)
    first = np.full(number, len(row), np.int64)
    np.minimum.at(first, owner, row)
    place = np.empty(number, np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(number)
    return place
