"""Pictures of tagged lessons: one lesson as a strip of moves over time, and the F1 of each tag."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from torchedu.report.dots import Row, draw_dots
from torchedu.report.folder import clean_name
from torchedu.report.style import (
    BASELINE,
    BOUND,
    GRID,
    HALF,
    INK,
    MUTED,
    NETWORK,
    OTHERS,
    Picture,
    short,
)

NAMES = ("lesson", "tags")
_COLOURS = (NETWORK, BOUND, OTHERS[1], OTHERS[3], OTHERS[2], INK, MUTED, BASELINE)
_BY = {"given": "network", "by_people": "people"}
_NONE = ("none", "other", "no move")
"""Names of the tag that stands for no other; it is drawn pale."""


def draw_lessons(found: dict[str, Any]) -> list[Picture]:
    """Draw what an evaluation of tags holds.

    Args:
        found: ``evaluation.json``, read.

    Returns:
        The pictures; none where it holds nothing of the kind.
    """
    pictures = []
    if found.get("lesson") and found["lesson"]["words"]:
        pictures.append(_strip(found["lesson"]))
    if found.get("by_tag"):
        pictures.append(_tags(found["by_tag"], found["scores"][0]["name"]))
    return pictures


def _strip(lesson: dict[str, Any]) -> Picture:
    """Draw who did what from a lesson's begin to its end, as wide as it has words."""
    role, words = np.array(lesson["role"]), np.maximum(np.array(lesson["words"]), 1)
    begin = np.cumsum(words) - words
    shown = {
        who: (names, role == number)
        for number, (who, names) in enumerate(lesson["tags"].items())
        if names and (role == number).any()
    }
    figure = Figure(figsize=(2 * HALF, 0.5 + 1.45 * len(shown)), layout="constrained")
    each = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    told = []
    for axes, (who, (names, own)) in zip(each, shown.items(), strict=True):
        colours = _colours(names)
        rows = [(by, np.array(lesson[by])) for by in ("given", "by_people")]
        rows = [(by, tag) for by, tag in rows if (tag[own] >= 0).any()]
        for row, (_, tag) in enumerate(rows):
            mine = own & (tag >= 0)
            axes.broken_barh(
                list(zip(begin[mine].tolist(), words[mine].tolist(), strict=True)),
                (row - 0.42, 0.84),
                facecolors=[colours[i] for i in tag[mine].tolist()],
                linewidth=0,
            )
        axes.set_yticks(range(len(rows)), [_BY[by] for by, _ in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="both", length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        handles = [
            Patch(color=colour, label=short(clean_name(name), 32))
            for name, colour in zip(names, colours, strict=True)
        ]
        axes.legend(
            handles=handles, title=f"{who}s", loc="lower left", bbox_to_anchor=(0, 1), ncols=4,
            alignment="left", fontsize=8, title_fontsize=9, borderaxespad=0.2,
        )  # fmt: skip
        share = np.bincount(np.array(lesson["given"])[own], minlength=len(names)) / own.sum()
        told.append(
            f"{who}s: " + ", ".join(f"{n} {s:.0%}" for n, s in zip(names, share, strict=True))
        )
    each[-1].set_xlim(0, int(words.sum()))
    each[-1].set_xlabel("words said since the lesson began")
    return Picture("lesson", figure, f"Strip of one lesson, by the network. {'; '.join(told)}.")


def _colours(names: list[str]) -> list[str]:
    """Give each tag a colour, and a pale one to that which is no move."""
    strong = iter(_COLOURS * (1 + len(names) // len(_COLOURS)))
    return [GRID if name.lower() in _NONE else next(strong) for name in names]


def _tags(by_tag: dict[str, list[dict[str, Any]]], network: str) -> Picture:
    """Draw the F1 of each tag, the network's beside the baselines'."""
    rows = [
        Row(f"{who}s: {one['tag']} ({one['sentences']:,})", f"{who}s' {one['tag']}", one["f1"])
        for who, tags in by_tag.items()
        for one in tags
    ]
    axis = "F1 (sentences with the tag in brackets)"
    return draw_dots("tags", "F1 of each tag", axis, network, rows)
