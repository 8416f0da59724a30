"""The default network of knowledge tracing beside its baselines; see ``kt_quality``."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import numpy as np
from harness import Goal

TORCHEDU = harness.script("torchedu")
ABOVE = {"ednet": (0.008, 0.003), "statics": (0.012, 0.012), "algebra": (0.015, 0.015)}
"""By how much the default stays above Best-LR: AUC pooled, and within students."""
CALIBRATED, BLIND = 0.015, 0.05
Rows = dict[str, dict[str, Any]]


def fit(store: Path, run: Path, seed: int) -> tuple[Rows, float]:
    """Do the main job on a split; return the scores by model and what it took in CPU-seconds."""
    words = ["--data.path", store, "--data.seed", seed, "--seed_everything", seed, "--run", run]
    done = harness.run([TORCHEDU, "fit", *words, "--trainer.accelerator", "cpu"])
    evaluation = json.loads((run / "evaluation.json").read_text("utf-8"))
    rows = {row["name"]: row for row in evaluation["scores"]}
    network = next(row for row in evaluation["scores"] if row["kind"] == "network")
    return {**rows, "network": network}, done.cpu_seconds


def beside_baselines(
    pooled: str,
    within: str,
    calibrated: str,
    sets: dict[str, tuple[Sequence[str], str]],
    seeds: Sequence[int],
) -> tuple[list[Goal], Any]:
    """Train the default with all its defaults, a split a seed, and compare.

    Args:
        pooled: The goal of the AUC of all answers.
        within: That of the AUC within students.
        calibrated: That of the calibration error.
        sets: What the import of each is told, and its folder.
        seeds: One way to draw the parts each.
    """
    data, kept = harness.real_data(), {}
    with TemporaryDirectory(prefix="kt-default-") as name:
        folder = Path(name)
        for one, (words, source) in sets.items():
            kind, *rest = words
            store = folder / f"{one}.store"
            harness.run([TORCHEDU, "data", "import", kind, data / source, store, *rest])
            kept[one] = [fit(store, folder / f"{one}-{seed}", seed) for seed in seeds]
            print(f"  {one}: {_told(kept[one])}", flush=True)
    worst: dict[str, float] = {pooled: np.inf, within: np.inf, calibrated: 0.0}
    for one, fits in kept.items():
        for goal, score, more in zip(
            (pooled, within), ("auc", "auc_within"), ABOVE[one], strict=True
        ):
            gain = np.mean([rows["network"][score] - rows["Best-LR"][score] for rows, _ in fits])
            worst[goal] = min(worst[goal], float(gain) - more)
        error = float(np.mean([rows["network"]["calibration_error"] for rows, _ in fits]))
        worst[calibrated] = max(worst[calibrated], error)
    least = ", ".join(f"{one} {a:g} / {b:g}" for one, (a, b) in ABOVE.items() if one in sets)
    must = f"at least 0: least gain over Best-LR (pooled / within: {least}), less that"
    goals = [Goal(goal, round(worst[goal], 5), must, worst[goal] >= 0) for goal in (pooled, within)]
    error = worst[calibrated]
    goals.append(
        Goal(calibrated, round(error, 5), f"at most {CALIBRATED} on each", error <= CALIBRATED)
    )
    return goals, {one: [_kept(*each) for each in fits] for one, fits in kept.items()}


def blind(goal: str, files: Sequence[str]) -> tuple[list[Goal], Any]:
    """Train the default on students whose items name no skill, beside Best-LR."""
    data, kept = harness.real_data() / "kt" / "synthetic_dkt", {}
    with TemporaryDirectory(prefix="kt-blind-") as name:
        for file in files:
            table = Path(name) / f"{file}.csv"
            with table.open("w", encoding="utf-8") as out:
                out.write("student,item,correct\n")
                for student, line in enumerate((data / f"{file}.csv").read_text().split()):
                    for item, mark in enumerate(line.split(",")):
                        out.write(f"{student},q{item},{mark}\n")
            kept[file] = [fit(table, Path(name) / f"run-{file}", 0)]
            print(f"  {file}: {_told(kept[file])}", flush=True)
    gain = min(
        rows["network"]["auc"] - rows["Best-LR"]["auc"]
        for fits in kept.values()
        for rows, _ in fits
    )
    must = f"at least {BLIND} AUC above Best-LR on each of {len(files)}"
    goals = [Goal(goal, round(gain, 5), must, gain >= BLIND)]
    return goals, {file: [_kept(*each) for each in fits] for file, fits in kept.items()}


def _told(fits: Sequence[tuple[Rows, float]]) -> str:
    return "; ".join(
        f"{name} {np.mean([rows[name]['auc'] for rows, _ in fits]):.4f}"
        f" / {np.mean([rows[name]['auc_within'] for rows, _ in fits]):.4f}"
        for name in fits[0][0]
        if name != "network"
    )


def _kept(rows: Rows, cpu_seconds: float) -> dict[str, Any]:
    scores = {
        name: {key: value for key, value in row.items() if isinstance(value, float)}
        for name, row in rows.items()
        if name != "network"
    }
    return {"scores": scores, "fit_cpu_seconds": round(cpu_seconds, 1)}
