"""Rows of dots: one score of many things, the network's beside the baselines'."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torchedu.report.folder import clean_name
from torchedu.report.style import BASELINE, HALF, INK, NETWORK, Picture, blank, short


class Row(NamedTuple):
    """One thing that is scored.

    Attributes:
        label: What it is called, and how much of it there is.
        told: What it is called in words.
        score: Its score by model; None where it has none.
    """

    label: str
    told: str
    score: Mapping[str, float | None]


def draw_dots(name: str, title: str, axis: str, network: str, rows: Sequence[Row]) -> Picture:
    """Draw a score of many things, the network's as dots and the baselines' as bars.

    Args:
        name: The picture's name.
        title: What it shows, for those who cannot see it.
        axis: What the score is called.
        network: The network's name.
        rows: What is scored, from the top down.
    """
    figure, axes = blank(2 * HALF, 0.8 + 0.3 * len(rows))
    told = []
    for y, row in enumerate(rows):
        for model, score in row.score.items():
            if score is not None:
                mine = model == network
                axes.plot(
                    [score], [y], marker="o" if mine else "|", markersize=7 if mine else 9,
                    color=NETWORK if mine else BASELINE, linestyle="", zorder=3 if mine else 2,
                    clip_on=False,  # a full score lies on the edge
                )  # fmt: skip
        own = row.score.get(network)
        told.append(f"{row.told}: " + ("–" if own is None else f"{own:.2f}"))
    labels = [short(clean_name(row.label), 52) for row in rows]
    axes.set_yticks(range(len(rows)), labels, color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    known = [score for row in rows for score in row.score.values() if score is not None]
    axes.set_xlim(min([0, *known]), 1)
    axes.set_xlabel(axis)
    return Picture(name, figure, f"{title}. {'; '.join(told)}.")
