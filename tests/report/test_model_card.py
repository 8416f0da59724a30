"""A model card from any run: answers, courses, risks, and one that has not been scored."""

import json
from pathlib import Path

import pytest

from torchedu.errors import DataError
from torchedu.report.folder import read_run
from torchedu.report.model_card import model_card


def test_a_card_of_knowledge_tracing_has_its_scores(trained_run: Path) -> None:
    card = model_card(read_run(trained_run))
    assert card.startswith("# Model card: ItemDKT\n")
    assert "- not for: To mark a student." in card
    assert "| ItemDKT | network |" in card
    assert "- seed: 0" in card
    assert (trained_run / "model_card.md").read_text("utf-8") == card


def test_a_run_that_was_not_scored_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed_everything: 3\n")
    card = model_card(read_run(tmp_path))
    assert "Not evaluated yet" in card
    assert "- seed: 3" in card
    assert "Not audited" in card


def test_names_cannot_break_the_table(tmp_path: Path) -> None:
    found = {
        "task": "AtRisk", "data": "a|b", "split": "test", "counts": {"students": 3},
        "columns": {"auc25": "AUC\nat 25 %"},
        "scores": [{"name": "<b>|net|", "kind": "network", "auc25": None}], "sections": [],
    }  # fmt: skip
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    card = model_card(read_run(tmp_path))
    assert "| \\<b\\>\\|net\\| | network | – |" in card
    assert "a\\|b" in card


@pytest.mark.parametrize(
    "fairness",
    [
        {"attributes": {}},
        {"words": ["fair"], "attributes": []},
        {"words": 3, "attributes": {}},
        {"words": [], "attributes": {"gender": {"groups": [{"group": "f", "too_few": True}]}}},
        {"words": [], "attributes": {"gender": {"groups": [{"too_few": False, "students": 3}]}}},
    ],
)
def test_an_audit_of_another_form_is_told(tmp_path: Path, fairness: object) -> None:
    found = {
        "data": "a", "split": "test", "counts": {}, "columns": {}, "scores": [], "sections": [],
        "fairness": fairness,
    }  # fmt: skip
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match=r"evaluation\.json"):
        model_card(read_run(tmp_path))
