"""Is every line of damaged CSV and TSV files either kept or named?"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal

from torchedu.datasets.importers import import_data
from torchedu.errors import DataError

Random = np.random.Generator
Lines = list[list[str]]


def _open_quote(random: Random, row: list[str]) -> list[str]:
    at = int(random.integers(len(row)))
    return [*row[:at], f'"{row[at]}', *row[at + 1 :]]


def _quote_alone(random: Random, row: list[str]) -> list[str]:
    at = int(random.integers(len(row)))
    return [*row[:at], '"', *row[at + 1 :]]


def _quote_inside(random: Random, row: list[str]) -> list[str]:
    return [row[0], f'{row[1]} 5" pipe', *row[2:]]


def _quote_then_more(random: Random, row: list[str]) -> list[str]:
    return [row[0], f'"{row[1]}" more', *row[2:]]


def _field_more(random: Random, row: list[str]) -> list[str]:
    return [*row, "more"]


def _field_less(random: Random, row: list[str]) -> list[str]:
    return row[:-1]


def _no_number(random: Random, row: list[str]) -> list[str]:
    return [*row[:2], "good"]


def _quoted(random: Random, row: list[str]) -> list[str]:
    return [f'"{field}"' for field in row]


DAMAGES: tuple[Callable[[Random, list[str]], list[str]], ...] = (
    _open_quote, _quote_alone, _quote_inside, _quote_then_more, _field_more, _field_less,
    _no_number, _quoted,
)  # fmt: skip
ENDS = ("\n", "\r\n", "\r")
ENCODINGS = ("utf-8", "utf-8-sig")


def measure(files: int) -> tuple[list[Goal], dict[str, Any]]:
    """Count files some of whose lines are neither kept nor named.

    Args:
        files: How many are damaged.
    """
    lost = []
    with TemporaryDirectory() as folder:
        for number in range(files):
            random = np.random.default_rng([3, number])
            size = int(random.integers(5, 60))
            lines = [[f"s{i % 7}", f"q{i}", str(i % 2)] for i in range(size)]
            damage = DAMAGES[number % len(DAMAGES)]
            for i in random.choice(size, int(random.integers(1, 5)), replace=False):
                lines[i] = damage(random, lines[i])
            suffix, delimiter = (("csv", ","), ("tsv", "\t"))[number // 2 % 2]
            end, encoding = ENDS[number % 3], ENCODINGS[number // 3 % 2]
            blank = [end if random.random() < 0.1 else "" for _ in lines]
            text = delimiter.join(("student", "item", "correct")) + end
            text += "".join(
                delimiter.join(line) + end + more for line, more in zip(lines, blank, strict=True)
            )
            file = Path(folder) / f"answers.{suffix}"
            file.write_bytes(text.encode(encoding))
            try:
                store = import_data("csv", file, Path(folder) / "x.store", {"on_bad_row": "drop"})
            except DataError:
                continue  # said of the whole file
            named = sum(one["rows"] for one in store.about["dropped"].values())
            if store.num_answers + named != size:
                lost.append(
                    f"{number} ({damage.__name__}): {store.num_answers} + {named} of {size}"
                )
    goal = Goal(
        "honest.rows", len(lost), f"0 of {files} files lose a line without a word", not lost
    )
    return [goal], {"lost": lost}
