"""An honest early warning: risks at shares of a course, beside those of simpler models.

Only students still in the course are scored; each risk is from what was known on its day.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.risk import RiskBoosting, RiskLogistic, RiskMoments, blend
from torchedu.companions import Companions
from torchedu.datamodules import CourseEvents
from torchedu.datasets.course_view import WEEK, module_of
from torchedu.evaluation.any_task import Asked, findings, fitted
from torchedu.evaluation.risk_sections import (
    groups_alike,
    one_students_risk,
    week_by_week,
    whom_to_call,
)
from torchedu.evaluation.side_by_side import Models, apart, audited, curves, groups_of, rows
from torchedu.metrics import scores
from torchedu.metrics.fairness import LEAST, Attribute
from torchedu.metrics.thresholds import thresholds
from torchedu.prediction.risk import event_words, listed
from torchedu.prediction.stream import Columns, predicted
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, MODULE, RESERVED
from torchedu.tasks import AtRisk

Floats = NDArray[np.float64]


@findings.register
def _(task: AtRisk, data: CourseEvents, asked: Asked) -> dict[str, Any]:
    """Score the risks at each cutoff.

    Adds ``by_cutoff``, ``by_week`` (AUC, and who leaves), ``calls`` (how many of a course's list
    would fail or leave), ``fairness``, the audit at the first cutoff, when most is decided, within
    courses, and ``thresholds`` by policy, chosen on the validation part and kept beside the
    checkpoints too.
    """
    known, weekly, validated = (
        predicted(task, data, part, asked.trainer, **which)
        for part, which in ((asked.part, {}), (asked.part, {"by_week": True}), ("val", {}))
    )
    if not asked.trainer.is_global_zero:
        return {}
    store, shares = data.store, sorted(data.cutoffs)
    moments, _ = data.moments(asked.part)
    cutoff = _cutoff(data, moments.enrolment, moments.day)
    at_risk = store.at_risk[moments.enrolment]
    risk = known["probability"]
    models: Models[Floats] = {type(task.net).__name__: ("network", risk.astype(np.float64))}
    if asked.baselines:
        own = (RiskLogistic(data.cutoffs, seed=data.seed), RiskBoosting(seed=data.seed))
        earlier = ("train", *(("val",) if asked.part != "val" else ()))
        learned, wanted = _moments(data, earlier, by_week=True), _moments(data, (asked.part,))
        for baseline in fitted(own, asked.baselines, learned):
            models[baseline.name] = ("baseline", baseline.predict(wanted))
        models["blend of all"] = ("blend", blend([said for _, said in models.values()]))
    at = [cutoff == i for i in range(len(shares))]
    names = [f"auc{100 * share:.0f}" for share in shares]
    errors = {"log_loss": "log loss", "calibration_error": "calibration error"}

    def scored(said: Floats) -> dict[str, Any]:
        every = scores(said, at_risk)
        aucs = (scores(said[mine], at_risk[mine])["auc"] for mine in at)
        return dict(zip(names, aucs, strict=True)) | {name: every[name] for name in errors}

    weeks, first = _by_week(data, weekly), at[0]
    course = store.column("course")[known["enrolment"]]
    lists = [
        np.concatenate([np.zeros(0, np.int64), *listed(risk, course, mine, data.capacity)])
        for mine in at
    ]
    calls = [
        {"share": share, **_calls(data.capacity, at_risk, called, mine)}
        for share, called, mine in zip(shares, lists, at, strict=True)
    ]
    groups = groups_of(store, known["enrolment"][first])
    stratum = Attribute(course[first], store.courses.name)
    fairness = audited(risk[first], at_risk[first], groups, stratum=stratum)
    limits = _thresholds(data, validated)
    beside = None if asked.folder is None else RunFolder(asked.folder).companions
    if beside is not None and beside.is_file():
        replace(Companions.read(beside), thresholds=limits).write(beside)
    return {
        "counts": {"students": len(np.unique(moments.enrolment)), "moments": len(moments.day)},
        "columns": {**{name: f"AUC at {name[3:]} %" for name in names}, **errors},
        "scores": rows(models, scored),
        "verb": "tells who fails or leaves with",
        "origin": 0.5,
        "sections": [
            whom_to_call(calls, _called(data, known, lists[0])),
            week_by_week(weeks),
            groups_alike(_groups(groups, risk[first], at_risk[first]), fairness),
            one_students_risk(_student(data, weekly)),
        ],
        "mark_delay_days": data.mark_delay_days,
        "by_cutoff": [
            {"share": share, **_details(risk[mine], at_risk[mine])}
            for share, mine in zip(shares, at, strict=True)
        ],
        "by_week": weeks,
        "calls": calls,
        "fairness": fairness,
        "thresholds": limits,
    }


def _cutoff(
    data: CourseEvents, enrolment: NDArray[np.int64], day: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which of the sorted cutoffs each moment is at."""
    length = data.store.courses.length[data.store.column("course")[enrolment]]
    days = np.floor(length[:, None] * np.array(sorted(data.cutoffs)))
    at: NDArray[np.int64] = (days == day[:, None]).argmax(1)
    return at


def _moments(data: CourseEvents, parts: tuple[str, ...], by_week: bool = False) -> RiskMoments:
    """Return the moments of some parts as baselines take them.

    The baselines choose nothing by the validation part, and so learn from it too.
    """
    length = data.store.courses.length[data.store.column("course")]
    module = module_of(data.store)
    eye = np.eye(data.num_attributes, dtype=np.float32)
    views = [data.moments(part, by_week=by_week) for part in parts]
    row, day = (np.concatenate(column) for column in zip(*(at for at, _ in views), strict=True))
    attributes = eye[data.attribute[row]].sum(1)[:, RESERVED:]
    return RiskMoments(
        numbers=np.concatenate([np.concatenate([seen.moment for _, seen in views]), attributes], 1),
        module=module[row],
        num_modules=len(data.store.vocabulary[MODULE]),
        student=row,
        course=data.store.column("course")[row],
        share=day / length[row],
        at_risk=data.store.at_risk[row],
    )


