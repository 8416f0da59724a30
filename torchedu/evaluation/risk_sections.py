"""What a report shows of students at risk."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datamodules import CourseEvents
from torchedu.evaluation.sections import Rows, alike, calibration, lacking, line, roc, table
from torchedu.evaluation.side_by_side import apart, curves
from torchedu.metrics.fairness import LEAST, Attribute
from torchedu.prediction.risk import event_words, reasons
from torchedu.prediction.stream import Columns
from torchedu.sections import Line, Lines, Section, Table
from torchedu.tasks import AtRisk

MOST_CALLED = 100
"""Students of the lists whom a page shows."""


def whom_to_call(
    task: AtRisk,
    data: CourseEvents,
    known: Columns,
    calls: Rows,
    called: NDArray[np.int64],
    part: str,
) -> Section:
    """Show what the lists of whom to call would have been worth, and the first lists.

    Args:
        task: The trained task.
        data: The courses.
        known: The columns of ``Risks``.
        calls: ``share``, ``capacity``, ``called``, ``precision`` and ``gain_over_chance`` of each
            moment.
        called: Who stands on the lists of the first moment, as rows of the columns.
        part: What was scored.
    """
    title = "Whom to call"
    if not len(called):
        return lacking(title, "No student could be called.")
    called, cut = called[:MOST_CALLED], len(called) > MOST_CALLED
    chosen = known["enrolment"][called].astype(np.int64)
    _, seen = data.moments(part)
    why = reasons(task, data, seen, chosen, known["day"][called].astype(np.float64))
    courses = data.store.column("course")[chosen].tolist()
    rows = [
        (data.store.courses.name[course], f"enrolment row {row}", risk, _came(data, row), reason)
        for row, course, risk, reason in zip(
            chosen.tolist(), courses, known["probability"][called].tolist(), why, strict=True
        )
    ]
    first = calls[0]
    headings = {
        "over": "course over", "called": "called", "precision": "share that failed or left",
        "gain_over_chance": "more of them than by chance",
    }  # fmt: skip
    worth = table([{**row, "over": f"{100 * row['share']:.0f} %"} for row in calls], headings)
    lists = Table(
        ["course", "student", "risk", "what came", "what raised the risk"],
        rows,
        f"Whom to call when {100 * first['share']:.0f} % of the course is over"
        + f", the first {MOST_CALLED}" * cut,
        opens=True,
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
    groups: Mapping[str, Attribute],
    risk: NDArray[Any],
    at_risk: NDArray[Any],
    fairness: Mapping[str, Any] | None,
) -> Section:
    """Show what the audit found, and the curves of the first attribute of two groups.

    Args:
        groups: Those of each prediction, by attribute; small ones are not drawn.
        risk: What was predicted; shape (predictions,).
        at_risk: What came true.
        fairness: The audit.
    """
    for attribute, (ids, names) in groups.items():
        drawn = {
            names[id]: (int(mine.sum()), curves(risk[mine], at_risk[mine]))
            for id, mine in apart(np.asarray(ids))
            if id >= 0 and mine.sum() >= LEAST and 0 < at_risk[mine].mean() < 1
        }
        if len(drawn) == 2:  # the area lies between two curves
            ranking = [
                roc(f"{name} (n = {count:,})", points["roc"])
                for name, (count, points) in drawn.items()
            ]
            trust = [
                calibration(name, points["calibration"]) for name, (_, points) in drawn.items()
            ]
            area = _area(attribute, ranking, fairness)
            x, y = "safe students called", "students at risk called"
            forms = [
                Lines(x, y, ranking, area, square=True, area=True),
                Lines("predicted risk", "share that failed or left", trust, square=True),
            ]
            return alike(fairness, forms)
    return alike(fairness)


def _area(attribute: str, lines: Sequence[Line], fairness: Mapping[str, Any] | None) -> str:
    """Say how large the area between the curves of two groups is, beside that of chance."""
    at = np.linspace(0, 1, 401)
    first, second = (np.interp(at, curve.x, np.asarray(curve.y, float)) for curve in lines)
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


def one_students_risk(data: CourseEvents, weekly: Columns) -> Section:
    """Show how one student's risk rose, and after what.

    Of those whose risk rose above one half, the one is taken for whom it rose most.

    Args:
        data: The courses.
        weekly: The columns of ``Risks``, of every week.
    """
    title = "One student's risk over time"
    enrolments, first = np.unique(weekly["enrolment"], return_index=True)
    paths = np.split(weekly["probability"], first[1:])
    rise = np.array([p.max() - p[0] if p.max(initial=0) >= 0.5 else -1 for p in paths])
    if rise.max() <= 0:
        return lacking(title, "No student's risk rose above one half.")
    at = int(rise.argmax())
    row, risk = int(enrolments[at]), paths[at]
    day = weekly["day"][first[at] : first[at] + len(risk)]
    _, seen = data.moments("test" if row in data.parts["test"] else "val", by_week=True)
    begin, stop = seen.event_offsets[row], seen.event_offsets[row + 1]
    happened, marks = seen.event_day[begin:stop], []
    for step in sorted(np.argsort(-np.diff(risk), kind="stable")[:3].tolist()):
        between = np.flatnonzero((happened > day[step]) & (happened <= day[step + 1]))
        if len(between) and risk[step + 1] > risk[step]:
            words = ", ".join(event_words(data, seen, begin + i) for i in between[-2:])
            marks.append((float(day[step + 1]), f"until day {day[step + 1]:.0f}: {words}"))
    path = Line("risk", day.tolist(), risk.tolist(), "network")
    course = data.store.courses.name[int(data.store.column("course")[row])]
    return Section(
        title,
        f"Enrolment row {row} of {course}, who {_came(data, row)}. What came in the weeks in which "
        "the risk rose most:",
        [Lines("day of the course", "risk", [path], percent=True, marks=marks, wide=True)],
        private=True,
    )


def _came(data: CourseEvents, row: int) -> str:
    """Say what came of a student."""
    return "failed or left" if data.store.at_risk[row] else "passed"
