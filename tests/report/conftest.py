"""A run's folder as training and testing leave it, without having trained."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

SKILLS = ["fractions", "decimals", "ratios"]
STEPS = 12


def score(name: str, kind: str, auc: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "auc": auc,
        "accuracy": 0.7,
        "log_loss": 0.56,
        "calibration_error": None if kind == "oracle" else 0.02,
    }


def group(name: str, students: int, auc: float | None) -> dict[str, Any]:
    return {"group": name, "students": students, "answers": 50 * students, **score("", "", auc)}


def history(first: int, last: int | None, auc: float | None) -> dict[str, Any]:
    return {"from": first, "to": last, "answers": 900, "auc": auc, "best_baseline_auc": 0.69}


def curves() -> dict[str, Any]:
    return {
        "roc": {
            "false_positive_rate": [0, 0.1, 0.4, 1],
            "true_positive_rate": [0, 0.4, 0.8, 1],
        },
        "calibration": {
            "predicted": [0.2, 0.5, 0.8],
            "observed": [0.25, 0.5, 0.75],
            "answers": [100, 900, 400],
        },
    }


@pytest.fixture
def evaluation() -> dict[str, Any]:
    return {
        "split": "test",
        "data": "simulated class",
        "counts": {"students": 400, "answers": 23950},
        "columns": {
            "auc": "AUC",
            "accuracy": "accuracy",
            "log_loss": "log loss",
            "calibration_error": "calibration error",
        },
        "scores": [
            score("item mean", "baseline", 0.627),
            score("oracle", "oracle", 0.766),
            score("ItemDKT", "network", 0.738),
            score("best reachable", "bound", 0.746),
            score("Best-LR", "baseline", 0.706),
        ],
        "by_group": {"gender": [group("f", 210, 0.74), group("m", 180, 0.73), group("x", 2, None)]},
        "by_history": [history(0, 0, 0.65), history(1, 9, None), history(10, None, 0.75)],
        "curves": {"ItemDKT": curves(), "Best-LR": curves(), "best reachable": curves()},
    }


@pytest.fixture
def mastery() -> dict[str, Any]:
    return {
        "student": "1f3a9c",
        "definition": "The mean probability of a right answer over the skill's items.",
        "skills": [*SKILLS, "never met"],
        "mastery": [[0.1 * k + 0.05 * step for k in range(4)] for step in range(STEPS)],
        "items": [f"item {step}" for step in range(STEPS)],
        "correct": [step % 3 > 0 for step in range(STEPS)],
        "skills_of_items": [
            [SKILLS[step % 2]] + (SKILLS[2:] if step % 4 == 0 else []) for step in range(STEPS)
        ],
    }


@pytest.fixture
def write_run(
    tmp_path: Path, evaluation: dict[str, Any], mastery: dict[str, Any]
) -> Callable[..., Path]:
    """Return a function that writes a run's folder, without the files that are named."""

    def write(*without: str) -> Path:
        run = tmp_path / "run"
        run.mkdir()
        config = {"seed_everything": 7, "model": {"lr": 0.003}}
        rows = [["epoch", "step", "train/loss", "val/auc", "val/log_loss"]]
        for epoch in range(4):
            auc = 0.74 - 0.01 * abs(epoch - 2)
            rows += [
                [epoch, epoch * 25, "", auc, 0.6 - 0.01 * epoch],
                [epoch, epoch * 25, 0.6 - 0.02 * epoch, "", ""],
            ]
        (run / "config.yaml").write_text("# made by hand\n" + yaml.safe_dump(config), "utf-8")
        with (run / "metrics.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        (run / "evaluation.json").write_text(json.dumps(evaluation), "utf-8")
        (run / "mastery.json").write_text(json.dumps(mastery), "utf-8")
        (run / "vocabulary.json").write_text(
            json.dumps({"item": [f"item {step}" for step in range(STEPS)], "skill": SKILLS}),
            "utf-8",
        )
        for name in without:
            (run / name).unlink()
        return run

    return write
