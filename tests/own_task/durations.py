"""Data of a package of one's own: how long students took on exercises, from a CSV file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.datamodules import DataModule
from torchedu.datasets import Store, StoreWriter
from torchedu.datasets.importers import BadRows, Importer, Reading, Sieve
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.numbering import Numbering
from torchedu.datasets.importers.reading.tables import Delimited
from torchedu.datasets.order import Order, Windows, cut_windows
from torchedu.datasets.splits import Part
from torchedu.datasets.writer import encode_texts
from torchedu.schema import RESERVED, Column, Names, Vocabulary

COLUMNS = (
    Column("student", True, "a name", ("learner",)),
    Column("exercise", True, "a name", ("task",)),
    Column("seconds", True, "a number above 0", ("duration",)),
)
EXERCISE = "exercise"


class DurationStore(Store):
    """How long students took, a row a student, in the order of the file."""

    holds: ClassVar[str] = "durations"
    made_by: ClassVar[str] = "durations"
    mark: ClassVar[tuple[str, str]] = ("students", "work.minutes")

    @property
    def counts(self) -> dict[str, int]:
        """How much it holds."""
        return {"students": self.num_rows("students")}

    def student_names(self, rows: NDArray[np.int64]) -> list[str]:
        return self.texts("students", "name", rows)


@dataclass(kw_only=True)
class Durations(Delimited, Importer):
    """Durations of exercises."""

    store = DurationStore
    name = "durations"
    reads = "a CSV file, a row an exercise that a student worked on"
    suffixes = (".durations",)
    schema = COLUMNS

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all rows and write them, student by student."""
        students, exercises = Numbering(), Numbering()
        parts: list[list[NDArray[Any]]] = [[], [], []]
        for piece in reading.pieces:
            sieve = Sieve(piece, bad)
            seconds, wrong = values.numbers(piece.batch.column("seconds"))
            sieve.refuse("the seconds are no number", wrong, column="seconds")
            sieve.refuse("nobody takes no time", ~(seconds > 0) & ~wrong, column="seconds")
            who, what = (
                numbering.encode(values.encoded(piece.batch.column(name)))[sieve.keep]
                for numbering, name in ((students, "student"), (exercises, EXERCISE))
            )
            for column, kept in zip(
                parts, (who, what, np.log(seconds[sieve.keep] / 60)), strict=True
            ):
                column.append(kept)
        student, exercise, minutes = (np.concatenate(column) for column in parts)
        order = np.argsort(student, kind="stable")
        with StoreWriter(out) as writer:
            writer.vocabulary = Vocabulary({EXERCISE: Names(list(exercises.numbers))})
            writer.about = about | {"dropped": bad.dropped}
            ragged = {"name": {"utf8": "uint8"}, "work": {"exercise": "int32", "minutes": "f4"}}
            names = list(students.numbers)
            work = {"exercise": exercise[order] + RESERVED, "minutes": minutes[order]}
            lengths = np.bincount(student, minlength=len(names))
            writer.table("students", ragged=ragged).append(
                len(names), {}, {"name": encode_texts(names), "work": (lengths, work)}
            )


class DurationBatch(NamedTuple):
    """Students' exercises with the log of the minutes that each took; padded with 0."""

    exercise_BL: Tensor
    minutes_BL: Tensor
    scored_BL: Tensor
    student_B: Tensor
    mean_over_B: Tensor


class Batches:
    """Builds batches of some windows."""

    def __init__(self, data: "ExerciseTimes", windows: Windows) -> None:
        self.windows = windows
        own, known = data.store.vocabulary[EXERCISE], data.vocabulary[EXERCISE]
        self._ids = np.array(own.translation(known))
        self._begin = data.store.offsets("students", "work")
        self._columns = [data.store.values("students", f"work.{n}") for n in (EXERCISE, "minutes")]

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> DurationBatch:
        """Build one batch; without ``scored``, one in which nothing counts."""
        student, start, first, stop = self.windows.take(index)
        step_L = np.arange((stop - start).max())
        seen_BL = step_L < (stop - start)[:, None]
        place_BL = (self._begin[student] + start)[:, None] + step_L
        exercise_BL, minutes_BL = (one.take(place_BL, mode="clip") for one in self._columns)
        scored_BL = seen_BL & (step_L >= (first - start)[:, None]) & scored
        return DurationBatch(
            torch.from_numpy(self._ids[exercise_BL] * seen_BL),
            torch.from_numpy(minutes_BL * seen_BL),
            torch.from_numpy(scored_BL),
            torch.from_numpy(np.asarray(student)),
            torch.full((len(index),), float(max(1, scored_BL.sum()))),
        )


class ExerciseTimes(DataModule):
    """Durations of exercises, from a store or a file of them."""

    def __init__(self, path: str, batch_size: int = 8, seed: int = 0) -> None:
        super().__init__(path, seed, num_workers=0)
        self.batch_size: int = batch_size

    @cached_property
    def store(self) -> DurationStore:
        """The durations, made of a file first where that was not done yet."""
        return self.stored(DurationStore)

    @property
    def num_exercises(self) -> int:
        """Number of ids of exercises, the reserved ones included."""
        return len(self.vocabulary[EXERCISE])

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """The parts, of students: 70, 10 and 20 in a hundred."""
        lengths = np.diff(self.store.offsets("students", "work"))
        drawn = np.random.default_rng(self.seed).permutation(len(lengths))
        cuts = np.split(drawn, [int(0.7 * len(drawn)), int(0.8 * len(drawn))])
        sorted_cuts = zip(("train", "val", "test"), map(np.sort, cuts), strict=True)
        return {n: Part(rows, np.zeros_like(rows), lengths[rows]) for n, rows in sorted_cuts}

    def training(self) -> tuple[Batches, Order]:
        """Return what builds the training batches, and their order."""
        windows = cut_windows(self.parts["train"], 50)
        return Batches(self, windows), Order(windows.length, self.batch_size, self.seed)

    def evaluation(self, part: str | None) -> tuple[Batches, Order]:
        """Return what builds the batches of a part, and their order."""
        windows = cut_windows(self.parts[part or "test"], 50)
        return Batches(self, windows), Order(windows.length, self.batch_size, shuffle=False)
