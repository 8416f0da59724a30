"""Pictures of many things by some numbers of each, such as the trials of a search."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from torchedu.report.folder import clean_name
from torchedu.report.style import (
    BASELINE,
    BOUND,
    FULL,
    GRID,
    HALF,
    INK,
    MUTED,
    NETWORK,
    blank,
    short,
)
from torchedu.sections import Parallels, Point, Points, Upright

_NAMES = {"best": "the best", "front": "the front", "": "others", "stopped": "stopped early"}
_SIZES = {"best": 9, "front": 6, "stopped": 3.5}
_COLOURS = {"best": BOUND, "front": NETWORK}
NAME = (18, 11)
"""How wide and high a point's name is, in points."""


def draw_points(form: Points) -> tuple[Figure, str] | None:
    """Draw things by two numbers of each.

    Args:
        form: The form.

    Returns:
        The figure, and what it shows in words; None where it has nothing to show.
    """
    if not form.points:
        return None
    figure, axes = blank(HALF, 3.6)
    leading = [point for point in form.points if point.kind in _COLOURS]
    leading.sort(key=lambda point: (point.x, point.y))
    axes.plot([p.x for p in leading], [p.y for p in leading], color=NETWORK, linewidth=1, alpha=0.6)
    for kind in ("stopped", "", "front", "best"):
        mine = [point for point in form.points if point.kind == kind]
        axes.plot(
            [p.x for p in mine], [p.y for p in mine], linestyle="",
            marker="D" if kind == "best" else "x" if kind == "stopped" else "o",
            markersize=_SIZES.get(kind, 5), color=_COLOURS.get(kind, BASELINE),
            label=_NAMES[kind] if mine else None, clip_on=False,
        )  # fmt: skip
    for line, limit in zip((axes.axvline, axes.axhline), form.limits, strict=True):
        if limit is not None:
            line(limit, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlabel(short(clean_name(form.x), 60))
    axes.set_ylabel(short(clean_name(form.y), 40))
    axes.margins(0.08)
    axes.autoscale_view()
    for point in _apart(leading, axes):
        axes.annotate(
            short(clean_name(point.name), 8), (point.x, point.y), xytext=(4, 5),
            textcoords="offset points", color=INK, fontsize=8,
        )  # fmt: skip
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        fontsize=8,
        borderaxespad=0.2,
        columnspacing=1.2,
        handlelength=1.2,
    )
    words = "; ".join(f"{p.name} {p.x:.4g}, {p.y:.4g}" for p in leading)
    return figure, f"{len(form.points)} points of {form.y} by {form.x}; in front: {words}."


def _apart(points: Sequence[Point], axes: Axes) -> list[Point]:
    """Return those whose names have room: the best one's, the ends', then others'."""
    named = [point for point in points if point.name]
    if not named:
        return []
    ends = (named[0], named[-1])
    first = sorted(named, key=lambda point: (point.kind != "best", point not in ends))
    room: list[Point] = []
    taken = np.empty((0, 2))
    for point in first:
        at = axes.transData.transform((point.x, point.y)) * 72 / axes.figure.dpi
        if (np.abs(taken - at) >= NAME).any(1).all():
            room.append(point)
            taken = np.vstack([taken, at])
    return [point for point in named if point in room]


def draw_parallels(form: Parallels) -> tuple[Figure, str] | None:
    """Draw many numbers of several things; see ``draw_points``."""
    if len(form.axes) < 2 or not len(form.axes[0].values):
        return None
    figure = Figure(figsize=(FULL, 3.6))
    axes = figure.subplots()
    heights = np.array([_heights(axis) for axis in form.axes])
    across = np.arange(len(form.axes))
    marked = set(form.marked)
    for thing in sorted(range(heights.shape[1]), key=lambda i: i in marked):
        mine = thing in marked
        axes.plot(
            across, heights[:, thing], color=NETWORK if mine else BASELINE,
            linewidth=1.6 if mine else 0.8, alpha=0.95 if mine else 0.4,
            marker="o", markersize=3, clip_on=False,
        )  # fmt: skip
    for place, axis in enumerate(form.axes):
        axes.axvline(place, color=GRID, linewidth=1, zorder=0)
        for height, label in _ticks(axis):
            axes.annotate(
                label, (place, height), xytext=(5, 0), textcoords="offset points", va="center",
                color=MUTED, fontsize=8,
            )  # fmt: skip
    axes.set_xticks(across, [_folded(axis.name) for axis in form.axes], color=INK)
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(form.axes) - 0.5)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    names = ", ".join(axis.name for axis in form.axes)
    return figure, f"Lines of {heights.shape[1]} things over {names}; {len(marked)} stand out."


def _heights(axis: Upright) -> Any:
    """Return where things stand on an axis, from 0 to 1."""
    values = np.array([np.nan if value is None else value for value in axis.values], float)
    low, high = _ends(axis)
    if axis.log:
        values, low, high = np.log(values), np.log(low), np.log(high)
    return (values - low) / (high - low)


def _ends(axis: Upright) -> tuple[float, float]:
    known = [float(value) for value in axis.values if value is not None]
    low, high = min(known, default=1.0), max(known, default=1.0)
    if axis.labels:
        low, high = 0.0, len(axis.labels) - 1.0
    if high > low:
        return low, high
    return (low / 2, low * 2) if axis.log else (low - 1, low + 1)


def _ticks(axis: Upright) -> list[tuple[float, str]]:
    if axis.labels:
        places = _heights(Upright("", range(len(axis.labels)), axis.labels))
        return [
            (float(h), short(clean_name(label), 14))
            for h, label in zip(places, axis.labels, strict=True)
        ]
    known = sorted({float(value) for value in axis.values if value is not None})
    if not known:
        return []
    ends = [known[0], known[-1]] if len(known) > 1 else known
    places = _heights(Upright("", [*ends, *known], (), axis.log))[: len(ends)]
    return [(float(h), f"{end:.3g}") for h, end in zip(places, ends, strict=True)]


def _folded(name: str) -> str:
    """Write a dotted name in two lines."""
    before, _, last = clean_name(name).rpartition(".")
    return f"{short(before, 14)}\n{short(last, 14)}" if before else short(last, 14)
