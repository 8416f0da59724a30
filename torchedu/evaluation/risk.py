"""An honest early warning: risks at shares of a course, beside those of simpler models.

Only students still in the course are scored; each risk is from what was known on its day.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines.risk import RiskBoosting, RiskLogistic, RiskMoments, blend
from torchedu.companions import Companions
from torchedu.datamodules import CourseEvents
from torchedu.datasets.splits import attributes
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.evaluation.risk_sections import (
    groups_alike,
    one_students_risk,
    week_by_week,
    whom_to_call,
)
from torchedu.features.course import WEEK
from torchedu.features.course_view import module_of
from torchedu.metrics import calibration_points, roc_points, scores
from torchedu.metrics.fairness import LEAST, Attribute, audit
from torchedu.metrics.thresholds import thresholds
from torchedu.prediction.risk import PredictedRisks, event_words, predict_risks
from torchedu.run_folder import RunFolder
from torchedu.schema import GROUP, MODULE, RESERVED
from torchedu.tasks import AtRisk

Floats = NDArray[np.float64]


@evaluate.register
def _(
    task: AtRisk,
    data: CourseEvents,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score the risks at each cutoff; ``evaluate`` tells the rest.

    Adds ``by_cutoff``, ``by_week`` (AUC, and who leaves), ``calls`` (how many of a course's list
    would fail or leave), ``fairness``, the audit at the first cutoff, when most is decided, within
    courses, and ``thresholds`` by policy, chosen on the validation part and kept beside the
    checkpoints too.
    """
    known = predict_risks(task, data, trainer, part)
    weekly = predict_risks(task, data, trainer, part, by_week=True)
    validated = predict_risks(task, data, trainer, "val")
    if not trainer.is_global_zero:
        return {}
    store = data.store
    moments, _ = data.moments(part)
    cutoff, at_risk = (
        _cutoff(data, moments.enrolment, moments.day),
        store.at_risk[moments.enrolment],
    )
    models: dict[str, tuple[str, Floats]] = {
        type(task.net).__name__: ("network", known.risk.astype(np.float64))
    }
    if baselines:
        own = (RiskLogistic(data.cutoffs, seed=data.seed), RiskBoosting(seed=data.seed))
        earlier = ("train", *(("val",) if part != "val" else ()))
        learned, asked = _moments(data, earlier, by_week=True), _moments(data, (part,))
        for baseline in fitted(own, baselines, learned):
            models[baseline.name] = ("baseline", baseline.predict(asked))
        models["blend of all"] = ("blend", blend([risk for _, risk in models.values()]))
    names = [f"auc{100 * share:.0f}" for share in sorted(data.cutoffs)]
    rows = []
    for name, (kind, risk) in models.items():
        every = scores(risk, at_risk)
        by_cutoff = {
            column: scores(risk[cutoff == i], at_risk[cutoff == i])["auc"]
            for i, column in enumerate(names)
        }
        errors = {key: every[key] for key in ("log_loss", "calibration_error")}
        rows.append({"name": name, "kind": kind, **by_cutoff, **errors})
    weeks, first = _by_week(data, weekly), cutoff == 0
    calls = [
        {"share": share, **_calls(data, known, at_risk, cutoff == i)}
        for i, share in enumerate(sorted(data.cutoffs))
    ]
    fairness = _fairness(data, known, at_risk, first)
    limits = _thresholds(data, validated)
    found = evaluation(
        task, data, part,
        counts={"students": len(np.unique(moments.enrolment)), "moments": len(moments.day)},
        columns={
            **{name: f"AUC at {name[3:]} %" for name in names},
            "log_loss": "log loss",
            "calibration_error": "calibration error",
        },
        scores=rows,
        verb="tells who fails or leaves with",
        origin=0.5,
        sections=[
            whom_to_call(calls, _called(data, known, first)),
            week_by_week(weeks),
            groups_alike(_groups(data, known, at_risk, first), fairness),
            one_students_risk(_student(data, weekly)),
        ],
        mark_delay_days=data.mark_delay_days,
        by_cutoff=[
            {"share": share, **_details(known.risk[cutoff == i], at_risk[cutoff == i])}
            for i, share in enumerate(sorted(data.cutoffs))
        ],
        by_week=weeks,
        calls=calls,
        fairness=fairness,
        thresholds=limits,
    )  # fmt: skip
    beside = None if folder is None else RunFolder(Path(folder)).companions
    if beside is not None and beside.is_file():
        replace(Companions.read(beside), thresholds=limits).write(beside)
    return keep(found, folder)


