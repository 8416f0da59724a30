"""Does a network serve all groups alike? Each gap beside the gap that chance alone would make.

A gap between groups is never zero, and ABROCA cannot be negative: in small groups chance alone
makes gaps of .05 and more. So every gap here has a **noise floor**, found by dealing the groups'
names out anew, at random, many times. A gap is told as one only where it is above its floor, and
the floors are such that in a whole audit without any bias, over all attributes, groups and
measures, a single one is crossed with probability ``alpha``.

Where groups differ in what they study, a pooled gap may be one between courses. So each gap is also
taken within strata (courses, say), with names dealt out within them.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from torchedu.metrics.dealing import Rows, drawings, kinds, observed
from torchedu.metrics.floors import noise_floors
from torchedu.metrics.gaps import GAPS, area_between, gaps, roc_curve
from torchedu.metrics.sums import answer_sums, mean_scores
from torchedu.metrics.verdicts import words

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]

BINS = 500
"""Bins of ranked predictions in which dealt-out groups are compared."""
ROWS = 2**18
"""Predictions that are counted at once."""
LEAST = 30
"""Students that a group needs to be compared; and a third of them of either outcome."""


class Attribute(NamedTuple):
    """To which group each prediction belongs.

    Attributes:
        ids: An index into ``names``; negative where it is not known; shape (predictions,).
        names: The groups.
    """

    ids: ArrayLike
    names: Sequence[str]


def audit(
    probability: ArrayLike,
    outcome: ArrayLike,
    attributes: Mapping[str, Attribute],
    *,
    student: ArrayLike | None = None,
    stratum: Attribute | None = None,
    stratum_noun: str = "course",
    threshold: float = 0.5,
    alpha: float = 0.01,
    permutations: int = 500,
    resamples: int = 200,
    intersections: bool = True,
    least: int = LEAST,
    seed: int = 0,
    noun: str = "students",
) -> dict[str, Any]:
    """Compare each group of students with all others, and each gap with its noise floor.

    The measures, each between a group and all others: ``abroca``, the area between their ROC curves
    (Gardner, Brooks and Baker, LAK 2019); ``auc``; ``selection_rate``, ``true_positive_rate`` and
    ``false_positive_rate`` at the threshold; ``calibration``, mean prediction less mean outcome.
    For each attribute also ``demographic_parity_difference`` and ``equalized_odds_difference``,
    the largest less the smallest rate among its groups, as fairlearn has them.

    Floors are those of Westfall and Young's step of maxima (1993): each dealing's gaps are
    standardised by their mean and spread over all dealings, and the ``1 - alpha`` quantile of the
    largest of them is the floor of all, put back on each gap's scale. For measures that compare
    students of the same outcome, names are dealt out within outcomes, so that groups may differ in
    how often the outcome comes true; with several predictions a student, whole students are dealt.

    Args:
        probability: Predictions, 0..1; shape (predictions,).
        outcome: What came true, at least one half meaning yes; shape (predictions,).
        attributes: The groups by attribute. Predictions of unknown group are left out there.
        student: Whose prediction each is, where a student has several; shape (predictions,).
        stratum: The course, say, of each prediction, within which gaps are taken again.
        stratum_noun: What a stratum is called in words.
        threshold: A prediction of at least this selects the student, for a call, say.
        alpha: Probability of any alarm at all in an audit without bias.
        permutations: How often names are dealt out.
        resamples: How often students are drawn anew for the 95 % intervals (percentiles).
        intersections: Whether to compare the intersections of every two attributes too.
        least: Students a group, and those beside it, need; smaller ones are told as too few.
        seed: Another seed deals otherwise.
        noun: What is counted, where predictions are not of students.

    Returns:
        Plain JSON values: the settings, ``alarms`` (the decisive gaps above their floors: those
        within strata where there are strata), ``words`` (the findings in sentences) and
        ``attributes``: by attribute how many students are of ``unknown`` group, which leaves them
        out there, and a list of ``groups``, each with how many ``students`` (their ``noun``) it
        has, ``too_few``, its scores and ``gaps``; a gap has ``value``, ``interval``, ``floor``,
        ``above`` and, with strata, the same ``within``.

    Raises:
        ValueError: Shapes differ, a value is out of range, or there are too few permutations for
            ``alpha``.
    """
    p, truth = np.asarray(probability), np.asarray(outcome)
    for name, column in (("predictions", p), ("outcomes", truth)):
        if not (np.min(column, initial=0) >= 0 and np.max(column, initial=1) <= 1):  # nor NaN
            raise ValueError(f"{name} are no numbers of 0 to 1")
    y = truth >= 0.5
    p = p if p.dtype == np.float32 else p.astype(np.float64)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"{p.shape} predictions, {y.shape} outcomes: not (predictions,) twice")
    if alpha * (permutations + 1) < 1:
        raise ValueError(f"{permutations} permutations cannot tell a probability of {alpha}")
    table = {name: _checked(name, attribute, len(p)) for name, attribute in attributes.items()}
    if intersections:
        table |= {f"{a} × {b}": _crossed(table[a], table[b]) for a, b in combinations(table, 2)}
    strata: Ids = np.broadcast_to(np.int32(0), len(p))
    if stratum is not None:
        strata = _checked(stratum_noun, stratum, len(p))[0]
    unit = np.arange(len(p), dtype=np.int32) if student is None else _numbered(np.asarray(student))
    random = np.random.default_rng(seed)
    frame = _Frame(p, y, unit, strata, table, threshold, least)
    views: dict[str, tuple[Floats, Floats, Floats]] = {}
    within_strata = {} if stratum is None else {"within": True}
    for view, divided in ({"pooled": False, **within_strata} if table else {}).items():
        rows, block = frame.rows(divided)
        measured = frame.measure(observed(rows, frame.kinds))
        # Rates and calibration need dealings that may move outcomes too.
        pools = [block * 2 + frame.outcome, block] if frame.one_each else [block]
        chance = (rows, frame.kinds, pools, permutations, alpha, seed)
        floors = noise_floors(measured, frame.measure, *chance)
        resampled = drawings(random, rows, frame.kinds, resamples)
        drawn = [frame.measure(drawing) for some in resampled for drawing in some]
        views[view] = (measured, floors, np.reshape(drawn, (resamples, *measured.shape)))
    result = frame.findings(views, noun)
    decisive = "within" if stratum is not None else "pooled"
    return {
        "alpha": alpha,
        "permutations": permutations,
        "threshold": threshold,
        "stratum": stratum_noun if stratum is not None else None,
        "alarms": _alarms(result, decisive),
        "noun": noun,
        "words": words(result, stratum_noun if stratum is not None else None, noun),
        "attributes": result,
    }


class _Frame:
    """Predictions in their order, with groups and strata, ready to be counted again and again."""

    def __init__(
        self,
        p: Floats,
        y: NDArray[np.bool_],
        unit: Ids,
        strata: Ids,
        table: Mapping[str, tuple[Ids, list[str]]],
        threshold: float,
        least: int,
    ) -> None:
        self.threshold, self.least = threshold, least
        # What a unit is, its first prediction says; dealing moves whole units.
        first = np.empty(unit.max(initial=-1) + 1, np.int64)
        for some in reversed(_blocks(len(unit))):
            first[unit[some][::-1]] = np.arange(some.start, some.stop)[::-1]
        self.num_units, self.one_each = len(first), len(first) == len(unit)
        self.outcome, self.block = y[first], strata[first].astype(np.int64)
        self.sizes = [len(names) for _, names in table.values()]
        labels = [ids[first] for ids, _ in table.values()]
        self.kinds = kinds(np.reshape(labels, (len(labels), len(first))).astype(int), self.sizes)
        # Sorted once, for bins and for every exact curve.
        order = np.argsort(p, kind="stable").astype(np.int32)
        self.p, self.y, self.unit = p[order], y[order], unit[order]
        self.strata = strata[order] if strata.strides[0] else strata
        self.table = {name: (ids[order], names) for name, (ids, names) in table.items()}
        self.code = _bins(self.p, threshold)
        self.bins = int(self.code.max(initial=-1)) + 1
        sums, counts = np.zeros(self.bins), np.zeros(self.bins)
        for some in _blocks(len(p)):
            sums += np.bincount(self.code[some], self.p[some], self.bins)
            counts += np.bincount(self.code[some], minlength=self.bins)
        self.mean = sums / counts
        self.selected = np.bincount(self.code[self.p >= threshold], minlength=self.bins) > 0
        self.compared = {
            name: self._enough(ids, len(names)) for name, (ids, names) in self.table.items()
        }
        self.num_compared = sum(int(some.sum()) for some in self.compared.values())

    def students(self, mine: NDArray[np.bool_]) -> int:
        """Count the units of some predictions."""
        present = np.zeros(self.num_units, bool)
        present[self.unit[mine]] = True
        return int(present.sum())

    def _enough(self, ids: Ids, size: int) -> NDArray[np.bool_]:
        """Say which groups, and those beside them, have enough students of either outcome."""
        students = np.array([self.students(ids == i) for i in range(size)], int)
        known = ids >= 0
        yes = np.bincount(ids[known & self.y], minlength=size)
        no = np.bincount(ids[known & ~self.y], minlength=size)
        both = np.minimum(np.minimum(yes, no), np.minimum(yes.sum() - yes, no.sum() - no))
        return (np.minimum(students, students.sum() - students) >= self.least) & (
            both >= self.least / 3
        )

    def rows(self, divided: bool) -> tuple[Rows, Ids]:
        """Return what is counted, by stratum or not, and in which of them each unit is dealt."""
        strata = int(self.strata.max(initial=0)) + 1 if divided else 1
        cell = np.empty(len(self.p), np.int32)
        for some in _blocks(len(self.p)):
            stratum = self.strata[some].astype(np.int32) if divided else np.int32(0)
            cell[some] = (stratum * 2 + self.y[some]) * self.bins + self.code[some]
        block = self.block if divided else np.zeros_like(self.block)
        return Rows(self.unit, cell, strata * 2 * self.bins), block

    def measure(self, counts: Floats) -> Floats:
        """Return all gaps of all groups that are compared; shape (groups, measures).

        Args:
            counts: Shape (groups of all attributes, strata x 2 outcomes x bins).
        """
        strata = counts.shape[1] // (2 * self.bins)  # also of no groups at all
        shaped = counts.reshape(len(counts), strata, 2, self.bins).astype(np.float64)
        parts = np.split(shaped, np.cumsum(self.sizes)[:-1])
        rows = [
            gaps(part, self.mean, self.selected, compared)
            for part, compared in zip(parts, self.compared.values(), strict=True)
        ]
        return np.concatenate(rows)

    def findings(
        self, views: Mapping[str, tuple[Floats, Floats, Floats]], noun: str
    ) -> dict[str, Any]:
        """Return the findings by attribute and group."""
        result: dict[str, Any] = {}
        row = 0
        for name, (ids, names) in self.table.items():
            groups: list[dict[str, Any]] = []
            for i, group in enumerate(names):
                mine = ids == i
                if not mine.any():
                    continue
                students, enough = self.students(mine), bool(self.compared[name][i])
                groups.append({"group": group, noun: students, "too_few": not enough})
                if not enough:
                    continue
                pooled, *within = (
                    [_gap(*(part[..., row, j] for part in view)) for j in range(len(GAPS.names))]
                    for view in views.values()
                )
                for gaps_within in within:
                    for gap, gap_within in zip(pooled, gaps_within, strict=True):
                        gap["within"] = gap_within
                gaps_of = dict(zip(GAPS.names, pooled, strict=True))
                # Binned for chance, exact for the reader.
                p, y = self.p[mine], self.y[mine]
                curve, area = roc_curve(p, y), gaps_of["abroca"]
                others = (ids >= 0) & ~mine
                area["value"] = area_between(curve, roc_curve(self.p[others], self.y[others]))
                area["above"] = bool(area["value"] > area["floor"])
                sums = answer_sums(torch.from_numpy(p), torch.from_numpy(y.astype(np.float32)))
                scored = {"auc": curve.auc(), **mean_scores(sums)}
                groups[-1] |= {**scored, **self._rates(p, y), "gaps": gaps_of}
                row += 1
            rates = [group for group in groups if not group["too_few"]]
            unknown = self.students(ids < 0)
            result[name] = {"groups": groups, "unknown": unknown, **_differences(rates)}
        return result

    def _rates(self, p: Floats, y: NDArray[np.bool_]) -> dict[str, float]:
        selected = p >= self.threshold
        return {
            "base_rate": float(y.mean()),
            "selection_rate": float(selected.mean()),
            "true_positive_rate": float(selected[y].mean()),
            "false_positive_rate": float(selected[~y].mean()),
            "calibration": float(p.mean(dtype=np.float64) - y.mean()),
        }


def _differences(groups: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the largest less the smallest rate among groups, as fairlearn has it."""
    if len(groups) < 2:
        return {"demographic_parity_difference": None, "equalized_odds_difference": None}
    spread = {
        rate: max(group[rate] for group in groups) - min(group[rate] for group in groups)
        for rate in ("selection_rate", "true_positive_rate", "false_positive_rate")
    }
    return {
        "demographic_parity_difference": spread["selection_rate"],
        "equalized_odds_difference": max(
            spread["true_positive_rate"], spread["false_positive_rate"]
        ),
    }


