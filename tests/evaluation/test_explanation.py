import json
from pathlib import Path

import pytest


def test_the_scores_stand_beside_those_of_counting(explaining_run: Path) -> None:
    told = json.loads((explaining_run / "evaluation.json").read_text("utf-8"))
    names = [row["name"] for row in told["scores"]]
    assert names == ["CausalLM", "Kneser-Ney 1-grams", "Kneser-Ney 5-grams"]
    assert told["counts"]["conversations"] == 6
    costs = {row["name"]: row["cost"] for row in told["scores"]}
    assert 0 < costs["Kneser-Ney 5-grams"] < costs["Kneser-Ney 1-grams"]


def test_the_report_shows_examples(explaining_run: Path) -> None:
    told = json.loads((explaining_run / "evaluation.json").read_text("utf-8"))
    examples, _ = told["sections"]
    assert len(examples["forms"]) == 3
    page = (explaining_run / "report.html").read_text("utf-8")
    for one in examples["forms"]:
        assert one["title"].splitlines()[0] in page
        assert one["said"]["the tutor"].splitlines()[0] in page
    assert "Lines of loss over 2 epochs: training" in page
    assert "validation from" in page
    assert "Left out" not in page  # it lacks nothing that such a run has
    assert "- epochs: 2" in (explaining_run / "model_card.md").read_text("utf-8")


def test_the_interval_is_over_conversations(explaining_run: Path) -> None:
    told = json.loads((explaining_run / "evaluation.json").read_text("utf-8"))
    costs = {row["name"]: row["cost"] for row in told["scores"]}
    sure = told["sure"]
    assert sure["against"] == "Kneser-Ney 5-grams"
    # The same tokens are scored: the mean of conversations is the mean that was logged.
    assert sure["score"]["value"] == pytest.approx(costs["CausalLM"], rel=1e-4)
    lead = costs["Kneser-Ney 5-grams"] - costs["CausalLM"]
    assert sure["lead"]["value"] == pytest.approx(lead, abs=1e-4)
    for told_of in sure.values():
        if isinstance(told_of, dict):
            assert told_of["low"] < told_of["value"] < told_of["high"]
    assert told["surely"].startswith("With other conversations of this kind the loss")
    assert "Kneser-Ney" in told["surely"]
