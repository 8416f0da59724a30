from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.datamodules import Interactions
from torchedu.domains import Schedule
from torchedu.domains.building import class_path
from torchedu.errors import ConfigError
from torchedu.models import DKT
from torchedu.tasks import KnowledgeTracing


def fitted(store: Path, *callbacks: Callback, **other: object) -> tuple[KnowledgeTracing, Trainer]:
    data = Interactions(str(store), batch_size=10)
    torch.manual_seed(0)
    task = KnowledgeTracing(
        partial(DKT, dim=4),
        data.num_items,
        data.num_skills,
        **other,  # type: ignore[arg-type]
    )
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )
    trainer.fit(task, datamodule=data)
    return task, trainer


def test_the_optimizer_is_adamw_with_what_was_asked(class_store: Path) -> None:
    _, trainer = fitted(class_store, lr=0.003, weight_decay=0.2)
    (optimizer,) = trainer.optimizers
    assert isinstance(optimizer, torch.optim.AdamW)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.003, 0.2)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_schedule_ends_where_it_says(class_store: Path, schedule: Schedule) -> None:
    rates: list[float] = []

    class Watch(Callback):
        def on_train_batch_start(self, trainer: Trainer, *args: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    fitted(class_store, Watch(), lr=0.003, schedule=schedule)
    assert len(rates) == 12
    if schedule == "constant":
        assert set(rates) == {0.003}
    else:
        assert max(rates) == pytest.approx(0.003, rel=0.05)
        assert rates.index(max(rates)) <= 2
        assert rates[-1] < 1e-6


@pytest.mark.parametrize("steps", [1, 5, 10, 20])
def test_a_schedule_of_few_steps_is_no_trouble(steps: int) -> None:
    task = KnowledgeTracing(partial(DKT, dim=4), 5, 5, schedule="one_cycle")
    task._trainer = SimpleNamespace(estimated_stepping_batches=steps)  # type: ignore[assignment]
    assert task.configure_optimizers()["lr_scheduler"]["scheduler"].total_steps == steps


@pytest.mark.parametrize("stage", ["fit", "validate", "predict"])
def test_a_task_refuses_loaders_without_the_data_that_they_are_of(
    class_store: Path, stage: str
) -> None:
    data = Interactions(str(class_store), batch_size=10)
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False,
    )  # fmt: skip
    loaders = [data.val_dataloader()] * (2 if stage == "fit" else 1)
    with pytest.raises(ConfigError, match="is given loaders alone") as told:
        getattr(trainer, stage)(task, *loaders)
    assert f"trainer.{stage}(task, datamodule=data)" in told.value.remedy
    assert "torchedu.datamodules.Interactions" in told.value.remedy


def test_a_task_that_has_met_data_takes_loaders(class_store: Path) -> None:
    task, trainer = fitted(class_store)
    loader = Interactions(str(class_store)).val_dataloader()
    trainer.datamodule = None  # type: ignore[attr-defined]
    assert trainer.validate(task, loader, verbose=False)[0]["val/auc"] > 0


def test_a_test_of_other_parts_leaves_out_whom_training_has_used(class_store: Path) -> None:
    task, trainer = fitted(class_store)
    data = Interactions(str(class_store), seed=1)
    trainer.test(task, datamodule=data, verbose=False)
    assert data.left_out["test"] > 0


def test_what_is_logged_has_the_parts_name(class_store: Path) -> None:
    _, trainer = fitted(class_store)
    logged = set(trainer.callback_metrics)
    assert {"train/loss", "val/auc", "val/auc_within", "val/log_loss", "val/accuracy"} <= logged
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(0.69, abs=0.1)


def test_a_class_is_named_by_its_import_path() -> None:
    assert class_path(KnowledgeTracing) == "torchedu.tasks.tracing.KnowledgeTracing"