def _gap(observed: Floats, floor: Floats, drawn: Floats) -> dict[str, Any]:
    value = float(observed)
    if np.isnan(value) or np.isnan(floor):
        return {"value": None, "interval": None, "floor": None, "above": False}
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
    return {
        "value": value,
        "interval": None if np.isnan(low) else [float(low), float(high)],
        "floor": float(floor),
        "above": bool(abs(value) > floor),
    }


def _alarms(result: Mapping[str, Any], view: str) -> list[dict[str, Any]]:
    """List the gaps above their floors, in the view that decides."""
    return [
        {"attribute": name, "group": group["group"], "measure": measure}
        for name, verdict in result.items()
        for group in verdict["groups"]
        for measure, gap in group.get("gaps", {}).items()
        if (gap["within"] if view == "within" else gap)["above"]
    ]


def _bins(p: Floats, threshold: float) -> Ids:
    """Number the predictions by rank, in few bins, none of which holds both sides of a cut."""
    values = np.unique(p)
    ordered = values if len(values) <= BINS else np.sort(p)
    code = np.empty(len(p), np.int16)
    used = np.zeros(2 * BINS, bool)
    for some in _blocks(len(p)):
        rank = np.searchsorted(ordered, p[some], "right") - 1
        bin_of = rank if len(values) <= BINS else rank * BINS // len(p)
        code[some] = bin_of * 2 + (p[some] >= threshold)
        used[code[some]] = True
    number = (np.cumsum(used) - 1).astype(np.int16)
    for some in _blocks(len(p)):
        code[some] = number[code[some]]
    return code


