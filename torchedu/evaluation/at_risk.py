"""An honest early warning: risks at shares of a course, beside those of simpler models.

Only students still in the course are scored; each risk is from what was known on its day.
"""

from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines.at_risk import RiskBoosting, RiskLogistic, blend, tabular
from torchedu.datamodules import CourseEvents
from torchedu.datasets.course_view import WEEK, module_of
from torchedu.evaluation.any_task import evaluate, keep
from torchedu.metrics import calibration_points, roc_points, scores
from torchedu.metrics.fairness import Attribute, audit
from torchedu.prediction.at_risk import PredictedRisks, predict_risks
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
    baselines: bool = True,
) -> dict[str, Any]:
    """Score the risks at each cutoff; ``evaluate`` tells the rest.

    Adds ``by_cutoff``, ``by_week`` (who leaves), ``calls`` (how many of a course's list would fail
    or leave) and ``fairness``, the audit at the first cutoff, when most is decided, within courses.
    """
    predicted = predict_risks(task, data, trainer, part)
    if not trainer.is_global_zero:
        return {}
    store = data.store
    moments, _ = data.moments(part)
    cutoff, at_risk = (
        _cutoff(data, moments.enrolment, moments.day),
        store.at_risk[moments.enrolment],
    )
    models: dict[str, tuple[str, Floats]] = {
        type(task.net).__name__: ("network", predicted.risk.astype(np.float64))
    }
    if baselines:
        for name, risk in _baselines(data, part).items():
            models[name] = ("baseline", risk)
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
    evaluation = {
        "task": type(task).__name__,
        "data": data.name,
        "split": part,
        "counts": {
            "students": len(np.unique(moments.enrolment)),
            "moments": len(moments.day),
        },
        "columns": {
            **{name: f"AUC at {name[3:]} %" for name in names},
            "log_loss": "log loss",
            "calibration_error": "calibration error",
        },
        "scores": rows,
        "mark_delay_days": data.mark_delay_days,
        "by_cutoff": [
            {"share": share, **_details(predicted.risk[cutoff == i], at_risk[cutoff == i])}
            for i, share in enumerate(sorted(data.cutoffs))
        ],
        "by_week": _by_week(data, predicted, moments.day),
        "calls": [
            {"share": share, **_calls(data, predicted, at_risk, cutoff == i)}
            for i, share in enumerate(sorted(data.cutoffs))
        ],
        "fairness": _fairness(data, predicted, at_risk, cutoff == 0),
    }
    return keep(evaluation, trainer, folder)


def _cutoff(
    data: CourseEvents, enrolment: NDArray[np.int64], day: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which of the sorted cutoffs each moment is at."""
    length = data.store.courses.length[data.store.column("course")[enrolment]]
    days = np.floor(length[:, None] * np.array(sorted(data.cutoffs)))
    found: NDArray[np.int64] = (days == day[:, None]).argmax(1)
    return found


def _baselines(data: CourseEvents, part: str) -> dict[str, Floats]:
    """Fit the baselines on the training part, and predict at each cutoff."""
    module, size = module_of(data.store), len(data.store.vocabulary[MODULE])
    length = data.store.courses.length[data.store.column("course")]
    (learned, view), (asked, seen) = data.training_moments(), data.moments(part)
    table, wanted = (
        tabular(one, module[moments.enrolment], size)
        for moments, one in ((learned, view), (asked, seen))
    )
    at_risk = data.store.at_risk[learned.enrolment]
    share = learned.day / length[learned.enrolment]
    cutoff = _cutoff(data, asked.enrolment, asked.day)
    told: dict[str, Floats] = {}
    for baseline in (RiskLogistic(), RiskBoosting(data.seed)):
        risk = np.empty(len(asked.day))
        before = np.zeros(len(share), bool)
        for i, at in enumerate(sorted(data.cutoffs)):
            near = np.abs(share - at) <= baseline.reach
            if not np.array_equal(near, before):  # one that learns from all moments does so once
                baseline.fit(table[near], at_risk[near])
            before = near
            risk[cutoff == i] = baseline.predict(wanted[cutoff == i])
        told[baseline.name] = risk
    return told


def _details(risk: NDArray[Any], at_risk: NDArray[Any]) -> dict[str, Any]:
    return {
        "students": len(risk),
        "base_rate": float(at_risk.mean()) if len(risk) else None,
        **scores(risk, at_risk),
        "roc": roc_points(risk, at_risk),
        "calibration": calibration_points(risk, at_risk),
    }


def _by_week(
    data: CourseEvents, predicted: PredictedRisks, day: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Compare the hazard of leaving within a week with who left, cutoff week by cutoff week."""
    end = data.store.column("end")[predicted.enrolment]
    left = (end <= day + WEEK).astype(np.float64)
    week = (day // WEEK).astype(np.int64)
    return [
        {
            "week": int(one),
            "students": int((week == one).sum()),
            "predicted": float(predicted.leaving[week == one].mean()),
            "observed": float(left[week == one].mean()),
            "auc": scores(predicted.leaving[week == one], left[week == one])["auc"],
        }
        for one in np.unique(week)
    ]


def _calls(
    data: CourseEvents,
    predicted: PredictedRisks,
    at_risk: NDArray[Any],
    mine: NDArray[np.bool_],
) -> dict[str, Any]:
    """Count how many of each course's list are at risk: precision at the capacity."""
    course = data.store.column("course")[predicted.enrolment]
    found, called = 0.0, 0
    for c in np.unique(course[mine]):
        rows = np.flatnonzero(mine & (course == c))
        listed = rows[np.argsort(-predicted.risk[rows], kind="stable")][: data.capacity]
        found, called = found + float(at_risk[listed].sum()), called + len(listed)
    chance = float(at_risk[mine].mean()) if mine.any() else 0.0
    return {
        "capacity": data.capacity,
        "called": called,
        "precision": found / called if called else None,
        "gain_over_chance": found - chance * called,
    }


def _fairness(
    data: CourseEvents, predicted: PredictedRisks, at_risk: NDArray[Any], mine: NDArray[np.bool_]
) -> dict[str, Any] | None:
    names, rows = data.store.vocabulary, predicted.enrolment[mine]
    if not names.groups:
        return None
    attributes = {
        # Ids 0 and 1 belong to no name.
        name: Attribute(
            data.store.group(name)[rows].astype(np.int64) - RESERVED, list(names[GROUP + name])
        )
        for name in names.groups
    }
    course = Attribute(data.store.column("course")[rows], data.store.courses.name)
    return audit(
        predicted.risk[mine], at_risk[mine], attributes, stratum=course, intersections=False
    )
