"""Every kind of split of ten million students whose names have 36 letters, for ``ten_million.py``.

As a script it draws one, and prints a checksum of each part's names that no order of rows changes.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets import AnswerStore
from torchedu.datasets.enrolment_splits import split_enrolments
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.splits import split
from torchedu.datasets.store import row_blocks
from torchedu.datasets.writer import StoreWriter
from torchedu.schema import GROUP, ITEM, SKILL, Names, Vocabulary

BLOCK = 100_000
BY_NAME = ("student", "fold", "column")
FOLDER = "names"


def stores(folder: Path, seen: AnswerStore) -> dict[str, Path]:
    """Write a store of answers in two orders of rows, and one of enrolments."""
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    written = {}
    for name, order in (("names", 1), ("other order", -1)):
        written[name] = place / f"{name.replace(' ', '-')}.store"
        _write(written[name], seen.num_students, order, enrolments=False)
    written["enrolments"] = place / "enrolments.store"
    _write(written["enrolments"], seen.num_students, 1, enrolments=True)
    return written


def kinds(written: dict[str, Path], simulated: Path) -> dict[str, tuple[Path, str]]:
    """Return the store and the kind of each split; by time of all answers of the class."""
    return {
        **{
            f"{by}, {name}": (written[name], by)
            for by in BY_NAME for name in ("names", "other order")
        },
        "time, a billion answers": (simulated, "time"),
        **{f"enrolments by {by}": (written["enrolments"], by) for by in ("last", "time", "fold")},
    }  # fmt: skip


def remove(folder: Path) -> None:
    """Remove the stores."""
    shutil.rmtree(folder / FOLDER)


def _write(out: Path, students: int, order: int, enrolments: bool) -> None:
    """Write students with names like UUIDs and a few rows each, in an order or reversed."""
    kinds = {ITEM: Names(["q"]), SKILL: Names(["k"]), GROUP + "part": Names(["train", "test"])}
    family = "enrolment" if enrolments else "answer"
    columns = {"item": "int32", "time": "int64"}
    if not enrolments:
        columns["correct"] = "uint8"
    with StoreWriter(out) as writer:
        writer.vocabulary = Vocabulary(kinds)
        table = writer.table(
            "students", {GROUP + "part": "int32"}, {"name": {"utf8": "uint8"}, family: columns}
        )
        items = writer.table("items", ragged={"skill": {"skill": "int32"}})
        items.append(3, {}, {"skill": ([0, 0, 1], {"skill": [2]})})
        for numbers in _numbers(students, order):
            letters = _letters(numbers)
            rows = 1 + numbers % 3 if not enrolments else 2 + numbers % 3
            size = int(rows.sum())
            values = {"item": np.full(size, 2), "time": np.arange(size), "correct": np.ones(size)}
            table.append(
                len(numbers), {GROUP + "part": 2 + (numbers % 5 == 0)},
                {
                    "name": (np.full(len(numbers), 36), {"utf8": letters.ravel()}),
                    family: (rows, {name: values[name] for name in columns}),
                },
            )  # fmt: skip


def _numbers(students: int, order: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, students, BLOCK):
        numbers = np.arange(first, min(first + BLOCK, students))
        yield numbers if order > 0 else students - 1 - numbers


def _letters(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return 36 letters a number, as a UUID's, that tell it from all others."""
    draws = np.stack([numbers * odd for odd in (0x9E3779B97F4A7C15 - 2**64, 1)], axis=1)
    digits = np.unpackbits(draws.view(np.uint8), axis=1).reshape(len(numbers), 32, 4)
    nibbles = digits @ np.array([8, 4, 2, 1], np.uint8)
    letters = np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles]
    return np.insert(letters, [8, 12, 16, 20], ord("-"), axis=1)


def _checksum(store: Any, rows: NDArray[Any]) -> int:
    """Return a number of the names of some students that no order changes."""
    offsets, total = store.offsets("students", "name"), 0
    data = store.values("students", "name.utf8")
    chosen = np.zeros(store.num_students, bool)
    chosen[rows] = True
    for some in row_blocks(offsets, 1 << 20):
        if (np.diff(offsets[some.start : some.stop + 1]) == 36).all():
            letters = data[offsets[some.start] : offsets[some.stop]].reshape(-1, 36)
            words = np.ascontiguousarray(letters).view(np.uint32).astype(np.uint64)
            with np.errstate(over="ignore"):
                each = (words * np.arange(1, 18, 2, dtype=np.uint64) ** np.uint64(9)).sum(1)
                each = each * (each >> np.uint64(7))
                total = (total + int(each[chosen[some]].sum())) % 2**64
    return total


def main(path: str, by: str) -> None:
    """Draw a split, and print what it came to."""
    if "enrolments" in path:
        of_courses = EnrolmentStore(path)
        parts = split_enrolments(of_courses, by)
        print(json.dumps({"parts": {name: len(part.student) for name, part in parts.items()}}))
        return
    store = AnswerStore(path)
    parts = split(store, by, column="part")
    told = {
        name: [len(part.student), part.num_answers, _checksum(store, part.student)]
        for name, part in parts.items()
    }
    print(json.dumps({"parts": told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