def _numbered(student: Ids) -> Ids:
    """Number the students in their order; rows that are in order already need no sorting."""
    if (student[1:] < student[:-1]).any():
        return np.unique(student, return_inverse=True)[1].astype(np.int32)
    begins = np.append(False, student[1:] != student[:-1])[: len(student)]
    unit: Ids = np.cumsum(begins, dtype=np.int32)
    return unit


def _blocks(rows: int) -> list[slice]:
    """Return the stretches of rows that are looked at at once."""
    return [slice(first, min(first + ROWS, rows)) for first in range(0, rows, ROWS)]


def _checked(name: str, attribute: Attribute, size: int) -> tuple[Ids, list[str]]:
    ids, names = np.asarray(attribute.ids), [str(value) for value in attribute.names]
    if ids.shape != (size,):
        raise ValueError(f"{name}: {ids.shape} ids for {size} predictions")
    if len(ids) and ids.max() >= len(names):
        raise ValueError(f"{name}: a group id lies outside the {len(names)} names")
    if len(ids) and ids.min() < -1:
        ids = np.maximum(ids, -1)
    return ids.astype(np.int16 if len(names) < 2**15 else np.int32, copy=False), names


def _crossed(first: tuple[Ids, list[str]], other: tuple[Ids, list[str]]) -> tuple[Ids, list[str]]:
    (a, left), (b, right) = first, other
    small = np.int16 if len(left) * len(right) < 2**15 else np.int32
    ids = np.where((a >= 0) & (b >= 0), np.multiply(a, len(right), dtype=small) + b, -1)
    return ids.astype(small, copy=False), [f"{x} × {z}" for x in left for z in right]
