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
