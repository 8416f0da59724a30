"""Pictures of students at risk: by week, by group, and one student's way through a course."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from torchedu.report.folder import clean_name
from torchedu.report.style import (
    BOUND,
    GRID,
    HALF,
    MUTED,
    NETWORK,
    OTHERS,
    Picture,
    blank,
    compact,
    short,
)

NAMES = ("weeks", "leaving", "group_roc", "group_calibration", "student")
_COLOURS = (NETWORK, BOUND, *OTHERS[1:])


def draw_risks(found: dict[str, Any]) -> list[Picture]:
    """Draw what an evaluation of risks holds.

    Args:
        found: ``evaluation.json``, read.

    Returns:
        The pictures; none where it holds nothing of the kind.
    """
    pictures = [_weeks(found.get("by_week") or []), _leaving(found.get("by_week") or [])]
    for attribute, groups in (found.get("groups") or {}).items():
        if len(groups) == 2 and len(pictures) == 2:  # the area lies between two curves
            pictures += [_roc(attribute, groups, found.get("fairness")), _trust(attribute, groups)]
    if found.get("student"):
        pictures.append(_student(found["student"]))
    return [picture for picture in pictures if picture]


def _weeks(weeks: list[dict[str, Any]]) -> Picture | None:
    known = [one for one in weeks if one.get("auc") is not None]
    if not known:
        return None
    figure, axes = blank(HALF, 3.2)
    x, y = [one["week"] for one in known], [one["auc"] for one in known]
    axes.plot(x, y, color=NETWORK, marker="o", markersize=4)
    axes.set_xlabel("week of the course")
    axes.set_ylabel("AUC, of those still in the course")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    told = ", ".join(f"week {a}: {b:.3f}" for a, b in zip(x, y, strict=True))
    return Picture("weeks", figure, f"Line of AUC by week. {told}.")


def _leaving(weeks: list[dict[str, Any]]) -> Picture | None:
    known = [one for one in weeks if one.get("leaving_predicted") is not None]
    if not known:
        return None
    figure, axes = blank(HALF, 3.2)
    x = [one["week"] for one in known]
    for name, colour in (("observed", OTHERS[0]), ("predicted", NETWORK)):
        shares = [one[f"leaving_{name}"] for one in known]
        axes.plot(x, shares, color=colour, marker="o", markersize=4, label=name)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_xlabel("week of the course")
    axes.set_ylabel("leave within a week")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    told = ", ".join(
        f"week {one['week']}: {one['leaving_predicted']:.1%} predicted, "
        f"{one['leaving_observed']:.1%} observed"
        for one in known
    )
    return Picture("leaving", figure, f"Lines of the share that leaves within a week. {told}.")


def _roc(
    attribute: str, groups: dict[str, dict[str, Any]], fairness: dict[str, Any] | None
) -> Picture:
    figure, axes = blank(HALF, 4.4)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    curves = []
    for (group, one), colour in zip(groups.items(), _COLOURS, strict=False):
        x, y = one["roc"]["false_positive_rate"], one["roc"]["true_positive_rate"]
        label = f"{short(clean_name(group), 20)} (n = {compact(one['students'])})"
        axes.plot(x, y, color=colour, label=label)
        curves.append((x, y))
    at = np.linspace(0, 1, 401)
    first, second = (np.interp(at, *curve) for curve in curves)
    axes.fill_between(at, first, second, color=MUTED, alpha=0.35, linewidth=0)
    title = f"{short(clean_name(attribute), 20)}: ABROCA {np.abs(first - second).mean():.3f}"
    gap = _gap(attribute, fairness)
    if gap and gap.get("floor") is not None:
        title += f" (noise floor {gap['floor']:.3f})"
    within = (gap or {}).get("within") or {}
    if within.get("floor") is not None:
        title += f"\nwithin {(fairness or {}).get('stratum')}: {within['value']:.3f}"
        title += f" (noise floor {within['floor']:.3f})"
    axes.set_title(title)
    axes.set_xlabel("safe students called")
    axes.set_ylabel("students at risk called")
    axes.legend(loc="lower right")
    return Picture(
        "group_roc", figure, f"ROC curves by {attribute}, the area between them. {title}"
    )


def _gap(attribute: str, fairness: dict[str, Any] | None) -> dict[str, Any] | None:
    told = ((fairness or {}).get("attributes") or {}).get(attribute) or {"groups": []}
    for group in told["groups"]:
        if not group["too_few"]:
            gap: dict[str, Any] = group["gaps"]["abroca"]
            return gap
    return None


def _trust(attribute: str, groups: dict[str, dict[str, Any]]) -> Picture:
    figure, axes = blank(HALF, 4.4)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    told = []
    for (group, one), colour in zip(groups.items(), _COLOURS, strict=False):
        x, y = one["calibration"]["predicted"], one["calibration"]["observed"]
        axes.plot(x, y, color=colour, marker="o", markersize=4, label=short(clean_name(group), 20))
        pairs = ", ".join(f"{a:.2f} predicted, {b:.2f} observed" for a, b in zip(x, y, strict=True))
        told.append(f"{group}: {pairs}")
    axes.set_xlabel("predicted risk")
    axes.set_ylabel("share that failed or left")
    axes.legend(loc="upper left")
    return Picture("group_calibration", figure, f"Calibration by {attribute}. {'; '.join(told)}.")


def _student(student: dict[str, Any]) -> Picture:
    figure, axes = blank(2 * HALF, 3.4)
    day, risk = np.array(student["day"]), np.array(student["risk"])
    axes.plot(day, risk, color=NETWORK, marker="o", markersize=4)
    for number, mark in enumerate(student["events"], 1):
        height = float(np.interp(mark["day"], day, risk))
        axes.plot([mark["day"]] * 2, [0, height], color=GRID, linewidth=1.2, zorder=0.5)
        axes.annotate(
            str(number), (mark["day"], height), xytext=(0, 8), textcoords="offset points",
            ha="center", color=BOUND, weight="bold",
        )  # fmt: skip
    axes.set_ylim(0, 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("day of the course")
    axes.set_ylabel("risk")
    told = ", ".join(f"day {a:.0f}: {b:.0%}" for a, b in zip(day, risk, strict=True))
    return Picture("student", figure, f"Line of one student's risk. {told}.")
