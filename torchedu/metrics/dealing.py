"""What chance makes of groups: students dealt out to them anew, and drawn anew, many times.

Millions of predictions are not counted again for each dealing. Students are put into random bundles
of equal size, whose counts are taken once; bundles are then dealt like students. A random set of
random bundles is a random set of students, so each dealing is as likely as any; a share of the
students stays loose, so that every group keeps its size to the last student. Dealings share their
bundles, so these are made anew now and then. Few predictions are counted as soon one by one, and so
are more where much depends on it: then students are dealt one by one.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]

BUNDLES = 2048
"""Bundles into which students are put; up to twice as many students are dealt one by one."""
CHEAP = 2**16
"""Up to so many predictions, dealing students one by one costs less than bundles do."""
LEAST_BUNDLES = 256
"""Where counts are so wide that memory allows fewer bundles, students are dealt one by one."""
COUNTS = 2**25
"""Counts of bundles that are held at once, four bytes each."""
LOOSE = 1 / 64
"""Share of the students, at least, that is dealt one by one beside the bundles."""
PURE = 64
"""Bundles of students of the same groups, at least, from which resamples are drawn."""
MANY = 64
"""Predictions a student from which on even single students are counted once."""
ROWS = 2**18
"""Predictions that are counted at once."""
BATCH = 2**21
"""Counts of dealings that are made at once."""


class Rows(NamedTuple):
    """Predictions, each of a unit (a student, mostly) in a cell of what is counted.

    Attributes:
        unit: Whose each prediction is; shape (predictions,).
        cell: Its stratum, outcome and bin, as one number.
        cells: How many cells there are.
    """

    unit: Ids
    cell: Ids
    cells: int


class Kinds(NamedTuple):
    """Units by all their groups at once: those of one kind are of the same group everywhere.

    Attributes:
        of_unit: The kind of each unit; shape (units,).
        groups: The group of each kind in each attribute, negative where unknown; shape (attributes,
            kinds).
        sizes: The number of groups of each attribute.
    """

    of_unit: Ids
    groups: Ids
    sizes: Sequence[int]

    def membership(self) -> Floats:
        """Return 1 where a kind is of a group; shape (groups of all attributes, kinds)."""
        of_each = [
            group == np.arange(size)[:, None]
            for group, size in zip(self.groups, self.sizes, strict=True)
        ]
        return np.concatenate(of_each).astype(np.float32)


def kinds(labels: Ids, sizes: Sequence[int]) -> Kinds:
    """Number the kinds of units.

    Args:
        labels: The group of each unit in each attribute; shape (attributes, units).
        sizes: The number of groups of each attribute.
    """
    of_unit: Ids = np.zeros(labels.shape[1], np.int32)
    for label, size in zip(labels, sizes, strict=True):
        both = of_unit.astype(np.int64) * (size + 1) + label + 1
        present = np.bincount(both) > 0
        of_unit = (np.cumsum(present, dtype=np.int32) - 1)[both]
    first = np.zeros(of_unit.max(initial=-1) + 1, np.int64)
    first[of_unit[::-1]] = np.arange(len(of_unit))[::-1]
    return Kinds(of_unit, labels[:, first], sizes)


def dealings(
    random: np.random.Generator,
    rows: Rows,
    of: Kinds,
    pool: Ids,
    times: int,
    rounds: int = 5,
    alone: bool = False,
) -> Iterator[Floats]:
    """Deal the units' groups out anew, among units of a pool.

    Args:
        random: Deals.
        rows: The predictions.
        of: The groups.
        pool: Within which units are dealt out; shape (units,).
        times: How often.
        rounds: How often bundles are made anew meanwhile.
        alone: Whether students are dealt one by one, however many there are.

    Yields:
        The counts of all groups of a few dealings; shape (dealings, groups of all attributes,
        cells).
    """
    alone = alone or one_by_one(rows, len(of.of_unit))
    size = 1 if alone else _bundle_size(rows, len(of.of_unit))
    counted = (
        MANY * len(of.of_unit) <= len(rows.unit) and len(of.of_unit) * rows.cells <= 2 * COUNTS
    )
    whole_share = 1 - LOOSE if not alone else float(counted)
    rounds = min(times, 1 if alone else rounds)
    for i in range(rounds):
        share = times * (i + 1) // rounds - times * i // rounds
        yield from _Hand(random, rows, of, pool, size, whole_share).deal(share)


class _Hand:
    """Bundles and loose units, ready to be dealt."""

    def __init__(
        self,
        random: np.random.Generator,
        rows: Rows,
        of: Kinds,
        pool: Ids,
        size: int,
        whole_share: float,
    ) -> None:
        self.random, self.of, self.cells = random, of, rows.cells
        self.member = of.membership()
        self.stretches: list[tuple[slice, slice]] = []
        num_kinds = of.groups.shape[1]
        place = np.full(len(of.of_unit), -1, np.int32)
        bundle_kinds, loose_kinds, loose_units = [], [], []
        bundles = loose = 0
        order = np.argsort(pool, kind="stable")
        bounds = np.append(0, np.cumsum(np.bincount(pool)))
        for begin, end in pairwise(bounds):
            units = random.permutation(order[begin:end])
            each = np.bincount(of.of_unit[units], minlength=num_kinds)
            whole = (each * whole_share / size + 1e-9).astype(np.int64)
            in_bundles = int(whole.sum()) * size
            place[units[:in_bundles]] = bundles + np.arange(in_bundles) // size
            loose_units.append(units[in_bundles:])
            bundle_kinds.append(np.repeat(np.arange(num_kinds), whole))
            loose_kinds.append(np.repeat(np.arange(num_kinds), each - whole * size))
            self.stretches.append(
                (
                    slice(bundles, bundles + len(bundle_kinds[-1])),
                    slice(loose, loose + len(loose_kinds[-1])),
                )
            )
            bundles, loose = self.stretches[-1][0].stop, self.stretches[-1][1].stop
        self.bundle_kind = np.concatenate(bundle_kinds)
        self.loose_kind = np.concatenate(loose_kinds)
        self.counts = _counts(rows, place, bundles)
        number = np.full(len(place), -1, np.int32)
        number[np.concatenate(loose_units)] = np.arange(loose)
        kept = [_kept(rows, number, some) for some in _stretches(len(rows.unit))]
        self.loose_unit = np.concatenate([unit for unit, _ in kept])
        self.loose_cell = np.concatenate([cell for _, cell in kept])

    def deal(self, times: int) -> Iterator[Floats]:
        groups = len(self.member)
        widest = max(1, self.cells, len(self.bundle_kind))
        at_once = max(1, min(times, BATCH // max(1, groups * widest)))
        for first in range(0, times, at_once):
            some = min(at_once, times - first)
            dealt = np.empty((some, groups, len(self.bundle_kind)), np.float32)
            counts = np.zeros((some, groups, self.cells), np.float32)
            for i in range(some):
                bundles, loose = self._shuffled()
                dealt[i] = self.member[:, bundles]
                counts[i] = self._loose(loose)
            counts += dealt @ self.counts
            yield counts

    def _shuffled(self) -> tuple[Ids, Ids]:
        bundles, loose = np.empty_like(self.bundle_kind), np.empty_like(self.loose_kind)
        for of_bundles, of_loose in self.stretches:
            bundles[of_bundles] = self.random.permutation(self.bundle_kind[of_bundles])
            loose[of_loose] = self.random.permutation(self.loose_kind[of_loose])
        return bundles, loose

    def _loose(self, kind: Ids) -> Floats:
        counted = []
        for group, size in zip(self.of.groups, self.of.sizes, strict=True):
            label = group[kind][self.loose_unit].astype(np.int64) + 1
            cell = label * self.cells + self.loose_cell
            all_cells = np.bincount(cell, minlength=(size + 1) * self.cells)
            counted.append(all_cells[self.cells :].reshape(size, self.cells))
        return np.concatenate(counted)


def drawings(random: np.random.Generator, rows: Rows, of: Kinds, times: int) -> Iterator[Floats]:
    """Draw units with replacement; the same bundles for units of one kind alone.

    Args:
        random: Draws.
        rows: The predictions.
        of: The groups.
        times: How often.

    Yields:
        As ``dealings`` does.
    """
    if not times:
        return
    size = _bundle_size(rows, len(of.of_unit))
    each = np.bincount(of.of_unit)
    bundles = np.minimum(each, np.maximum(PURE, each // size)) if size > 1 else each
    begins = np.append(0, np.cumsum(bundles))
    units = random.permutation(len(of.of_unit))
    units = units[np.argsort(of.of_unit[units], kind="stable")]
    rank = np.arange(len(units)) - np.repeat(np.append(0, np.cumsum(each))[:-1], each)
    place = np.empty(len(units), np.int32)
    place[units] = np.repeat(begins[:-1], each) + rank * np.repeat(bundles, each) // np.repeat(
        each, each
    )
    kind, total = np.repeat(np.arange(len(each)), bundles), int(begins[-1])
    member = of.membership()
    counts = _counts(rows, place, total) if total * rows.cells <= 2 * COUNTS else None
    for _ in range(times):
        weight = np.bincount(random.integers(total, size=total), minlength=total)
        if counts is not None:
            yield (member[:, kind] * weight.astype(np.float32) @ counts)[None]
        else:
            yield _weighed(rows, of, place, weight)[None]


def observed(rows: Rows, of: Kinds) -> Floats:
    """Count the groups as they are; shape (groups of all attributes, cells)."""
    return _weighed(rows, of, np.arange(len(of.of_unit)), np.ones(len(of.of_unit)))


def _weighed(rows: Rows, of: Kinds, place: Ids, weight: Floats | Ids) -> Floats:
    counted = []
    for group, size in zip(of.groups, of.sizes, strict=True):
        sums = np.zeros((size + 1) * rows.cells)
        label = group[of.of_unit].astype(np.int64) + 1
        for some in _stretches(len(rows.unit)):
            unit = rows.unit[some]
            cell = label[unit] * rows.cells + rows.cell[some]
            sums += np.bincount(cell, weight[place[unit]], len(sums))
        counted.append(sums[rows.cells :].reshape(size, rows.cells))
    return np.concatenate(counted)


def one_by_one(rows: Rows, units: int) -> bool:
    """Say whether students are dealt one by one by themselves."""
    return len(rows.unit) <= CHEAP or _bundle_size(rows, units) == 1


def _bundle_size(rows: Rows, units: int) -> int:
    bundles = min(BUNDLES, COUNTS // max(1, rows.cells))
    return max(1, units // bundles) if bundles >= LEAST_BUNDLES else 1


def _counts(rows: Rows, place: Ids, bundles: int) -> Floats:
    """Count the predictions of each bundle; shape (bundles, cells)."""
    # Predictions come in their order, so those looked at together fall into few cells.
    counts = np.zeros(rows.cells * bundles, np.float32)
    for some in _stretches(len(rows.unit) if bundles else 0):
        at = place[rows.unit[some]].astype(np.int64)
        inside = at >= 0
        np.add.at(counts, (rows.cell[some].astype(np.int64) * bundles + at)[inside], np.float32(1))
    return np.ascontiguousarray(counts.reshape(rows.cells, bundles).T)


def _kept(rows: Rows, number: Ids, some: slice) -> tuple[Ids, Ids]:
    unit = number[rows.unit[some]]
    inside = unit >= 0
    return unit[inside], rows.cell[some][inside]


def _stretches(rows: int) -> list[slice]:
    """Return the stretches of rows that are looked at at once; one that is empty of none."""
    return [slice(first, min(first + ROWS, rows)) for first in range(0, max(rows, 1), ROWS)]
