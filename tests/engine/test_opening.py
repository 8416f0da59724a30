"""What opens as an engine, and what need not be imported for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.engine import open_engine
from torchedu.errors import CheckpointError
from torchedu.export import export_network

CODE = """
import sys
from torchedu import open_engine
engine = open_engine(sys.argv[1])
engine.answer("ann", next(iter(engine.companions.vocabulary["item"])), 1)
print([name for name in ("lightning", "pyarrow", "torchmetrics") if name in sys.modules])
"""


def test_neither_trainer_nor_files_are_imported_to_answer(trained_run: Path) -> None:
    words = [sys.executable, "-c", CODE, str(trained_run)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_export_answers_as_its_run_does(trained_run: Path, tmp_path: Path) -> None:
    export_network(trained_run, tmp_path / "export")
    run, checkpoint, export = (
        open_engine(path)
        for path in (trained_run, trained_run / "checkpoints" / "best.ckpt", tmp_path / "export")
    )
    items = list(run.companions.vocabulary["item"])
    for engine in (run, checkpoint, export):
        engine.answer_many([{"student": "ann", "item": item, "correct": 1} for item in items])
    assert run.predict("ann", items) == export.predict("ann", items)
    assert run.state("ann") == checkpoint.state("ann") == export.state("ann")  # one digest


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        open_engine(tmp_path / "nothing")
