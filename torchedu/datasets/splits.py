"""Which answers are trained on, which choose, and which are reported: parts that share nothing.

A split never depends on the order of rows in a file: students are drawn by a hash of their names.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.draws import CHUNK, at_places, name_keys
from torchedu.datasets.store import Store, row_blocks
from torchedu.errors import ConfigError, allowed
from torchedu.mapped import empty, mapped
from torchedu.schema import GROUP, Vocabulary

Rows = NDArray[np.signedinteger]
"""Rows of a store, or positions in a history: 32 bits hold any, and half the memory of 64."""

PARTS = ("train", "val", "test")
KINDS = ("student", "time", "fold", "column")
MORE = "Use more data, larger shares, or another split."
"""What a user can do about an empty part."""


class Part(NamedTuple):
    """Some students' answers; those before ``first`` are history alone and are not scored.

    Attributes:
        student: Rows in the store; shape (students,).
        first: Position in each history of the first answer that is scored.
        stop: Position after the last; no answer from here on is seen.
    """

    student: Rows
    first: Rows
    stop: Rows

    @property
    def num_answers(self) -> int:
        """How many answers are scored."""
        return int(self.stop.sum() - self.first.sum())


def split(
    store: AnswerStore,
    by: str = "student",
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
    column: str | None = None,
) -> dict[str, Part]:
    """Divide a store into train, val and test.

    Args:
        store: The answers.
        by: ``student``: each student is in one part. ``time``: each part is a stretch of time; a
            later part sees a student's earlier answers as history. ``fold``: like ``student``, with
            fold number ``fold`` of ``folds`` as test. ``column``: the student attribute ``column``
            says ``train``, ``val`` or ``test``; where none says ``val``, a share ``val`` of the
            training students does.
        val: Share of the students (of the answers, by time) for validation; by fold and column, the
            share of those that are not for test.
        test: Share of the students (of the answers, by time) for test.
        seed: Another seed draws other students.
        folds: Number of folds.
        fold: Which of them is the test, from 0.
        column: Name of the student attribute.

    Returns:
        A ``Part`` for each of ``train``, ``val`` and ``test``.

    Raises:
        ConfigError: A share, fold, column or kind of split is not possible.
        DataError: The data is too small, or has no time, for this split.
    """
    check_split(by, KINDS, val, test)
    if by == "time":
        parts = _by_time(store, val, test)
    else:
        parts = {
            name: whole_histories(store.history_offsets, where)
            for name, where in _students(store, by, val, test, seed, folds, fold, column).items()
        }
    for name, part in parts.items():
        if part.num_answers == 0:
            raise store.fault(
                f"the part {name!r} of a split by {by} holds no answers "
                f"({store.num_students} students, {store.num_answers} answers in all).",
                MORE,
            )
    return parts


def check_split(
    by: str, kinds: Sequence[str], val: float, test: float, disjoint: bool = True
) -> None:
    """Refuse a kind of split that is not known, and shares that leave a part empty.

    Args:
        by: The kind.
        kinds: Those that there are.
        val: Share for validation.
        test: Share for test.
        disjoint: Whether both are shares of the same.

    Raises:
        ConfigError: It cannot be.
    """
    if by not in kinds:
        raise ConfigError(f"⟦data.split⟧ {by!r} is not known.", allowed(by, kinds))
    if not (0 < val < 1 and 0 < test < 1) or (disjoint and val + test >= 1):
        raise ConfigError(
            f"⟦data.val⟧ {val} and ⟦data.test⟧ {test} leave no part for each of the three.",
            "Both are shares above 0 whose sum is below 1.",
        )


def check_fold(fold: int, folds: int) -> None:
    """Refuse a fold that does not exist.

    Args:
        fold: Which it is, from 0.
        folds: How many there are.

    Raises:
        ConfigError: There is no such fold.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise ConfigError(
            f"⟦data.fold⟧ {fold} of {folds} ⟦data.folds⟧ does not exist.",
            "⟦data.folds⟧ is at least 2, ⟦data.fold⟧ counts from 0.",
        )


def _students(
    store: AnswerStore,
    by: str,
    val: float,
    test: float,
    seed: int,
    folds: int,
    fold: int,
    column: str | None,
) -> dict[str, NDArray[np.bool_]]:
    keys = name_keys(store, seed)
    num = store.num_students
    if by == "column":
        in_test, in_val = _column(store, column)
        if in_val.any():
            return {"train": ~in_test & ~in_val, "val": in_val, "test": in_test}
    elif by == "fold":
        check_fold(fold, folds)
        in_test = in_fold(keys, fold, folds)
    else:
        in_test = first_of(keys, round(num * test))
        val = val / (1 - test)  # the share is of all students here, of the rest below
    return drawn(keys, in_test, val)


def drawn(
    keys: NDArray[np.uint64], in_test: NDArray[np.bool_], val: float
) -> dict[str, NDArray[np.bool_]]:
    """Return who is in which part, the first ``val`` of those not in the test in the validation.

    Args:
        keys: What students are drawn by; see ``name_keys``.
        in_test: Who is in the test part.
        val: Share of the others.
    """
    rest = ~in_test
    num = int(rest.sum())
    in_val = rest.copy()
    in_val[rest] = first_of(keys[rest], min(max(1, round(num * val)), num))
    return {"train": rest & ~in_val, "val": in_val, "test": in_test}


