"""A model card from any run: answers, courses, risks, and one that has not been scored."""

import json
from pathlib import Path

from torchedu.report.folder import read_run
from torchedu.report.model_card import model_card
from torchedu.report.risks import draw_risks
from torchedu.report.style import drawing


def test_a_card_of_knowledge_tracing_has_its_scores(trained_run: Path) -> None:
    card = model_card(read_run(trained_run))
    assert card.startswith("# Model card: ItemDKT\n")
    assert "Not to mark a student" in card
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
        "scores": [{"name": "<b>|net|", "kind": "network", "auc25": None}],
    }  # fmt: skip
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    card = model_card(read_run(tmp_path))
    assert "| \\<b\\>\\|net\\| | network | – |" in card
    assert "a\\|b" in card


def test_what_an_evaluation_lacks_is_not_drawn() -> None:
    with drawing():
        assert draw_risks({}) == []
        weeks = [{"week": 2, "students": 5, "auc": None}, {"week": 4, "students": 5, "auc": 0.7}]
        (picture,) = draw_risks({"by_week": weeks})
    assert picture.name == "weeks"
    assert "week 4: 0.700" in picture.alt
    assert "week 2" not in picture.alt
