"""Scores the default network as it was at an earlier commit, once, for ``kt_default`` to stand on.

    git worktree add ../before 01bab74
    python benchmarks/kt_before.py ../before        # writes kt_before.json, half an hour

The same stores, splits and seeds as in ``kt_default``; the commit's own code trains and predicts in
processes of its own.
"""

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import kt_scores
import numpy as np
import pyarrow.parquet
from kt_scores import SEEDS, SETS

from torchedu import Interactions
from torchedu.datasets.answers import stretch_index

KEPT = Path(__file__).with_suffix(".json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=Path, help="the earlier commit's files")
    parser.add_argument("--runs", type=Path, help="folder that keeps the runs, to go on with")
    given = parser.parse_args()
    theirs = {"PYTHONPATH": str(given.tree.resolve())}
    words = ["git", "-C", str(given.tree), "rev-parse", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    fits: dict[str, dict[str, dict[str, object]]] = {}
    with TemporaryDirectory(prefix="kt-before-") as scratch:
        folder = (given.runs or Path(scratch)).resolve()
        folder.mkdir(exist_ok=True)
        for name in SETS:
            before = kt_scores.imported(name, folder / f"{name}.store", theirs)
            now = kt_scores.imported(name, Path(scratch) / f"{name}.now.store")
            for seed in SEEDS:
                run, cost = folder / f"{name}-{seed}", folder / f"{name}-{seed}.seconds"
                if not (run / "predictions.parquet").is_file():
                    cost.write_text(f"{_fit(before, run, seed, theirs):.1f}")
                row = _judged(run, Interactions(str(now), seed=seed))
                if cost.is_file():  # else the run was made in some other way
                    row["cpu_seconds"] = float(cost.read_text())
                fits.setdefault(name, {})[str(seed)] = row
                print(f"{name}, seed {seed}: {row}", flush=True)
    content = {"commit": commit, "machine": harness.machine(), "fits": fits}
    KEPT.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _fit(store: Path, run: Path, seed: int, environment: dict[str, str]) -> float:
    words = ["--data.path", store, *kt_scores.split(seed), "--run", run]
    command = [harness.script("torchedu"), "fit", *map(str, words), "--trainer.accelerator", "cpu"]
    return harness.run(command, environment=environment).cpu_seconds


def _judged(run: Path, data: Interactions) -> dict[str, object]:
    """Score a run's predictions, which have to be those of the test part in our own split."""
    store, test = data.store, data.parts["test"]
    place = stretch_index(store.history_offsets[test.student], test.stop)[0]
    table = pyarrow.parquet.read_table(run / "predictions.parquet")
    rows = {name: row for row, name in enumerate(store.student_names(range(store.num_students)))}
    student = np.array([rows[name] for name in table["student"].to_pylist()])
    where = store.history_offsets[student] + table["position"].to_numpy()
    order = np.argsort(where)
    if not np.array_equal(where[order], np.sort(place)):
        raise RuntimeError(f"{run} was scored on other answers")
    correct = store.correct[where[order]].astype(np.float64)
    probability = table["probability"].to_numpy()[order]
    judged = kt_scores.judge(probability, correct, student[order], store.num_students)
    return {**judged.plain(), "answers": kt_scores.digest(correct)}


if __name__ == "__main__":
    main()
