"""What the goals of the default tracing network are judged by: a run's answers beside baselines."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import harness
import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from torchedu import Interactions
from torchedu.baselines import BestLR, ItemMean
from torchedu.datasets import AnswerStore, exact_filter
from torchedu.datasets.answers import stretch_index
from torchedu.metrics import scores
from torchedu.metrics.paired import Estimate, Scores, clustered

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
"""Real data sets: what the import is told, and the folder."""
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
        values = {name: one.value for name, one in self.scores.items()}
        found = {**values, "calibration_error": self.calibration_error}
        return {name: round(value, 5) for name, value in found.items()}


def imported(name: str, store: Path, environment: Environment = None) -> Path:
    """Import a real data set, where that was not done yet; return its store."""
    (kind, *rest), source = SETS[name]
    words = ["data", "import", kind, harness.real_data() / source, store, *rest]
    if not store.is_dir():
        harness.run([harness.script("torchedu"), *words], environment=environment)
    return store


def fit(
    store: Path | None, run: Path, seed: int, *more: str, environment: Environment = None
) -> float:
    """Do the main job on a split with all its defaults; return what it took in CPU-seconds."""
    words = ["--data.seed", seed, "--seed_everything", seed, "--run", run, *more]
    words += [] if store is None else ["--data.path", store]
    command = [harness.script("torchedu"), "fit", *map(str, words), "--trainer.accelerator", "cpu"]
    return harness.run(command, environment=environment).cpu_seconds


def judged(run: Path, data: Interactions, baselines: bool = True) -> tuple[Models, str]:
    """Score a run's test answers, and beside it what was fitted to its training part.

    Args:
        run: Its folder.
        data: What it was trained on.
        baselines: Whether these are scored.

    Returns:
        The models, the run's own as ``network``; and a digest of which answers were scored.
    """
    store, train, test = data.store, data.parts["train"], data.parts["test"]
    asked = store.answers(test.student, test.stop)
    student = np.repeat(test.student, test.stop)
    place = stretch_index(store.history_offsets[test.student], test.stop)[0]
    order = np.argsort(place, kind="stable")
    correct, student = asked.correct[order], student[order]
    said = {NETWORK: _said(run, store, place[order])}
    if baselines:
        learned = store.answers(train.student, train.stop)
        for model in (ItemMean().fit(learned), BestLR().fit(learned), data.regression):
            said[model.name] = model.predict(asked)[order]
    if "simulator" in store.about:
        said["best reachable"] = exact_filter.predict(store.about, asked)[order]
    marks = hashlib.sha256(np.round(correct * 1000).astype(np.int32).tobytes()).hexdigest()
    return {name: judge(p, correct, student, store.num_students) for name, p in said.items()}, marks


def judge(
    probability: NDArray[Any], correct: NDArray[Any], student: NDArray[Any], students: int
) -> Judged:
    """Score a model; within students those of ``MANY`` answers, or all where nobody has so many."""
    many = np.bincount(student, minlength=students)[student] >= MANY
    many |= not many.any()
    found = clustered(probability, correct, student)
    found["auc_within"] = _of_all(
        clustered(probability[many], correct[many], student[many])["auc_within"],
        student[many], students,
    )  # fmt: skip
    for name in ("auc", "log_loss"):
        found[name] = _of_all(found[name], student, students)
    return Judged(found, float(scores(probability, correct)["calibration_error"] or 0.0))


def gain(fits: Iterable[Models], score: str, over: str, of: str = NETWORK) -> Estimate:
    """Return by how much a model is above another one, on average of fits."""
    each = [models[of].scores[score].minus(models[over].scores[score]) for models in fits]
    moved = np.mean([one.moved_S for one in each], axis=0)
    return Estimate(float(np.mean([one.value for one in each])), moved)


def mean(fits: Sequence[Models], name: str) -> dict[str, float]:
    """Return the figures of a model, on average of fits."""
    rows = [models[name].plain() for models in fits]
    return {score: round(float(np.mean([row[score] for row in rows])), 5) for score in rows[0]}


def told(fits: Sequence[Models]) -> str:
    """Return the figures of all models in a line."""
    rows = {name: mean(fits, name) for name in fits[0]}
    return "; ".join(
        f"{name} {row['auc']:.4f} / {row['auc_within']:.4f}, {row['log_loss']:.4f}"
        for name, row in rows.items()
    )


def _of_all(one: Estimate, student: NDArray[Any], students: int) -> Estimate:
    moved = np.zeros(students)
    moved[np.unique(student)] = one.moved_S
    return one._replace(moved_S=moved)


def _said(run: Path, store: AnswerStore, place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a run's chances of the answers at places of the store, which it must all have."""
    table = pyarrow.parquet.read_table(run / "predictions.parquet")
    rows = {name: row for row, name in enumerate(store.student_names(range(store.num_students)))}
    student = np.array([rows[name] for name in table["student"].to_pylist()])
    where = store.history_offsets[student] + table["position"].to_numpy()
    order = np.argsort(where)
    if not np.array_equal(where[order], place):
        raise RuntimeError(f"{run} was scored on other answers")
    return table["probability"].to_numpy()[order].astype(np.float64)
