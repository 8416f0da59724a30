"""A run's folder as training and testing leave it, without having trained."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchedu.sections import (
    Band,
    Dot,
    Dots,
    HeatMap,
    Line,
    Lines,
    Section,
    Stripes,
    Table,
    Text,
)

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


def ranking() -> Lines:
    x, y = [0, 0.1, 0.4, 1], [0, 0.4, 0.8, 1]
    lines = [Line("ItemDKT", x, y, "network", "0.738"), Line("Best-LR", x, y, "baseline", "0.706")]
    return Lines("false alarms", "found", lines, square=True)


def trust() -> Lines:
    line = Line("ItemDKT", [0.2, 0.5, 0.8], [0.25, 0.5, 0.75], "network")
    return Lines("predicted", "observed", [line], counts=[100, 900, 400], counted="answers",
                 square=True)  # fmt: skip


def by_group() -> Dots:
    dots = [Dot(name, {"ItemDKT": auc}, n, "gender") for name, auc, n in
            (("f", 0.74, 210), ("m", 0.73, 180), ("x", None, 2))]  # fmt: skip
    return Dots("AUC", "ItemDKT", dots, overall=0.738, wide=False)


def by_tag() -> Dots:
    return Dots("F1", "ItemDKT", [Dot("a", {"ItemDKT": 0.5, "SVM": None}, 9)])


def mastery() -> HeatMap:
    values = [[0.1 * k + 0.05 * step for step in range(STEPS)] for k in range(3)]
    marks = [(step % 2, step, step % 3 > 0) for step in range(STEPS)]
    return HeatMap("answer", ["fractions", "decimals", "ratios"], values, 4, marks)


def lesson() -> Stripes:
    teacher = {"network": [1, -1, 0, 0], "people": [1, -1, 0, 1]}
    student = {"network": [-1, 0, -1, -1]}
    bands = [Band("teachers", ["none", "press"], teacher, 0), Band("students", ["claim"], student)]
    return Stripes("words", [4, 2, 0, 6], bands)


def risk() -> Lines:
    line = Line("risk", [0, 14, 28], [0.2, 0.6, 0.7], "network")
    return Lines("day", "risk", [line], percent=True, marks=[(14, "missed A"), (28, "missed B")],
                 wide=True)  # fmt: skip


def history() -> Lines:
    lines = [Line("ItemDKT", [0, 1, 2], [0.65, None, 0.75], "network")]
    return Lines("earlier answers", "AUC", lines, ticks=["0", "1–9", "10+"], counts=[9, 9, 9],
                 counted="answers")  # fmt: skip


@pytest.fixture
def sections() -> list[Section]:
    table = Table(["group", "students", "AUC"], [["f", 1210, 0.74], ["x", 2, None]], "gender")
    said = Text("How many?", {"the network": "Three.", "the tutor": "Four."})
    return [
        Section("Ranking and trust", "Two pictures.", [ranking(), trust()]),
        Section("By length of history", "Early and late.", [history()]),
        Section("By student group", "Small groups\ndiffer.", [by_group(), table]),
        Section("Tag by tag", "F1.", [by_tag()]),
        Section("Mastery", "Student 1f3a9c.", [mastery()]),
        Section("One lesson", "From begin to end.", [lesson()]),
        Section("One risk", "What came:", [risk()]),
        Section("What it says", "To prompts.", [said]),
        Section("Weeks", "There is none.", lacking=True),
    ]


@pytest.fixture
def evaluation(sections: list[Section]) -> dict[str, Any]:
    return {
        "task": "KnowledgeTracing",
        "use_for": "To foretell.",
        "not_for": "To mark a student.",
        "split": "test",
        "data": "simulated class",
        "counts": {"students": 400, "answers": 23950},
        "facts": {"skills": 3},
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
        "origin": 0.5,
        "lower": False,
        "best": ["ItemDKT"],
        "lead": "ItemDKT reaches an AUC of 0.738.",
        "sections": [section.to_json() for section in sections],
    }


@pytest.fixture
def write_run(tmp_path: Path, evaluation: dict[str, Any]) -> Callable[..., Path]:
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
        for name in without:
            (run / name).unlink()
        return run

    return write
