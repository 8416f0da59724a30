"""What a report shows of students at risk."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchedu.evaluation.shared_sections import audited
from torchedu.sections import Form, Line, Lines, Section, Table

Rows = Sequence[Mapping[str, Any]]


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
        return Section(title, "No student could be called.", lacking=True)
    first = calls[0]
    worth = Table(
        ["course over", "called", "share that failed or left", "more of them than by chance"],
        [
            [
                f"{100 * one['share']:.0f} %",
                one["called"],
                one["precision"],
                one["gain_over_chance"],
            ]
            for one in calls
        ],
    )
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
        private=True,
    )


def week_by_week(weeks: Rows) -> Section:
    """Show how well risks are told in each week, and how many leave.

    Args:
        weeks: ``week``, ``auc``, ``leaving_predicted`` and ``leaving_observed`` of each.
    """
    title = "Week by week"
    known = [one for one in weeks if one["auc"] is not None]
    if not known:
        return Section(title, "In no week are there outcomes of both kinds.", lacking=True)
    told = Lines(
        "week of the course", "AUC, of those still in the course",
        [Line("AUC", [one["week"] for one in known], [one["auc"] for one in known], "network")],
    )  # fmt: skip
    week = [one["week"] for one in weeks]
    leaving = Lines(
        "week of the course", "leave within a week",
        [
            Line("predicted", week, [one["leaving_predicted"] for one in weeks], "network"),
            Line("observed", week, [one["leaving_observed"] for one in weeks], "baseline"),
        ],
        percent=True,
    )  # fmt: skip
    return Section(
        title,
        "How well those who fail or leave are told from the others, of the students still in the "
        "course; and how many leave within a week, as foretold and as it came.",
        [told, leaving],
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
                Line(
                    f"{name} (n = {one['students']:,})", one["roc"]["false_positive_rate"],
                    one["roc"]["true_positive_rate"],
                )
                for name, one in of.items()
            ]  # fmt: skip
            trust = [
                Line(name, one["calibration"]["predicted"], one["calibration"]["observed"])
                for name, one in of.items()
            ]
            forms = [
                Lines(
                    "safe students called", "students at risk called", ranking,
                    _area(attribute, of, fairness), square=True, area=True,
                ),
                Lines("predicted risk", "share that failed or left", trust, square=True),
            ]  # fmt: skip
    return audited(fairness, forms)


def _area(attribute: str, groups: Mapping[str, Any], fairness: Mapping[str, Any] | None) -> str:
    """Say how large the area between the curves of two groups is, beside that of chance."""
    at = np.linspace(0, 1, 401)
    first, second = (
        np.interp(at, one["roc"]["false_positive_rate"], one["roc"]["true_positive_rate"])
        for one in groups.values()
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
        return Section(title, "No student's risk rose above one half.", lacking=True)
    marks = [
        (one["day"], f"until day {one['day']:.0f}: {one['event']}") for one in student["events"]
    ]
    line = Line("risk", student["day"], student["risk"], "network")
    return Section(
        title,
        f"{student['student']} of {student['course']}, who {student['outcome']}. What came in the "
        "weeks in which the risk rose most:",
        [Lines("day of the course", "risk", [line], percent=True, marks=marks, wide=True)],
        private=True,
    )
