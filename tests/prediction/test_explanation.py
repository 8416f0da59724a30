import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from torchedu.cli import main


def test_every_conversation_of_the_test_part_is_answered_and_checked(
    explaining_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(explaining_run), "--trainer.accelerator", "cpu"]) == 0
    (file,) = explaining_run.glob("predict-*/explanations.parquet")
    rows = pq.read_table(file).to_pylist()
    assert len(rows) == 6
    assert f"{len(rows)} explanations" in capsys.readouterr().out
    for row in rows:
        assert row["prompt"].startswith("Problem: Ann has")
        assert row["tutor"].endswith(f"#### {row['answer']}")
        assert row["right"] is not None
        assert row["explanation"]


def test_the_scores_stand_beside_those_of_counting(explaining_run: Path) -> None:
    told = json.loads((explaining_run / "evaluation.json").read_text("utf-8"))
    names = [row["name"] for row in told["scores"]]
    assert names == ["CausalLM", "Kneser-Ney 1-grams", "Kneser-Ney 5-grams"]
    assert told["counts"]["conversations"] == 6
    costs = {row["name"]: row["cost"] for row in told["scores"]}
    assert 0 < costs["Kneser-Ney 5-grams"] < costs["Kneser-Ney 1-grams"]
