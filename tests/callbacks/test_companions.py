import json
from functools import partial
from pathlib import Path

import pytest
from lightning import Trainer

from torchedu.callbacks import CompanionsFiles
from torchedu.companions import Companions
from torchedu.datamodules import Interactions
from torchedu.models import DKT
from torchedu.people import People
from torchedu.tasks import KnowledgeTracing


@pytest.mark.parametrize("trial", [False, True])
def test_companions_stand_in_the_run_s_folder(
    class_store: Path, tmp_path: Path, trial: bool
) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[CompanionsFiles()],
        fast_dev_run=trial,
    ).fit(task, datamodule=data)
    file, people = tmp_path / "companions.json", tmp_path / "people.npz"
    if trial:
        assert not file.exists()
        assert not people.exists()
    else:
        assert Companions.read(file) == task.companions
        assert json.loads(file.read_text("utf-8"))["vocabulary"] == data.vocabulary.to_json()
        assert len(People.read(people).train.digest) == len(data.parts["train"].student)
