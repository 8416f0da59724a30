"""The picture of a data set: how much of what it holds, and how that is spread."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from torchedu.report.folder import clean_name
from torchedu.report.style import BASELINE, FULL, INK, NETWORK, compact, lay_out, short

MOST_GROUPS = 8
"""Groups drawn for one student attribute: the largest."""
_COLUMNS = 3


def data_set_figure(description: Mapping[str, Any]) -> Figure:
    """Draw the counts and distributions that were found in a store of any kind.

    Args:
        description: See :func:`torchedu.report.describe.draw`.

    Returns:
        One figure with a panel for each distribution and attribute.
    """
    histograms = [
        (*_heading(name), counted["histogram"])
        for name, counted in description.items()
        if "_per_" in name and "histogram" in (counted or {})
    ]
    right = description.get("item_share_correct") or {}
    histograms.append(("Share of right answers", "items", right))
    histograms = [panel for panel in histograms if len(panel[2].get("counts", ()))]
    groups, unit = description.get("groups") or {}, description.get("unit", "students")
    bars = [
        (clean_name(name), unit, _largest(counted)) for name, counted in groups.items() if counted
    ]
    if len(skills := dict(description.get("skills_per_item") or {})) > 1:
        ordered = dict(sorted(skills.items(), key=lambda pair: int(pair[0])))
        bars.insert(0, ("Skills an item", "items", ordered))
    panels = len(histograms) + len(bars)
    columns = min(max(panels, 1), _COLUMNS)
    rows = max(1, -(-panels // columns))
    figure = Figure(figsize=(FULL, 0.6 + 2.5 * rows))
    figure.suptitle(_headline(description), x=0.01, ha="left", fontsize=12, color=INK)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (heading, of, counted) in zip(grid, histograms, strict=False):
        _draw_histogram(axes, counted["edges"], counted["counts"])
        _label(axes, heading, of)
    for axes, (heading, of, named) in zip(grid[len(histograms) :], bars, strict=False):
        _draw_bars(axes, named, across=of == unit)
        _label(axes, heading, of)
    for axes in grid[panels:]:
        axes.set_axis_off()
    lay_out(figure)
    return figure


def _headline(description: Mapping[str, Any]) -> str:
    said = [
        f"{number:,} {what}"
        for what, number in description.items()
        if isinstance(number, int) and number
    ]
    if description.get("share_correct") is not None:
        said.append(f"{description['share_correct']:.0%} right")
    return "  ·  ".join(said)


def _heading(name: str) -> tuple[str, str]:
    """Return ``answers_per_item`` as a heading, and what it counts: items."""
    many, _, whole = name.partition("_per_")
    return f"{many.capitalize()} {'an' if whole[0] in 'aeiou' else 'a'} {whole}", f"{whole}s"


def _largest(groups: Mapping[str, int]) -> dict[str, int]:
    """Return the largest groups in their given order, the rest as one."""
    kept = sorted(groups, key=lambda name: -groups[name])[:MOST_GROUPS]
    shown = {clean_name(name): count for name, count in groups.items() if name in kept}
    rest = sum(groups.values()) - sum(shown.values())
    return {**shown, f"{len(groups) - len(kept)} others": rest} if rest else shown


def _draw_histogram(axes: Axes, edges: Sequence[float], counts: Sequence[int]) -> None:
    axes.stairs(counts, edges, fill=True, color=NETWORK)
    widths = np.diff(edges)
    # Bins that grow were made for a long tail, which equal distances would press into one bar.
    if edges[0] > 0 and edges[-1] > 4 * edges[0] and widths.max() > 1.5 * widths.min():
        axes.set_xscale("log")
        between = (1.0, 2.0, 5.0) if edges[-1] < 300 * edges[0] else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=between))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif edges[-1] > 1:  # a count has no halves
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if edges[-1] > 1:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.grid(visible=False, axis="x")


def _draw_bars(axes: Axes, counts: Mapping[str, int], across: bool) -> None:
    places = range(len(counts))
    labels = [short(str(name), 16) for name in counts]
    if across:
        axes.barh(places, list(counts.values()), height=0.62, color=BASELINE)
        axes.set_yticks(places, labels, color=INK)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
    else:
        axes.bar(places, list(counts.values()), width=0.62, color=BASELINE)
        axes.set_xticks(places, labels)
        axes.grid(visible=False, axis="x")


def _label(axes: Axes, heading: str, of: str) -> None:
    axes.set_title(short(heading, 32))
    counted = axes.xaxis if axes.yaxis_inverted() else axes.yaxis
    counted.set_label_text(of)
    counted.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    counted.set_major_formatter(FuncFormatter(lambda count, _: compact(count)))
