"""The example of neural collaborative filtering, in small and in this process."""

import json
import runpy
from pathlib import Path

import torch

from tests.conftest import FAST
from torchedu.checkpoints import open_checkpoint
from torchedu.cli import main
from torchedu.tasks import open_task

SCRIPT = Path(__file__).parent.parent.parent / "examples" / "ncf_courses" / "train.py"


def test_neumf_begins_from_both_halves_and_is_scored(enrolment_store: Path, tmp_path: Path) -> None:
    stages = runpy.run_path(str(SCRIPT))["stages"]
    quick = ["--trainer.devices", "1", "--data.batch_size", "64", *FAST]
    quick += ["--trainer.max_epochs", "1"]
    *halves, whole = stages(str(enrolment_store), tmp_path, quick)
    for words in halves:
        assert main(words) == 0
    # No step is taken from here: what it begins from can be seen.
    assert main([*whole, "--model.lr", "1e-12"]) == 0
    gmf, neumf = (open_task(open_checkpoint(tmp_path / name)).net for name in ("gmf", "neumf"))
    assert torch.allclose(neumf.gmf.student.weight, gmf.student.weight, atol=1e-6)
    rows = json.loads((tmp_path / "neumf" / "evaluation.json").read_text("utf-8"))["scores"]
    assert rows[0]["name"] == "NeuMF"
    assert {"popularity", "EASE", "next-course ridge"} <= {row["name"] for row in rows}
