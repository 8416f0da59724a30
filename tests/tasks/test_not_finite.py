"""What a network gives that is not finite is neither scored nor predicted, whatever the task."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.plugins import MixedPrecision

from torchedu.datamodules import Enrolments, Interactions
from torchedu.datamodules.base import DataModule
from torchedu.errors import TrainingError
from torchedu.models import GRU4Rec, ItemDKT
from torchedu.prediction.stream import predicted
from torchedu.tasks import CourseRecommendation, KnowledgeTracing, Task


def trainer(**more: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=1,
        **more,
    )


def tracing(store: Path) -> tuple[Task, DataModule]:
    data = Interactions(str(store), batch_size=16)
    return KnowledgeTracing(partial(ItemDKT, dim=8), data.num_items, data.num_skills), data


def courses(store: Path) -> tuple[Task, DataModule]:
    data = Enrolments(str(store))
    net = partial(GRU4Rec, dim=8)
    return CourseRecommendation(net, data.num_items, data.num_students, data.num_groups), data


def spoil(monkeypatch: pytest.MonkeyPatch, task: Task, method: str, with_: float) -> None:
    """Make one number of what a method of the network gives in evaluation another one."""
    plain = getattr(task.net, method)

    def spoilt(*arguments: Any) -> torch.Tensor:
        given: torch.Tensor = plain(*arguments)
        if not task.net.training:
            given = given.clone()
            given[0, -1] = with_
        return given

    monkeypatch.setattr(task.net, method, spoilt)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", ["tracing", "courses", "logits of courses"])
@pytest.mark.parametrize("step", ["fit", "validate", "test", "predict"])
def test_nothing_is_said_of_a_part_with_such_a_row(
    class_store: Path,
    enrolment_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
    kind: str,
    step: str,
) -> None:
    task, data = tracing(class_store) if kind == "tracing" else courses(enrolment_store)
    spoil(monkeypatch, task, "logits" if kind.startswith("logits") else "forward", value)
    run = partial(getattr(trainer(), step), task, datamodule=data)
    if step == "predict":
        run = partial(predicted, task, data, "test", trainer())
    with pytest.raises(TrainingError, match="is not finite") as told:
        run()
    assert "student row " in told.value.problem
    assert "nothing is said" in told.value.problem
    assert task.finite is None, "the next batch is one of training, where nobody asks"


def test_finite_rows_are_not_named(class_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, data = tracing(class_store)
    spoil(monkeypatch, task, "forward", float("nan"))
    stock = trainer()
    with pytest.raises(TrainingError) as told:
        stock.test(task, datamodule=data)
    batches = len(data.test_dataloader())
    assert f"for {batches} rows of the test part" in told.value.problem


def test_half_precision_that_overflows_is_told_as_that(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, data = tracing(class_store)
    plain = task.net.forward

    def large(batch: Any) -> torch.Tensor:
        return (plain(batch).unsqueeze(-1) @ torch.full((1, 1), 1e6)).squeeze(-1)

    monkeypatch.setattr(task.net, "forward", large)
    trainer().validate(task, datamodule=data, verbose=False)
    half = trainer(plugins=[MixedPrecision("16-mixed", "cpu")])
    with pytest.raises(TrainingError) as told:
        half.validate(task, datamodule=data, verbose=False)
    assert "numbers of 16-mixed end at 65,504" in told.value.remedy
    assert "32-true" in told.value.remedy
