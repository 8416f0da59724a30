"""A checkpoint opens without a trainer, and without Lightning."""

import subprocess
import sys
from pathlib import Path

import pytest

from torchedu import Interactions, KnowledgeTracing, trainer
from torchedu.checkpoints import read_checkpoint
from torchedu.domains import Tracing, open_domain
from torchedu.errors import CheckpointError
from torchedu.models import DKT
from torchedu.run_folder import RunFolder


def test_a_run_opens_without_lightning(class_store: Path, tmp_path: Path) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(DKT, data.num_items, data.num_skills)
    run = tmp_path / "run"
    trainer(str(run), max_epochs=1, accelerator="cpu", devices=1).fit(task, datamodule=data)
    domain = open_domain(run)
    assert type(domain) is Tracing
    assert domain.vocabulary == data.vocabulary
    read = read_checkpoint(RunFolder(run).best)
    weights = {**read.content["state_dict"], "net.another": read.content["epoch"]}
    without = {name: value for name, value in read.content.items() if name != "domain"}
    for content in (without, {**read.content, "state_dict": weights}):
        with pytest.raises(CheckpointError, match="cannot be opened as a task of torchedu"):
            open_domain(read._replace(content=content))
    code = (
        "import sys; from torchedu.domains import open_domain; "
        f"print(type(open_domain({str(run)!r})).__name__, 'lightning' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["Tracing", "False"]
