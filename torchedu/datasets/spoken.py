"""Answers in a store: their texts, recordings, photographs and scores, and whose they are."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.attached import PHOTOGRAPH, RECORDING, Attached
from torchedu.datasets.memory import Memory
from torchedu.datasets.splits import part_sizes
from torchedu.datasets.store import Store, kept
from torchedu.datasets.texts import EDGES
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.schema import PROMPT, RESERVED, SCORE, Names, Vocabulary

NO_PART = 255
"""The part of an answer of which the data's source says none."""
SIDE = 384
"""Side of a square of as many pixels as a photograph is kept with at most, where nobody says."""
ONLY = "the only one"
"""The prompt of answers, whose scores have one scale each."""


class SpokenStore(Store):
    """A store of answers, a row an answer, and of the recordings and photographs that they have.

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
        photographs = self.num_attached(PHOTOGRAPH)
        return {
            "answers": self.num_answers,
            "recordings": self.num_attached(RECORDING),
            **({"photographs": photographs} if photographs else {}),
            "speakers": speakers,
        }

    def num_attached(self, kind: Attached) -> int:
        """Return how many files of a kind it keeps; none where it was made before there were."""
        return self.num_rows(kind.table) if kind.table in self.manifest["tables"] else 0

    def attached(self, kind: Attached) -> NDArray[np.int32]:
        """Return which file of a kind each answer has, -1 where it has none; shape (answers,)."""
        there = kind.noun in self.columns("answers")
        return self.values("answers", kind.noun) if there else np.full(self.num_answers, -1)

    @cached_property
    def photograph(self) -> NDArray[np.int32]:
        """The photograph of each answer, -1 where it has none; shape (answers,)."""
        return self.attached(PHOTOGRAPH)

    @property
    def parts(self) -> dict[str, int]:
        """How many answers are of each part by the data's source; nothing where it names none."""
        return part_sizes(self.part)

    @cached_property
    def rate(self) -> int:
        """Samples a second of every recording."""
        return int(self.values("scales", "rate")[0])

    @property
    def side(self) -> int:
        """Photographs are kept with as many pixels as a square of this side has, at most."""
        there = "side" in self.columns("scales")
        return int(self.values("scales", "side")[0]) if there else SIDE

    @property
    def ocr(self) -> str | None:
        """What read the text off photographs without a typed one; None where nothing did."""
        name: str | None = self.about.get("options", {}).get("ocr")
        return name

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

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each answer's photograph, 0 without one; shape (answers, 2)."""
        if not self.num_attached(PHOTOGRAPH):
            return np.zeros((self.num_answers, 2), np.int64)
        columns = [self.values(PHOTOGRAPH.table, name) for name in ("height", "width")]
        return np.stack([np.append(column, 0)[self.photograph] for column in columns], 1)

    def picture(self, answer: int) -> NDArray[np.uint8]:
        """Return the pixels of an answer's photograph; shape (height, width, 3)."""
        return self._pixels(int(self.photograph[answer]))

    @property
    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """The pixels of each photograph."""
        return map(self._pixels, range(self.num_attached(PHOTOGRAPH)))

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        begin, end = self.offsets(PHOTOGRAPH.table, "pixel")[row : row + 2]
        pixels = np.asarray(self.values(PHOTOGRAPH.table, "pixel.value")[begin:end])
        return pixels.reshape(int(self.values(PHOTOGRAPH.table, "height")[row]), -1, 3)

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
    pictures: Sequence[NDArray[np.uint8]] = (),
    side: int = SIDE,
) -> SpokenStore:
    """Write a store of answers whose recordings and photographs are in memory.

    Args:
        path: The store to make or replace.
        scores: What is scored.
        texts: ``text`` and, where they are known, ``name``, ``speaker``, ``conversation``.
        values: ``recording``, ``photograph`` and each ``score.<name>``; shape (answers,) each.
        sounds: The samples of each recording.
        rate: Samples a second.
        pictures: The pixels of each photograph; shape (height, width, 3) each.
        side: They have as many pixels as a square of this side, at most.

    Returns:
        The store.
    """
    size = len(texts["text"])
    with StoreWriter(path) as writer:
        files = AttachedWriter(writer)
        for samples in sounds:
            files.add_recording(samples)
        for pixels in pictures:
            files.add_photograph(pixels)
        none = {"part": np.full(size, NO_PART), PHOTOGRAPH.noun: np.full(size, -1)}
        vocabulary = Vocabulary({SCORE: Names(scores)})
        finish(writer, vocabulary, texts, {**none, **values}, None, rate, side)
    return SpokenStore(path)


class AttachedWriter:
    """Writes recordings and photographs into a store one by one, as they are read.

    Args:
        writer: Writes the store.
    """

    def __init__(self, writer: StoreWriter) -> None:
        self._sounds = writer.table(RECORDING.table, {}, {"sound": {"sample": "int16"}})
        size = {"height": "int32", "width": "int32"}
        self._pictures = writer.table(PHOTOGRAPH.table, size, {"pixel": {"value": "uint8"}})

    def add_recording(self, samples: NDArray[np.int16]) -> None:
        """Write one; shape (samples,)."""
        self._sounds.append(1, {}, {"sound": ([len(samples)], {"sample": samples})})

    def add_photograph(self, pixels: NDArray[np.uint8]) -> None:
        """Write one; shape (height, width, 3)."""
        height, width = pixels.shape[:2]
        family = {"pixel": ([pixels.size], {"value": pixels.ravel()})}
        self._pictures.append(1, {"height": [height], "width": [width]}, family)


def finish(
    writer: StoreWriter,
    vocabulary: Vocabulary,
    texts: Mapping[str, Sequence[str]],
    values: Mapping[str, ArrayLike],
    ranges: NDArray[np.floating[Any]] | None,
    rate: int,
    side: int,
) -> None:
    """Write all but the recordings and photographs.

    Args:
        writer: Writes the store.
        vocabulary: Names of scores and groups.
        texts: As ``write_spoken`` has them.
        values: As there, with ``part``, ``group.<attribute>`` (ids) and ``rater.<score>.<person>``.
        ranges: Lowest and highest score and step of each score; shape (scores, 3).
        rate: Samples a second of every recording.
        side: As ``write_spoken`` has it.
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
    writer.flat("scales", {"rate": ("int32", [rate]), "side": ("int32", [side])} | {
        f"{edge}.{name}": ("float32", table[i : i + 1, j])
        for i, name in enumerate(scores)
        for j, edge in enumerate(EDGES)
    })  # fmt: skip
