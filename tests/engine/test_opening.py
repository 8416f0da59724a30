"""What opens as an engine, and what need not be imported for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.engine import open_engine
from torchedu.errors import CheckpointError

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


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        open_engine(tmp_path / "nothing")
