"""What a report shows of students at risk."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchedu.evaluation.sections import Rows, alike, calibration, lacking, line, roc, table
from torchedu.sections import Form, Line, Lines, Section, Table

MOST_CALLED = 100
"""Students of the lists whom a page shows."""


def whom_to_call(calls: Rows, called: Sequence[tuple[str, str, float, str]]) -> Section:
    """Show what the lists of whom to call would have been worth, and the first lists.

    Args:
        calls: ``share``, ``capacity``, ``called``, ``precision`` and ``gain_over_chance`` of each
            moment.
        called: Course, student, risk and outcome of those on the lists of the first moment.
    """
    title = "Whom to call"
    if not called:
        return lacking(title, "No student could be called.")
    first = calls[0]
    headings = {
        "over": "course over", "called": "called", "precision": "share that failed or left",
        "gain_over_chance": "more of them than by chance",
    }  # fmt: skip
    worth = table([{**row, "over": f"{100 * row['share']:.0f} %"} for row in calls], headings)
    lists = Table(
        ["course", "student", "risk", "what came"],
        called[:MOST_CALLED],
        f"Whom to call when {100 * first['share']:.0f} % of the course is over"
        + f", the first {MOST_CALLED}" * (len(called) > MOST_CALLED),
    )
    return Section(
        title,
        f"The {first['capacity']} students of each course whose risk is highest, and what share of "
        "them failed or left. The command torchedu predict lists whom to call now, by name and "
        "with reasons.",
        [worth, lists],
    )


def week_by_week(weeks: Rows) -> Section:
    """Show how well risks are told in each week, and how many leave.

    Args:
        weeks: ``week``, ``auc``, ``leaving_predicted`` and ``leaving_observed`` of each.
    """
    title = "Week by week"
    known = [row for row in weeks if row["auc"] is not None]
    if not known:
        return lacking(title, "In no week are there outcomes of both kinds.")
    x = "week of the course"
    auc = line(known, "week", "auc", "AUC", "network")
    leaving = [
        line(weeks, "week", "leaving_predicted", "predicted", "network"),
        line(weeks, "week", "leaving_observed", "observed", "baseline"),
    ]
    return Section(
        title,
        "How well those who fail or leave are told from the others, of the students still in the "
        "course; and how many leave within a week, as foretold and as it came.",
        [
            Lines(x, "AUC, of those still in the course", [auc]),
            Lines(x, "leave within a week", leaving, percent=True),
        ],
    )


def groups_alike(
    groups: Mapping[str, Mapping[str, Any]], fairness: Mapping[str, Any] | None
) -> Section:
    """Show what the audit found, and the curves of the first attribute of two groups.

    Args:
        groups: ``students``, ``roc`` and ``calibration`` of each group, by attribute.
        fairness: The audit.
    """
    forms: list[Form] = []
    for attribute, of in groups.items():
        if len(of) == 2 and not forms:  # the area lies between two curves
            ranking = [
                roc(f"{name} (n = {group['students']:,})", group["roc"])
                for name, group in of.items()
            ]
            trust = [calibration(name, group["calibration"]) for name, group in of.items()]
            area = _area(attribute, of, fairness)
            x, y = "safe students called", "students at risk called"
            forms = [
                Lines(x, y, ranking, area, square=True, area=True),
                Lines("predicted risk", "share that failed or left", trust, square=True),
            ]
    return alike(fairness, forms)


def _area(attribute: str, groups: Mapping[str, Any], fairness: Mapping[str, Any] | None) -> str:
    """Say how large the area between the curves of two groups is, beside that of chance."""
    at = np.linspace(0, 1, 401)
    first, second = (
        np.interp(at, group["roc"]["false_positive_rate"], group["roc"]["true_positive_rate"])
        for group in groups.values()
    )
    said = f"{attribute}: ABROCA {np.abs(first - second).mean():.3f}"
    of = ((fairness or {}).get("attributes") or {}).get(attribute) or {"groups": []}
    for group in of["groups"]:
        if not group["too_few"]:
            gap = group["gaps"]["abroca"]
            if gap["floor"] is not None:
                said += f" (noise floor {gap['floor']:.3f})"
            within = gap.get("within") or {"floor": None}
            if fairness and within["floor"] is not None:
                said += f"\nwithin {fairness['stratum']}: {within['value']:.3f}"
                said += f" (noise floor {within['floor']:.3f})"
            break
    return said


def one_students_risk(student: Mapping[str, Any] | None) -> Section:
    """Show how one student's risk rose, and after what.

    Args:
        student: ``student``, ``course``, ``outcome``, ``day``, ``risk`` and ``events``, each with
            its ``day`` and ``event``; None where no risk rose above one half.
    """
    title = "One student's risk over time"
    if student is None:
        return lacking(title, "No student's risk rose above one half.")
    marks = [
        (mark["day"], f"until day {mark['day']:.0f}: {mark['event']}") for mark in student["events"]
    ]
    path = Line("risk", student["day"], student["risk"], "network")
    return Section(
        title,
        f"{student['student']} of {student['course']}, who {student['outcome']}. What came in the "
        "weeks in which the risk rose most:",
        [Lines("day of the course", "risk", [path], percent=True, marks=marks, wide=True)],
    )
