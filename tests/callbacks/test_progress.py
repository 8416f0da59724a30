import re
import sys
from functools import partial
from pathlib import Path

import pytest
from lightning import Trainer

from torchedu.callbacks import AnswersProgressBar
from torchedu.datamodules import Interactions
from torchedu.models import DKT
from torchedu.tasks import KnowledgeTracing


def fit(store: Path, bar: AnswersProgressBar, **other: object) -> Trainer:
    data = Interactions(str(store), batch_size=10)
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[bar],
        **{"max_epochs": 2, **other},  # type: ignore[arg-type]
    )
    trainer.fit(task, datamodule=data)
    return trainer


def test_without_a_terminal_it_prints_a_line_an_epoch(
    class_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(class_store, AnswersProgressBar())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1 of 2: answers/s ")
    assert lines[1].startswith("epoch 2 of 2: answers/s ")
    assert "val/auc 0." in lines[0]
    assert "train/loss 0." in lines[1]


def test_a_run_without_an_end_says_so(
    class_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(class_store, AnswersProgressBar(), max_epochs=-1, max_steps=8)
    assert "epoch 1 of ?:" in capsys.readouterr().out


def test_it_counts_the_answers_of_the_epoch(class_store: Path) -> None:
    bar = AnswersProgressBar()
    trainer = fit(class_store, bar)
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert trainer.lightning_module.counted == data.parts["train"].num_answers
    assert set(bar.get_metrics(trainer, trainer.lightning_module)) == {
        "answers/s",
        "train/loss",
        "val/auc",
    }


def test_a_terminal_of_80_columns_has_one_line_that_counts_epochs_from_1(
    class_store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    bar = AnswersProgressBar()
    bar._console_kwargs = {"force_terminal": True, "width": 80}
    fit(class_store, bar)
    frames = capsys.readouterr().out.split("\r\x1b[2K")
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).rstrip() for frame in frames]
    shown = [frame for frame in plain if frame.startswith(("epoch", "Validation"))]
    assert any(frame.startswith("epoch 1 of 2") for frame in shown)
    assert [frame for frame in shown if "\n" in frame or "epoch 0" in frame] == []
    assert max(map(len, shown)) <= 80