def _details(risk: NDArray[Any], at_risk: NDArray[Any]) -> dict[str, Any]:
    return {
        "students": len(risk),
        "base_rate": float(at_risk.mean()) if len(risk) else None,
        **scores(risk, at_risk),
        **curves(risk, at_risk),
    }


def _by_week(data: CourseEvents, weekly: Columns) -> list[dict[str, Any]]:
    """Score the risks of each week, and compare the hazard of leaving with who left."""
    row, day, risk, leaving = weekly.values()
    at_risk = data.store.at_risk[row]
    left = (data.store.column("end")[row] <= day + WEEK).astype(np.float64)
    return [
        {
            "week": week,
            "students": int(mine.sum()),
            "auc": scores(risk[mine], at_risk[mine])["auc"],
            "leaving_predicted": float(leaving[mine].mean()),
            "leaving_observed": float(left[mine].mean()),
            "leaving_auc": scores(leaving[mine], left[mine])["auc"],
        }
        for week, mine in apart((day // WEEK).astype(np.int64))
    ]


def _student(data: CourseEvents, weekly: Columns) -> dict[str, Any] | None:
    """Follow one student: of those whose risk rose above one half, the one it rose most for."""
    enrolments, first, count = np.unique(weekly["enrolment"], return_index=True, return_counts=True)
    paths = np.split(weekly["probability"], first[1:])
    rise = np.array([p.max() - p[0] if p.max(initial=0) >= 0.5 else -1 for p in paths])
    if not len(rise) or rise.max() <= 0:
        return None
    at = int(rise.argmax())
    row, store = int(enrolments[at]), data.store
    day, risk = weekly["day"][first[at] : first[at] + count[at]], paths[at]
    _, seen = data.moments("test" if row in data.parts["test"] else "val", by_week=True)
    begin, stop = seen.event_offsets[row], seen.event_offsets[row + 1]
    marks = []
    for step in sorted(np.argsort(-np.diff(risk), kind="stable")[:3].tolist()):
        between = np.flatnonzero(
            (seen.event_day[begin:stop] > day[step]) & (seen.event_day[begin:stop] <= day[step + 1])
        )
        if len(between) and risk[step + 1] > risk[step]:
            words = ", ".join(event_words(data, seen, begin + i) for i in between[-2:])
            marks.append({"day": float(day[step + 1]), "event": words})
    return {
        "student": f"enrolment row {row}",
        "course": store.courses.name[int(store.column("course")[row])],
        "outcome": _came(data, row),
        "day": day.tolist(),
        "risk": risk.tolist(),
        "events": marks,
    }


def _calls(
    capacity: int, at_risk: NDArray[Any], called: NDArray[np.int64], mine: NDArray[np.bool_]
) -> dict[str, Any]:
    """Count how many of each course's list are at risk: precision at the capacity."""
    hits = float(at_risk[called].sum())
    chance = float(at_risk[mine].mean()) if mine.any() else 0.0
    return {
        "capacity": capacity,
        "called": len(called),
        "precision": hits / len(called) if len(called) else None,
        "gain_over_chance": hits - chance * len(called),
    }


def _called(
    data: CourseEvents, known: Columns, called: NDArray[np.int64]
) -> list[tuple[str, str, float, str]]:
    """Tell the lists: course, student (by a number), risk and what came of the student."""
    chosen = known["enrolment"][called].tolist()
    return [
        (data.store.courses.name[course], f"enrolment row {row}", risk, _came(data, row))
        for row, course, risk in zip(
            chosen,
            data.store.column("course")[chosen].tolist(),
            known["probability"][called].tolist(),
            strict=True,
        )
    ]


def _came(data: CourseEvents, row: int) -> str:
    """Say what came of a student."""
    return "failed or left" if data.store.at_risk[row] else "passed"


def _thresholds(data: CourseEvents, known: Columns) -> list[dict[str, Any]]:
    """Choose thresholds on the validation part, at the first cutoff; groups by ``fair_to``."""
    mine = _cutoff(data, known["enrolment"], known["day"].astype(np.float64)) == 0
    people = known["enrolment"][mine]
    group = None if data.fair_to is None else data.group[people]
    at_risk = data.store.at_risk[people]
    if len(np.unique(at_risk)) < 2:
        return []
    policies = thresholds(known["probability"][mine], at_risk, group)
    names = list(data.store.vocabulary[GROUP + data.fair_to]) if data.fair_to else []
    for policy in policies:
        if isinstance(policy["threshold"], dict):
            policy["threshold"] = {names[i]: p for i, p in policy["threshold"].items()}
    return policies


def _groups(
    groups: dict[str, Attribute], risk: NDArray[Any], at_risk: NDArray[Any]
) -> dict[str, dict[str, Any]]:
    """Return the curves of every group that is large enough to have some."""
    drawn: dict[str, dict[str, Any]] = {}
    for attribute, (ids, names) in groups.items():
        for id, mine in apart(np.asarray(ids)):
            if id >= 0 and mine.sum() >= LEAST and 0 < at_risk[mine].mean() < 1:
                drawn.setdefault(attribute, {})[names[id]] = {
                    "students": int(mine.sum()),
                    **curves(risk[mine], at_risk[mine]),
                }
    return drawn
