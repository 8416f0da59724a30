"""What the goals of the default tracing network are judged by: a run's answers beside baselines."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import harness
import numpy as np
from numpy.typing import NDArray

from torchedu import Interactions
from torchedu.datasets.splits import Part
from torchedu.evaluation.any_task import Request
from torchedu.evaluation.tracing import models
from torchedu.metrics import scores
from torchedu.metrics.paired import Estimate, Scores, clustered
from torchedu.prediction.stream import Columns, predicted
from torchedu.run import Run, RunConfig, build
from torchedu.run.training import best_of
from torchedu.tasks import KnowledgeTracing

MANY = 50
"""Scored answers of a student from which on the student counts within students."""
NETWORK = "network"
Models = dict[str, "Judged"]
SEEDS = (0, 1, 2)
"""One way each to divide students, and to draw the network's first weights."""
SETS = {
    "ednet": (("ednet",), "kt/ednet_pebg5k"),
    "statics": (("tsv",), "kt/statics2011_ts"),
    "algebra": (("tsv", "--skills", "q_mat"), "kt/algebra2005_ts_test20"),
}
"""Real data sets: the words of the import, and the folder."""
Environment = dict[str, str] | None


class Judged(NamedTuple):
    """What a model is worth on a part.

    Attributes:
        scores: ``auc``, ``auc_within`` and ``log_loss``, each with what every student of the store
            moves of it, so that parts that share students can be put together.
        calibration_error: See ``metrics.scores``.
    """

    scores: Scores
    calibration_error: float

    def plain(self) -> dict[str, float]:
        """Return the figures alone."""
        values = {name: estimate.value for name, estimate in self.scores.items()}
        values["calibration_error"] = self.calibration_error
        return {name: round(value, 5) for name, value in values.items()}


def imported(name: str, store: Path, environment: Environment = None) -> Path:
    """Import a real data set, where that was not done yet; return its store."""
    (kind, *rest), source = SETS[name]
    words = ["data", "import", kind, harness.real_data() / source, store, *rest]
    if not store.is_dir():
        harness.run([harness.script("torchedu"), *words], environment=environment)
    return store


def trained(*words: object, parts: Mapping[str, Part] | None = None) -> tuple[Run, Columns]:
    """Train as ``torchedu fit`` does with these words; predict the test part.

    Args:
        *words: Those behind ``torchedu fit``.
        parts: Who is in which part, in place of the split that the words ask for.
    """
    quiet = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    run = build(RunConfig([*map(str, words), *quiet]))
    if parts is not None:
        run.data.__dict__["parts"] = parts
    best = best_of(run)
    return best, predicted(best.task, best.data, "test", best.trainer)


def split(seed: int) -> tuple[object, ...]:
    """Return the words that draw parts and weights by a seed."""
    return "--data.seed", seed, "--seed_everything", seed


def judged(run: Run, columns: Columns) -> tuple[Models, str]:
    """Score a run's test answers, and beside it what was fitted to its training part.

    Returns:
        The models, the run's own as ``network``; and a digest of the marks that were scored.
    """
    assert isinstance(run.task, KnowledgeTracing)
    assert isinstance(run.data, Interactions)
    correct, student = columns["correct"], columns["student"]
    students, request = run.data.store.num_students, Request(run.trainer, "test", None, True)
    by_name = {
        NETWORK if kind == "network" else name: judge(probability, correct, student, students)
        for name, kind, probability in models(run.task, run.data, columns, request)
    }
    return by_name, digest(correct)


def digest(correct: NDArray[Any]) -> str:
    """Return what tells the marks of some answers from those of others."""
    thousandths = np.round(correct.astype(np.float64) * 1000).astype(np.int32)
    return hashlib.sha256(thousandths.tobytes()).hexdigest()


def judge(
    probability: NDArray[Any], correct: NDArray[Any], student: NDArray[Any], students: int
) -> Judged:
    """Score a model; within students those of ``MANY`` answers, or all where nobody has so many."""
    many = np.bincount(student, minlength=students)[student] >= MANY
    many |= not many.any()
    estimates = clustered(probability, correct, student)
    estimates["auc_within"] = _of_all(
        clustered(probability[many], correct[many], student[many])["auc_within"],
        student[many], students,
    )  # fmt: skip
    for name in ("auc", "log_loss"):
        estimates[name] = _of_all(estimates[name], student, students)
    return Judged(estimates, float(scores(probability, correct)["calibration_error"] or 0.0))


def gain(fits: Iterable[Models], score: str, over: str, of: str = NETWORK) -> Estimate:
    """Return by how much a model is above another one, on average of fits."""
    each = [models[of].scores[score].minus(models[over].scores[score]) for models in fits]
    moved = np.mean([gained.moved_S for gained in each], axis=0)
    return Estimate(float(np.mean([gained.value for gained in each])), moved)


def mean(fits: Sequence[Models], name: str) -> dict[str, float]:
    """Return the figures of a model, on average of fits."""
    rows = [models[name].plain() for models in fits]
    return {score: round(float(np.mean([row[score] for row in rows])), 5) for score in rows[0]}


def line_of(fits: Sequence[Models]) -> str:
    """Return the figures of all models in a line."""
    rows = {name: mean(fits, name) for name in fits[0]}
    return "; ".join(
        f"{name} {row['auc']:.4f} / {row['auc_within']:.4f}, {row['log_loss']:.4f}"
        for name, row in rows.items()
    )


def _of_all(estimate: Estimate, student: NDArray[Any], students: int) -> Estimate:
    moved = np.zeros(students)
    moved[np.unique(student)] = estimate.moved_S
    return estimate._replace(moved_S=moved)
