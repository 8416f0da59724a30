"""Pictures of scores: all predictors beside each other, by student group, by length of history."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from torchedu.report.folder import Evaluation, GroupScore, HistoryScore, Score
from torchedu.report.style import (
    BASELINE,
    BOUND,
    GRID,
    HALF,
    INK,
    MUTED,
    NETWORK,
    PAPER,
    Picture,
    above_counts,
    blank,
    compact,
    short,
)

MOST_GROUPS = 12
"""Groups drawn for one student attribute; the page's table has them all."""
_LEAST_SPAN = 0.08


def draw_scores(evaluation: Evaluation) -> Picture | None:
    """Draw every predictor's AUC as its distance from guessing.

    Returns:
        The picture; None where no AUC is defined.
    """
    scores = [score for score in evaluation.ordered if not math.isnan(score.auc)]
    if not scores:
        return None
    figure, axes = blank(HALF, 0.75 + 0.4 * len(scores))
    rows = range(len(scores))
    for row, score in zip(rows, scores, strict=True):
        reached = score.kind in ("network", "baseline")
        colour = _COLOURS.get(score.kind, BASELINE)
        axes.barh(
            row,
            score.auc - 0.5,
            left=0.5,
            height=0.56,
            color=colour if reached else PAPER,
            edgecolor=colour,
            linewidth=1.2,
        )
        axes.annotate(
            f"{score.auc:.3f}",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            weight="bold" if score.kind == "network" else "normal",
        )
    for score in scores:
        if score.kind == "bound":
            axes.axvline(score.auc, color=BOUND, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0.5)
    low, high = min(0.5, *_aucs(scores)), max(0.5, *_aucs(scores))
    spare = 0.05 * max(high - low, 0.05)
    axes.set_xlim(low - spare * (low < 0.5), high + spare)
    axes.set_yticks(rows, [short(score.name, 22) for score in scores], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_color(MUTED)
    axes.set_xlabel("AUC, from .5 = guessing")
    told = "; ".join(f"{score.name} {score.auc:.3f}" for score in scores)
    return Picture("scores", figure, f"Bars of AUC on the {evaluation.split} split: {told}.")


def draw_groups(by_group: dict[str, list[GroupScore]], overall: float) -> Picture | None:
    """Draw the network's AUC for each group of students, an attribute below another.

    Args:
        by_group: Scores by attribute.
        overall: The AUC over all students, drawn as a line.

    Returns:
        The picture; None where there are no groups.
    """
    panels = {attribute: largest_groups(groups) for attribute, groups in by_group.items()}
    if not any(not math.isnan(g.auc) for groups in panels.values() for g in groups):
        return None
    rows = [len(groups) + 1 for groups in panels.values()]
    figure = Figure(figsize=(HALF, 0.5 + 0.3 * sum(rows)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=rows)
    for axes, (attribute, groups) in zip(grid[:, 0], panels.items(), strict=True):
        aucs = np.array([group.auc for group in groups])
        places = np.arange(len(groups))
        axes.axvline(overall, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.hlines(places, overall, aucs, color=NETWORK, linewidth=1.4)
        axes.plot(aucs, places, "o", color=NETWORK, markersize=7)
        axes.set_yticks(
            places,
            [f"{short(g.group, 20)}  (n = {compact(g.students)})" for g in groups],
            color=INK,
        )
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_title(short(attribute, 40))
    reached = np.array([overall, *(group.auc for groups in panels.values() for group in groups)])
    low, high = np.nanmin(reached), np.nanmax(reached)
    # A narrower axis would make a gap of chance look like one.
    spare = max(0.1 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    grid[-1, 0].set_xlim(low - spare, high + spare)
    grid[-1, 0].set_xlabel("AUC (dashed: all students)")
    told = "; ".join(
        f"{attribute}: " + ", ".join(f"{g.group} {g.auc:.3f}" for g in groups)
        for attribute, groups in panels.items()
    )
    return Picture("groups", figure, f"Dots of the network's AUC by student group. {told}.")


def largest_groups(groups: Sequence[GroupScore]) -> list[GroupScore]:
    """Return the groups with the most students, as many as are drawn, in their given order."""
    kept = sorted(range(len(groups)), key=lambda i: -groups[i].students)[:MOST_GROUPS]
    return [groups[i] for i in sorted(kept)]


def draw_history(by_history: list[HistoryScore], network: str) -> Picture | None:
    """Draw AUC against the number of a student's earlier answers, with how many answers each has.

    Args:
        by_history: Scores by range of earlier answers.
        network: The network's name.

    Returns:
        The picture; None where no AUC is defined.
    """
    aucs = np.array([score.auc for score in by_history])
    if not np.isfinite(aucs).any():
        return None
    figure, curve, counts = above_counts(3.6)
    places = np.arange(len(by_history))
    baseline = np.array([score.best_baseline_auc for score in by_history])
    _line(curve, places, baseline, BASELINE, "best baseline", "s")
    _line(curve, places, aucs, NETWORK, short(network, 24), "o")
    curve.set_ylabel("AUC")
    curve.legend(loc="best", reverse=True)
    counts.bar(places, [score.answers for score in by_history], color=GRID, edgecolor=BASELINE)
    labels = [score.label for score in by_history]
    turn = 35 if sum(map(len, labels)) > 30 else 0  # side by side they would touch
    counts.set_xticks(places, labels, rotation=turn, ha="right" if turn else "center")
    counts.set_xlabel("earlier answers of the student")
    told = ", ".join(f"{s.label}: {s.auc:.3f}" for s in by_history if not math.isnan(s.auc))
    return Picture(
        "history", figure, f"Lines of AUC by number of the student's earlier answers: {told}."
    )


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str, mark: str) -> None:
    """Draw a line where it has values."""
    if np.isfinite(y).any():
        axes.plot(x, y, marker=mark, markersize=5, color=colour, label=label)


def _aucs(scores: Sequence[Score]) -> list[float]:
    return [score.auc for score in scores]


_COLOURS = {"network": NETWORK, "baseline": BASELINE, "bound": BOUND, "oracle": MUTED}
