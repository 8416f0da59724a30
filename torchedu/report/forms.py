"""The picture of each form that a section of an evaluation may have, whatever it is about."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from torchedu.report.folder import clean_name
from torchedu.report.many import draw_parallels, draw_points
from torchedu.report.style import (
    BASELINE,
    BOUND,
    FULL,
    GRID,
    HALF,
    INK,
    MUTED,
    NETWORK,
    OTHERS,
    PAPER,
    STROKES,
    Picture,
    Stroke,
    above_counts,
    blank,
    compact,
    label_shares,
    short,
)
from torchedu.sections import Bars, Dots, HeatMap, Line, Lines, Parallels, Points, Stripes

MOST_MARKED = 60
"""Points of a line beyond which they have no dots."""
_KINDS = {"network": NETWORK, "baseline": BASELINE, "bound": BOUND, "oracle": MUTED}
_OWN = (NETWORK, BOUND, *OTHERS[1:], INK, MUTED, BASELINE)
"""Colours of what belongs to no kind of model."""
_LEAST_SPAN = 0.08
# One hue from pale to deep: the order shows in print and to the colour-blind alike.
_SHADES = LinearSegmentedColormap.from_list("share", ["#f3efe2", "#a9cfe0", "#3f8fbf", "#0b3c66"])


def draw(form: Any, name: str) -> Picture | None:
    """Draw a form.

    Args:
        form: One of ``torchedu.sections``.
        name: What the picture is called.

    Returns:
        The picture; None where the form is no picture, or has nothing to show.
    """
    drawing = _DRAWN.get(type(form))
    drawn = drawing(form) if drawing else None
    return None if drawn is None else Picture(name, *drawn)


def _lines(form: Lines) -> tuple[Figure, str] | None:
    known = [line for line in form.lines if _numbers(line.y).size and _any(line.y)]
    if not known:
        return None
    width, height = (FULL, 3.4) if form.wide else (HALF, 4.4 if form.square else 3.4)
    if len(form.counts):
        figure, axes, below = above_counts(height, _label(form.counted, 12))
    else:
        (figure, axes), below = blank(width, height), None
    if form.square:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    styled = [*zip(known, _colours(known), _styles(known), strict=True)]
    for line, colour, style in reversed(styled):  # the first one lies above the others
        label = f"{_label(line.name, 24)}  {_label(line.note, 8)}".rstrip()
        mark = "o" if len(line.x) <= MOST_MARKED else ""
        axes.plot(
            line.x, _numbers(line.y), color=colour, linestyle=style, marker=mark, markersize=4,
            label=label,
        )  # fmt: skip
    if form.area and len(known) > 1:
        at = np.linspace(0, 1, 401)
        heights = [np.interp(at, line.x, _numbers(line.y)) for line in known[:2]]
        axes.fill_between(at, *heights, color=MUTED, alpha=0.35, linewidth=0)
    _scale(axes, form)
    for number, (x, _) in enumerate(form.marks, 1):
        y = float(np.interp(x, known[0].x, _numbers(known[0].y)))
        axes.plot([x] * 2, [0, y], color=GRID, linewidth=1.2, zorder=0.5)
        axes.annotate(
            str(number), (x, y), xytext=(0, 8), textcoords="offset points", ha="center",
            color=BOUND, weight="bold",
        )  # fmt: skip
    if form.title:
        axes.set_title("\n".join(_label(line, 60) for line in form.title.splitlines()))
    axes.set_ylabel(_label(form.y, 40))
    if len(known) > 1 or known[0].note:
        axes.legend(loc="best", reverse=True)
    lowest = axes if below is None else below
    if below is not None:
        _counts(below, known[0].x, form.counts, bool(form.ticks))
    lowest.set_xlabel(_label(form.x, 60))
    if form.ticks:
        turn = 35 if sum(map(len, form.ticks)) > 30 else 0  # side by side they would touch
        where = range(len(form.ticks))
        names = [_label(name, 12) for name in form.ticks]
        lowest.set_xticks(where, names, rotation=turn, ha="right" if turn else "center")
    elif not form.square:
        lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
    points = "; ".join(f"{line.name}: {_points(line, form)}" for line in known)
    return figure, f"{form.title}. ".lstrip(". ") + f"Lines of {form.y} by {form.x}. {points}."


def _scale(axes: Axes, form: Lines) -> None:
    """Let the axes show shares as such."""
    if form.square:
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        ticks = FuncFormatter(lambda value, _: f"{value:.1f}".strip("0").rstrip(".") or "0")
        axes.xaxis.set_major_formatter(ticks)
        axes.yaxis.set_major_formatter(ticks)
    if form.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None if not form.marks else 0))
        axes.set_ylim(bottom=0)
        if form.marks:  # room for their numbers
            axes.set_ylim(0, 1.1)
            axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    elif not form.square:
        heights = np.concatenate([_numbers(line.y) for line in form.lines])
        label_shares(axes.yaxis, float(np.nanmin(heights)), float(np.nanmax(heights)))


def _counts(axes: Axes, x: Sequence[float], counts: Sequence[int], bars: bool) -> None:
    if bars:
        axes.bar(x, counts, color=GRID, edgecolor=BASELINE)
    else:
        axes.vlines(x, 0, counts, color=NETWORK, linewidth=7, capstyle="butt")
        axes.set_ylim(bottom=0)


def _points(line: Line, form: Lines) -> str:
    """Tell a line in words: all of its points where they are few, else its note alone."""
    if len(line.x) > MOST_MARKED:
        return line.note or "a curve"
    names = form.ticks or [f"{x:.4g}" for x in line.x]
    share = "{:.1%}" if form.percent else "{:.3f}"
    return ", ".join(
        f"{name} {share.format(y)}" for name, y in zip(names, line.y, strict=True) if y is not None
    )


def _bars(form: Bars) -> tuple[Figure, str] | None:
    known = [bar for bar in form.bars if bar.value is not None]
    if not known:
        return None
    values = [float(bar.value) for bar in known if bar.value is not None]
    figure, axes = blank(HALF, 0.75 + 0.4 * len(known))
    for row, (bar, value) in enumerate(zip(known, values, strict=True)):
        reached = bar.kind not in ("bound", "oracle")
        colour = _KINDS.get(bar.kind, BASELINE)
        axes.barh(
            row, value - form.origin, left=form.origin, height=0.56,
            color=colour if reached else PAPER, edgecolor=colour, linewidth=1.2,
        )  # fmt: skip
        axes.annotate(
            f"{value:.3f}", (1, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=INK,
        )  # fmt: skip
        if bar.kind == "bound":
            axes.axvline(value, color=BOUND, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0.5)
    low, high = min(form.origin, *values), max(form.origin, *values)
    spare = 0.05 * max(high - low, 0.05)
    axes.set_xlim(low - spare * (low < form.origin), high + spare)
    axes.xaxis.set_major_locator(MaxNLocator(6))  # more would touch one another
    label_shares(axes.xaxis, low, high)
    axes.set_yticks(range(len(known)), [_label(bar.name, 22) for bar in known], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_color(MUTED)
    axes.set_xlabel(_label(form.axis, 60))
    scores = "; ".join(f"{bar.name} {value:.3f}" for bar, value in zip(known, values, strict=True))
    return figure, f"Bars of {form.axis}: {scores}."


def _dots(form: Dots) -> tuple[Figure, str] | None:
    scores = _numbers([score for dot in form.dots for score in dot.scores.values()])
    if not np.isfinite(scores).any():
        return None
    panels: dict[str, list[Any]] = {}
    for dot in form.dots:
        panels.setdefault(dot.group, []).append(dot)
    heights = [len(dots) + 1 for dots in panels.values()]
    figure = Figure(figsize=(FULL if form.wide else HALF, 0.5 + 0.3 * sum(heights)))
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, (group, dots) in zip(grid[:, 0], panels.items(), strict=True):
        _panel(axes, form, dots)
        axes.set_title(_label(group, 40))
    _span(grid[-1, 0], form, scores)
    grid[-1, 0].set_xlabel(_label(form.axis, 60))
    words = "; ".join(
        f"{group}: ".lstrip(": ")
        + ", ".join(f"{dot.name} {_score(dot.scores.get(form.model))}" for dot in dots)
        for group, dots in panels.items()
    )
    return figure, f"Dots of {form.axis}, of {form.model}. {words}."


def _panel(axes: Axes, form: Dots, dots: Sequence[Any]) -> None:
    if form.overall is not None:
        axes.axvline(form.overall, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for row, dot in enumerate(dots):
        for model, score in dot.scores.items():
            mine = model == form.model
            if score is None:
                continue
            if mine and form.overall is not None:
                axes.hlines(row, form.overall, score, color=NETWORK, linewidth=1.4)
            axes.plot(
                [score], [row], marker="o" if mine else "|", markersize=7 if mine else 9,
                color=NETWORK if mine else BASELINE, linestyle="", zorder=3 if mine else 2,
                clip_on=False,  # a full score lies on the edge
            )  # fmt: skip
    most = 52 if form.wide else 20
    counts = ["" if dot.count is None else f" ({compact(dot.count)})" for dot in dots]
    labels = [f"{_label(dot.name, most)}{n}" for dot, n in zip(dots, counts, strict=True)]
    axes.set_yticks(range(len(dots)), labels, color=INK)
    axes.set_ylim(len(dots) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if form.overall is not None:
        axes.grid(visible=False, axis="y")


def _span(axes: Axes, form: Dots, scores: Any) -> None:
    """Let the axis hold all scores: from 0 to 1, or close around the overall score."""
    if form.overall is None:
        low, high = min(0, float(np.nanmin(scores))), max(1, float(np.nanmax(scores)))
        axes.set_xlim(low - 0.02, high + 0.02)  # no dot lies on a name
        label_shares(axes.xaxis, low, high)
        return
    low, high = (float(of([form.overall, extreme])) for of, extreme in (
        (np.nanmin, np.nanmin(scores)), (np.nanmax, np.nanmax(scores))
    ))  # fmt: skip
    # A narrower axis would make a gap of chance look like one.
    spare = max(0.1 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    axes.set_xlim(low - spare, high + spare)
    label_shares(axes.xaxis, low, high)


def _heat_map(form: HeatMap) -> tuple[Figure, str] | None:
    shades = np.array([_numbers(row) for row in form.values])
    if not shades.size:
        return None
    rows, columns = shades.shape
    figure = Figure(figsize=(FULL, 1.3 + 0.27 * rows))
    axes = figure.subplots()
    image = axes.imshow(
        np.ma.masked_invalid(shades), cmap=_SHADES, vmin=0, vmax=1, aspect="auto",
        interpolation="nearest",
        extent=(form.first - 0.5, form.first + columns - 0.5, rows - 0.5, -0.5),
    )  # fmt: skip
    marks = np.array(form.marks, dtype=float).reshape(len(form.marks), 3)
    size = float(np.clip(1800 / columns, 12, 42))
    dots, crosses = (marks[marks[:, 2] == kind] for kind in (1, 0))
    axes.scatter(
        form.first + dots[:, 1], dots[:, 0], s=size, c="#ffffff", edgecolors="#1c2128",
        linewidths=1, label=_label(form.marked[0], 20),
    )  # fmt: skip
    # A pale cross below a dark one stands out from every shade.
    x, y = form.first + crosses[:, 1], crosses[:, 0]
    axes.scatter(x, y, s=size, c="#ffffff", marker="x", linewidths=3.6)
    axes.scatter(
        x, y, s=size, c="#c24a01", marker="x", linewidths=1.8, label=_label(form.marked[1], 20)
    )
    axes.set_yticks(range(rows), [_label(name, 28) for name in form.rows], color=INK)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", axis="y", color=PAPER, linewidth=2)
    axes.tick_params(which="both", axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.spines[:].set_visible(False)
    axes.set_xlabel(_label(form.x, 60))
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.025, aspect=18, use_gridspec=False)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    if len(marks):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.3)
    last = ", ".join(
        f"{name} {value:.0%}" for name, value in zip(form.rows, shades[:, -1], strict=True)
    )
    return figure, f"Heat map of shares by {form.x}. In the last column: {last}."


def _stripes(form: Stripes) -> tuple[Figure, str] | None:
    if not form.bands or not len(form.widths):
        return None
    widths = np.maximum(np.array(form.widths), 1)
    begin = np.cumsum(widths) - widths
    figure = Figure(figsize=(FULL, 0.5 + 1.45 * len(form.bands)))
    each = figure.subplots(len(form.bands), 1, sharex=True, squeeze=False)[:, 0]
    shares = []
    for axes, band in zip(each, form.bands, strict=True):
        strong = iter(_OWN * (1 + len(band.names) // len(_OWN)))
        colours = [GRID if i == band.pale else next(strong) for i in range(len(band.names))]
        for row, kinds in enumerate(band.rows.values()):
            kind = np.array(kinds)
            mine = kind >= 0
            axes.broken_barh(
                list(zip(begin[mine].tolist(), widths[mine].tolist(), strict=True)),
                (row - 0.42, 0.84),
                facecolors=[colours[i] for i in kind[mine].tolist()],
                linewidth=0,
            )
        axes.set_yticks(range(len(band.rows)), [_label(by, 22) for by in band.rows], color=INK)
        axes.set_ylim(len(band.rows) - 0.5, -0.5)
        axes.tick_params(axis="both", length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.legend(
            handles=[
                Patch(color=colour, label=_label(name, 32))
                for name, colour in zip(band.names, colours, strict=True)
            ],
            title=_label(band.title, 40), loc="lower left", bbox_to_anchor=(0, 1), ncols=4,
            alignment="left", fontsize=8, title_fontsize=9, borderaxespad=0.2,
        )  # fmt: skip
        first = np.array(next(iter(band.rows.values()), []))
        first = first[first >= 0]
        share = np.bincount(first, minlength=len(band.names)) / max(len(first), 1)
        named = zip(band.names, share, strict=True)
        shares.append(f"{band.title}: " + ", ".join(f"{name} {part:.0%}" for name, part in named))
    each[-1].set_xlim(0, int(widths.sum()))
    each[-1].set_xlabel(_label(form.x, 60))
    return figure, f"Stripes over {form.x}. {'; '.join(shares)}."


_DRAWN: dict[type, Callable[[Any], tuple[Figure, str] | None]] = {
    Lines: _lines, Bars: _bars, Dots: _dots, HeatMap: _heat_map, Stripes: _stripes,
    Points: draw_points, Parallels: draw_parallels,
}  # fmt: skip


def _colours(lines: Sequence[Line]) -> list[str]:
    """Give each line the colour of its kind, or one of its own; a second of a kind has another."""
    own, others, taken = iter(_OWN * len(lines)), iter(OTHERS * len(lines)), set[str]()
    colours = []
    for line in lines:
        colour = _KINDS.get(line.kind) if line.kind != "baseline" else next(others)
        colour = colour or next(own)
        colours.append(next(own) if colour in taken else colour)
        taken.add(colour)
    return colours


def _styles(lines: Sequence[Line]) -> list[Stroke]:
    """Give each line of a model a stroke of its own; other lines are told by their colours."""
    return [STROKES[i % len(STROKES)] if line.kind else "-" for i, line in enumerate(lines)]


def _label(text: str, most: int) -> str:
    """Return words as a picture holds them: on one line, and not too long."""
    return short(clean_name(text), most)


def _numbers(values: Sequence[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _any(values: Sequence[Any]) -> bool:
    return bool(np.isfinite(_numbers(values)).any())


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
