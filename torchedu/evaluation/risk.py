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
from torchedu.evaluation.any_task import Request, findings, fitted
from torchedu.evaluation.judged import Judged, judged
from torchedu.evaluation.risk_sections import (
    groups_alike,
    one_students_risk,
    week_by_week,
    whom_to_call,
)
from torchedu.evaluation.side_by_side import Models, apart, curves, groups_of, rows
from torchedu.features.course import WEEK
from torchedu.features.course_view import module_of
from torchedu.metrics import scores
from torchedu.metrics.fairness import Attribute
from torchedu.metrics.paired import auc
from torchedu.metrics.thresholds import thresholds
from torchedu.prediction.risk import listed
from torchedu.prediction.stream import Columns, predicted
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, MODULE, RESERVED, Names
from torchedu.tasks import AtRisk

Floats = NDArray[np.float64]


@findings.register
def _(task: AtRisk, data: CourseEvents, request: Request) -> dict[str, Any]:
    """Score the risks at each cutoff.

    Adds ``by_cutoff``, ``by_week`` (AUC, and who leaves), ``calls`` (how many of a course's list
    would fail or leave), ``fairness``, the audit at the first cutoff, when most is decided, within
    courses, and ``thresholds`` by policy, chosen on the validation part and kept beside the
    checkpoints too.
    """
    learned = data.learned
    known, weekly, validated = (
        predicted(task, of, part, request.trainer, **which)
        for of, part, which in (
            (data, request.part, {}),
            (data, request.part, {"by_week": True}),
            (learned, "val", {}),
        )
    )
    if not request.trainer.is_global_zero:
        return {}
    store, shares = data.store, sorted(data.cutoffs)
    moments, _ = data.moments(request.part)
    cutoff = _cutoff(data, moments.enrolment, moments.day)
    at_risk = store.at_risk[moments.enrolment]
    risk = known["probability"]
    models: Models[Floats] = {type(task.net).__name__: ("network", risk.astype(np.float64))}
    if request.baselines:
        own = (RiskLogistic(data.cutoffs, seed=data.seed), RiskBoosting(seed=data.seed))
        names = learned.store.vocabulary[MODULE]
        earlier = ("train", *(("val",) if request.part != "val" else ()))
        past = _moments(learned, earlier, names, by_week=True)
        wanted = _moments(data, (request.part,), names)
        for baseline in fitted(own, request.baselines, past):
            models[baseline.name] = ("baseline", baseline.predict(wanted))
        models["blend of all"] = ("blend", blend([said for _, said in models.values()]))
    at = [cutoff == i for i in range(len(shares))]
    scored_at = [f"auc{100 * share:.0f}" for share in shares]
    errors = {"log_loss": "log loss", "calibration_error": "calibration error"}

    def scored(said: Floats) -> dict[str, Any]:
        every = scores(said, at_risk)
        aucs = (scores(said[mine], at_risk[mine])["auc"] for mine in at)
        return dict(zip(scored_at, aucs, strict=True)) | {name: every[name] for name in errors}

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
    fairness = _at_cutoffs(task, data, known).audit()
    limits = _thresholds(learned, validated)
    beside = None if request.folder is None else RunFolder(request.folder).companions
    if beside is not None and beside.is_file():
        replace(Companions.read(beside), thresholds=limits).write(beside)
    return {
        "counts": {"students": len(np.unique(moments.enrolment)), "moments": len(moments.day)},
        "columns": {**{name: f"AUC at {name[3:]} %" for name in scored_at}, **errors},
        "scores": rows(models, scored),
        "verb": "tells who fails or leaves with",
        "origin": 0.5,
        "estimate": lambda name: auc(
            models[name][1][first], at_risk[first], known["enrolment"][first]
        ),
        "product": "Ask whom to call today: torchedu predict RUN --pages true, with the day, lists "
        "them with reasons, a page a course and a page a student.",
        "sections": [
            whom_to_call(task, data, known, calls, lists[0], request.part),
            week_by_week(weeks),
            groups_alike(groups, risk[first], at_risk[first], fairness),
            one_students_risk(data, weekly),
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


@judged.register
def _at_cutoffs(task: AtRisk, data: CourseEvents, columns: Columns) -> Judged:
    """Judge the risks at the cutoffs; groups by the first one, when most is decided."""
    store, people = data.store, columns["enrolment"]
    first = _cutoff(data, people, columns["day"].astype(np.float64)) == 0
    course = Attribute(store.column("course")[people], store.courses.name)
    outcome, groups = store.at_risk[people], groups_of(store, people)
    return Judged(columns["probability"], outcome, people, groups, course, first)


def _cutoff(
    data: CourseEvents, enrolment: NDArray[np.int64], day: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which of the sorted cutoffs each moment is at."""
    length = data.store.courses.length[data.store.column("course")[enrolment]]
    days = np.floor(length[:, None] * np.array(sorted(data.cutoffs)))
    at: NDArray[np.int64] = (days == day[:, None]).argmax(1)
    return at


def _moments(
    data: CourseEvents, parts: tuple[str, ...], modules: Names, by_week: bool = False
) -> RiskMoments:
    """Return the moments of some parts as baselines take them, courses by the ids of ``modules``.

    The baselines choose nothing by the validation part, and so learn from it too.
    """
    length = data.store.courses.length[data.store.column("course")]
    module = np.array(data.store.vocabulary[MODULE].translation(modules))[module_of(data.store)]
    eye = np.eye(data.num_attributes, dtype=np.float32)
    views = [data.moments(part, by_week=by_week) for part in parts]
    row, day = (np.concatenate(column) for column in zip(*(at for at, _ in views), strict=True))
    attributes = eye[data.attribute[row]].sum(1)[:, RESERVED:]
    return RiskMoments(
        numbers=np.concatenate([np.concatenate([seen.moment for _, seen in views]), attributes], 1),
        module=module[row],
        num_modules=len(modules),
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