def in_fold(keys: NDArray[np.uint64], fold: int, folds: int) -> NDArray[np.bool_]:
    """Say who is in a fold: whose place among all, times ``folds``, is that far."""
    first, after = (-(-number * len(keys) // folds) for number in (fold, fold + 1))
    return first_of(keys, after) & ~first_of(keys, first)


def first_of(keys: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Say whose keys are the first so many."""
    if count >= len(keys):
        return np.ones(len(keys), bool)
    return np.asarray(keys < at_places(keys, [count])[0])


def _column(store: AnswerStore, column: str | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    groups = store.vocabulary.groups
    if column is None or column not in groups:
        raise ConfigError(
            f"a split by column needs the name of a student attribute, given {column!r}.",
            allowed(column or "", groups),
        )
    names = store.vocabulary[GROUP + column]
    strange = sorted(set(names) - set(PARTS))
    if strange:
        problem = f"the attribute {column!r} says {strange[0]!r}, which is no part."
        raise store.fault(problem, allowed(strange[0], PARTS))
    value = store.group(column)
    return value == names.id("test"), value == names.id("val")


def whole_histories(
    offsets: NDArray[np.int64], some: NDArray[np.bool_] | slice = slice(None)
) -> Part:
    """Return all that some students answered as a part.

    Args:
        offsets: Where each history begins; shape (students + 1,).
        some: Which students; all where it is not said.
    """
    rows = np.arange(len(offsets) - 1, dtype=np.int32)[some]
    students, lengths = mapped(rows), empty(len(rows), np.int32)
    for begin in range(0, len(rows), CHUNK):
        few = students[begin : begin + CHUNK]
        lengths[begin : begin + CHUNK] = offsets[few + 1] - offsets[few]
    return Part(students, np.broadcast_to(np.int32(0), lengths.shape), lengths)


def _by_time(store: AnswerStore, val: float, test: float) -> dict[str, Part]:
    if not store.has("time"):
        raise store.fault(
            "a split by time needs the time of each answer, and there is none.",
            "Import a column of times, or split by student.",
        )
    return by_time(store.answer_column("time"), store.history_offsets, val, test)


def by_time(
    time: NDArray[np.int64], offsets: NDArray[np.int64], val: float, test: float
) -> dict[str, Part]:
    """Return stretches of time as parts, given histories one after the other in order of time."""
    cuts = _quantiles(time, [1 - val - test, 1 - test])
    # Histories are in order of time: the number of a student's answers before a cut is its place.
    counts = [empty(len(offsets) - 1, np.int32) for _ in (*cuts, "all")]
    for rows in row_blocks(offsets, CHUNK):
        bounds = offsets[rows.start : rows.stop + 1]
        some, begins = time[bounds[0] : bounds[-1]], bounds[:-1] - bounds[0]
        for count, cut in zip(counts[:-1], cuts, strict=True):
            before = np.append(0, np.cumsum(some < cut, dtype=np.int32))
            count[rows] = before[bounds[1:] - bounds[0]] - before[begins]
        counts[-1][rows] = np.diff(bounds)
    return between([np.broadcast_to(np.int32(0), counts[0].shape), *counts])


def _quantiles(time: NDArray[np.int64], shares: Sequence[float]) -> list[Any]:
    """Return the times that so large shares of all do not exceed, as ``numpy.quantile`` has it."""
    last = len(time) - 1
    return (
        at_places(time, [int(np.ceil(last * share)) for share in shares]) if len(time) else [0, 0]
    )


def between(bounds: Sequence[Rows]) -> dict[str, Part]:
    """Return the parts between four positions in each student's history; shape (students,) each."""
    students, parts = np.arange(len(bounds[0]), dtype=np.int32), {}
    for name, first, stop in zip(PARTS, bounds[:-1], bounds[1:], strict=True):
        some = stop > first
        parts[name] = Part(*(mapped(column[some]) for column in (students, first, stop)))
    return parts


def attributes(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the attributes of people, in whose groups they may be compared.

    One that says nothing but parts is no attribute of people: it is a split's column.
    """
    values = {name: set(vocabulary[GROUP + name]) for name in vocabulary.groups}
    return tuple(name for name in values if not values[name] or values[name] - set(PARTS))


def named_test(store: Store) -> NDArray[np.bool_]:
    """Say who is of the test part by the attributes that say nothing but parts; all without any.

    Returns:
        Shape (rows of the table that ``store.mark`` names,).
    """
    people = attributes(store.vocabulary)
    for name in store.vocabulary.groups:
        names = store.vocabulary[GROUP + name]
        if name not in people and "test" in names:
            return np.asarray(store.group(name)) == names.id("test")
    return np.ones(store.num_rows(store.mark[0]), bool)


def part_sizes(part: NDArray[np.uint8 | np.int8]) -> dict[str, int]:
    """Return how often each of ``PARTS`` stands among numbers of parts, where one does."""
    counts = {name: int((part == number).sum()) for number, name in enumerate(PARTS)}
    return {name: count for name, count in counts.items() if count}