def _cutoff(
    data: CourseEvents, enrolment: NDArray[np.int64], day: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which of the sorted cutoffs each moment is at."""
    length = data.store.courses.length[data.store.column("course")[enrolment]]
    days = np.floor(length[:, None] * np.array(sorted(data.cutoffs)))
    found: NDArray[np.int64] = (days == day[:, None]).argmax(1)
    return found


def _moments(data: CourseEvents, parts: tuple[str, ...], by_week: bool = False) -> RiskMoments:
    """Return the moments of some parts as baselines take them.

    The baselines choose nothing by the validation part, and so learn from it too.
    """
    length = data.store.courses.length[data.store.column("course")]
    module = module_of(data.store)
    eye = np.eye(data.num_attributes, dtype=np.float32)
    views = [data.moments(part, by_week=by_week) for part in parts]
    row, day = (np.concatenate(column) for column in zip(*(one for one, _ in views), strict=True))
    told = eye[data.attribute[row]].sum(1)[:, RESERVED:]
    return RiskMoments(
        numbers=np.concatenate([np.concatenate([seen.moment for _, seen in views]), told], 1),
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
        "roc": roc_points(risk, at_risk),
        "calibration": calibration_points(risk, at_risk),
    }


def _by_week(data: CourseEvents, weekly: PredictedRisks) -> list[dict[str, Any]]:
    """Score the risks of each week, and compare the hazard of leaving with who left."""
    end = data.store.column("end")[weekly.enrolment]
    at_risk = data.store.at_risk[weekly.enrolment]
    left = (end <= weekly.day + WEEK).astype(np.float64)
    week = (weekly.day // WEEK).astype(np.int64)
    return [
        {
            "week": int(one),
            "students": int((week == one).sum()),
            "auc": scores(weekly.risk[week == one], at_risk[week == one])["auc"],
            "leaving_predicted": float(weekly.leaving[week == one].mean()),
            "leaving_observed": float(left[week == one].mean()),
            "leaving_auc": scores(weekly.leaving[week == one], left[week == one])["auc"],
        }
        for one in np.unique(week)
    ]


def _student(data: CourseEvents, weekly: PredictedRisks) -> dict[str, Any] | None:
    """Follow one student: of those whose risk rose above one half, the one it rose most for."""
    rows, first, count = np.unique(weekly.enrolment, return_index=True, return_counts=True)
    path = [weekly.risk[begin : begin + n] for begin, n in zip(first, count, strict=True)]
    rise = np.array([one.max() - one[0] if one.max() >= 0.5 else -1 for one in path])
    if not len(rise) or rise.max() <= 0:
        return None
    at = int(rise.argmax())
    row, store = int(rows[at]), data.store
    mine = slice(first[at], first[at] + count[at])
    day, risk = weekly.day[mine], weekly.risk[mine]
    _, seen = data.moments("test" if row in data.parts["test"] else "val", by_week=True)
    begin, stop = seen.event_offsets[row], seen.event_offsets[row + 1]
    marks = []
    for step in sorted(np.argsort(-np.diff(risk), kind="stable")[:3].tolist()):
        between = np.flatnonzero(
            (seen.event_day[begin:stop] > day[step]) & (seen.event_day[begin:stop] <= day[step + 1])
        )
        if len(between) and risk[step + 1] > risk[step]:
            told = ", ".join(event_words(data, seen, begin + i) for i in between[-2:])
            marks.append({"day": float(day[step + 1]), "event": told})
    return {
        "student": f"enrolment row {row}",
        "course": store.courses.name[int(store.column("course")[row])],
        "outcome": "failed or left" if store.at_risk[row] else "passed",
        "day": day.tolist(),
        "risk": risk.tolist(),
        "events": marks,
    }


def _calls(
    data: CourseEvents,
    predicted: PredictedRisks,
    at_risk: NDArray[Any],
    mine: NDArray[np.bool_],
) -> dict[str, Any]:
    """Count how many of each course's list are at risk: precision at the capacity."""
    listed = _listed(data, predicted, mine)
    found, called = float(at_risk[listed].sum()), len(listed)
    chance = float(at_risk[mine].mean()) if mine.any() else 0.0
    return {
        "capacity": data.capacity,
        "called": called,
        "precision": found / called if called else None,
        "gain_over_chance": found - chance * called,
    }


def _listed(
    data: CourseEvents, predicted: PredictedRisks, mine: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return which moments stand on the lists of whom to call, course by course."""
    course = data.store.column("course")[predicted.enrolment]
    lists = [np.flatnonzero(mine & (course == c)) for c in np.unique(course[mine])]
    lists = [rows[np.argsort(-predicted.risk[rows], kind="stable")] for rows in lists]
    return np.concatenate([np.zeros(0, np.int64), *(rows[: data.capacity] for rows in lists)])


def _called(
    data: CourseEvents, predicted: PredictedRisks, mine: NDArray[np.bool_]
) -> list[tuple[str, str, float, str]]:
    """Tell the lists: course, student (by a number), risk and what came of the student."""
    listed = _listed(data, predicted, mine)
    rows, store = predicted.enrolment[listed], data.store
    return [
        (
            store.courses.name[int(store.column("course")[row])],
            f"enrolment row {row}",
            float(risk),
            "failed or left" if store.at_risk[row] else "passed",
        )
        for row, risk in zip(rows.tolist(), predicted.risk[listed].tolist(), strict=True)
    ]


def _attributes(data: CourseEvents, rows: NDArray[np.int64]) -> dict[str, Attribute]:
    """Return the groups of enrolments; ids 0 and 1 belong to no name."""
    names = data.store.vocabulary
    return {
        name: Attribute(
            data.store.group(name)[rows].astype(np.int64) - RESERVED, list(names[GROUP + name])
        )
        for name in attributes(names)
    }


def _thresholds(data: CourseEvents, known: PredictedRisks) -> list[dict[str, Any]]:
    """Choose thresholds on the validation part, at the first cutoff; groups by ``fair_to``."""
    mine = _cutoff(data, known.enrolment, known.day.astype(np.float64)) == 0
    rows = known.enrolment[mine]
    group = None if data.fair_to is None else data.group[rows]
    at_risk = data.store.at_risk[rows]
    if len(np.unique(at_risk)) < 2:
        return []
    told = thresholds(known.risk[mine], at_risk, group)
    names = list(data.store.vocabulary[GROUP + data.fair_to]) if data.fair_to else []
    for one in told:
        if isinstance(one["threshold"], dict):
            one["threshold"] = {names[i]: value for i, value in one["threshold"].items()}
    return told


def _groups(
    data: CourseEvents, predicted: PredictedRisks, at_risk: NDArray[Any], mine: NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """Return the curves of every group that is large enough to have some."""
    risk, truth = predicted.risk[mine], at_risk[mine]
    told: dict[str, dict[str, Any]] = {}
    for name, (ids, names) in _attributes(data, predicted.enrolment[mine]).items():
        for i, group in enumerate(names):
            one = np.asarray(ids) == i
            if one.sum() >= LEAST and 0 < truth[one].mean() < 1:
                told.setdefault(name, {})[group] = {
                    "students": int(one.sum()),
                    "roc": roc_points(risk[one], truth[one]),
                    "calibration": calibration_points(risk[one], truth[one]),
                }
    return told


def _fairness(
    data: CourseEvents, predicted: PredictedRisks, at_risk: NDArray[Any], mine: NDArray[np.bool_]
) -> dict[str, Any] | None:
    rows = predicted.enrolment[mine]
    attributes = _attributes(data, rows)
    if not attributes:
        return None
    course = Attribute(data.store.column("course")[rows], data.store.courses.name)
    return audit(
        predicted.risk[mine], at_risk[mine], attributes, stratum=course, intersections=False
    )
