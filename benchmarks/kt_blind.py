"""The default tracing network where nobody wrote down which skills an item asks for.

    python benchmarks/kt_blind.py            # the campaign, about ten CPU-minutes
    python benchmarks/kt_blind.py --short    # one file of six

The real data sets are looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import numpy as np
import pyarrow as pa
import pyarrow.csv
from harness import Goal, Job
from kt_scores import NETWORK
from numpy.typing import NDArray

from torchedu import Interactions
from torchedu.datasets import AnswerStore
from torchedu.metrics import scores
from torchedu.metrics.paired import WIDE

FILES = tuple(f"naive_c{concepts}_q50_s4000_v{v}" for concepts in (2, 5) for v in range(3))
ABOVE, DKT_ABOVE = 0.05, 0.01
"""By how much the default and DKT are above Best-LR on the synthetic students of the DKT paper."""
EDNET = 0.737
"""The least AUC on EdNet-5k without its tags."""
WITHOUT = 0.02
"""How far the simulated class without its skill column may be below the same with it."""


def blind(goal: str, files: Sequence[str] = FILES) -> tuple[list[Goal], Any]:
    """Train the default, and DKT for four passes, on students whose items name no skill."""
    kept: dict[str, float] = {}
    raw: dict[str, Any] = {}
    with TemporaryDirectory(prefix="kt-blind-") as scratch:
        folder = Path(scratch)
        for file in files:
            table = folder / f"{file}.csv"
            source = harness.real_data() / "kt" / "synthetic_dkt" / f"{file}.csv"
            marks = np.loadtxt(source, np.int64, delimiter=",")
            student, item = np.indices(marks.shape)
            _write(table, student.ravel(), item.ravel(), marks.ravel())
            few = ("--config", "dkt", "--trainer.max_epochs", "4")
            for net, least, config in (("LogisticDKT", ABOVE, ()), ("DKT", DKT_ABOVE, few)):
                models = _fit(table, folder / f"{file}-{net}", *config)
                gain = kt_scores.gain([models], "auc", "Best-LR")
                kept[f"{net} {file}"] = min(gain.value - least, gain.value - WIDE * gain.error)
                raw[f"{net} {file}"] = {name: model.plain() for name, model in models.items()}
        store = AnswerStore(kt_scores.imported("ednet", folder / "ednet.store"))
        models = _fit(_without_skills(store, folder / "ednet.csv"), folder / "ednet")
        kept["EdNet-5k"] = models[NETWORK].scores["auc"].value - EDNET
        raw["EdNet-5k"] = {name: model.plain() for name, model in models.items()}
        run, columns = kt_scores.trained("--run", folder / "class")
        data = run.data
        assert isinstance(data, Interactions)
        models = _fit(_without_skills(data.store, folder / "class.csv"), folder / "unskilled")
        skilled = scores(columns["probability"], columns["correct"])
        apart = models[NETWORK].scores["auc"].value - skilled["auc"]
        kept["class"] = apart + WITHOUT
        raw["class"] = {name: model.plain() for name, model in models.items()}
        raw["class with skills"] = skilled
    worst = min(kept.values())
    listed = ", ".join(f"{name} {value:+.4f}" for name, value in kept.items())
    must = f"at least 0: the least that a bound of it is kept by, of {listed}"
    return [Goal(goal, round(worst, 5), must, worst >= 0)], raw


def _fit(table: Path, run: Path, *more: str) -> kt_scores.Models:
    words = [*more, "--data.path", table, *kt_scores.split(0), "--run", run]
    models, _ = kt_scores.judged(*kt_scores.trained(*words))
    print(f"  {run.name}: {kt_scores.line_of([models])}", flush=True)
    return models


def _without_skills(store: AnswerStore, table: Path) -> Path:
    student = np.repeat(np.arange(store.num_students), np.diff(store.history_offsets))
    names = np.array(store.student_names(range(store.num_students)))
    _write(table, names[student], np.asarray(store.item), np.asarray(store.correct))
    return table


def _write(table: Path, student: NDArray[Any], item: NDArray[Any], correct: NDArray[Any]) -> None:
    columns = {"student": pa.array(student), "item": pa.array(item), "correct": pa.array(correct)}
    pyarrow.csv.write_csv(pa.table(columns), table)


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""
    few = partial(blind, "kt.blind_short", files=FILES[:1])
    return [
        Job(("kt.blind",), partial(blind, "kt.blind")),
        Job(("kt.blind_short",), few, short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_blind", jobs(), __doc__.splitlines()[0]))
