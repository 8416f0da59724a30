import csv
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.batch import AnswerBatch
from torchedu.callbacks import GradientGuard
from torchedu.callbacks.gradients import layers, norms
from torchedu.errors import ConfigError, TrainingError, command_line


class Poison(Callback):
    """Turns a mark of one window of each of some batches into NaN."""

    def __init__(self, *batches: int, row: int = 2) -> None:
        self.batches = batches
        self.row = row
        self.students: list[int] = []

    def on_train_batch_start(
        self, trainer: Trainer, module: Any, batch: AnswerBatch, batch_idx: int
    ) -> None:
        if trainer.fit_loop.epoch_loop.total_batch_idx in self.batches:
            batch.correct_BL[self.row, 0] = float("nan")
            self.students.append(int(batch.student_B[self.row]))


def train(
    store: Path,
    *callbacks: Callback,
    kind: type[ItemDKT] = ItemDKT,
    logger: Any = False,
    task: type[KnowledgeTracing] = KnowledgeTracing,
    **trainer: Any,
) -> tuple[KnowledgeTracing, Trainer]:
    seed_everything(0, verbose=False)
    data = Interactions(str(store), batch_size=8)
    module = task(partial(kind, dim=8), data.num_items, data.num_skills)
    stock = Trainer(
        accelerator="cpu",
        callbacks=list(callbacks),
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        **{"max_epochs": 1, **trainer},
    )
    stock.fit(module, datamodule=data)
    return module, stock


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_stock_trainer_stops_before_the_step_and_names_the_sample(
    class_store: Path, accumulate: int
) -> None:
    poison, seen = Poison(accumulate * 3), {}

    class Watch(Callback):
        def on_exception(self, trainer: Trainer, module: Any, error: BaseException) -> None:
            seen["steps"] = trainer.global_step
            seen["finite"] = all(p.isfinite().all() for p in module.parameters())

    with pytest.raises(TrainingError) as told:
        train(class_store, poison, Watch(), accumulate_grad_batches=accumulate)
    (student,) = poison.students
    assert "step 4:" in told.value.problem
    assert f"because of student row {student} (answers 0 to" in told.value.problem
    assert told.value.problem.count("answers") == 1, "the others of its batch are not to blame"
    assert "--gradients.non_finite skip" in told.value.render(command_line)
    assert seen == {"steps": 3, "finite": True}


def test_a_step_can_be_passed_over(class_store: Path) -> None:
    poison = Poison(2, 3)
    guard = GradientGuard(non_finite="skip")
    with pytest.warns(UserWarning, match="passed over") as warned:
        task, trainer = train(class_store, poison, guard)
    said = [str(one.message) for one in warned]
    assert len([text for text in said if "the step was passed over" in text]) == 2
    assert said[-1] == "2 steps were not finite and were passed over."
    assert guard.skipped == 2
    assert all(parameter.isfinite().all() for parameter in task.parameters())
    assert trainer.global_step == 7  # they count as steps, so that a schedule ends where it says


def test_a_step_that_is_passed_over_changes_nothing(class_store: Path) -> None:
    weights = {}

    class Watch(Callback):
        def on_train_batch_end(
            self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            weights[batch_idx] = [p.clone() for p in module.parameters()]

    with pytest.warns(UserWarning, match="passed over"):
        train(class_store, Poison(3), Watch(), GradientGuard(non_finite="skip"))
    assert all(torch.equal(a, b) for a, b in zip(weights[2], weights[3], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[3], weights[4], strict=True))


class Fused(KnowledgeTracing):
    """Steps by an optimizer that passes over a step by itself."""

    fused = True

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), 0.01, fused=self.fused)


class Plain(Fused):
    fused = False


def kept(trainer: Trainer, module: nn.Module) -> list[torch.Tensor]:
    """Return copies of the weights and of what the optimizer knows of them."""
    (optimizer,) = trainer.optimizers
    known = [state[name] for state in optimizer.state.values() for name in sorted(state)]
    return [tensor.detach().clone() for tensor in (*module.parameters(), *known)]


@pytest.mark.parametrize("task", [Plain, Fused])
def test_neither_weights_nor_optimizer_know_of_a_step_that_was_passed_over(
    class_store: Path, task: type[KnowledgeTracing]
) -> None:
    states, skipped = [], []
    guard = GradientGuard("skip")

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, module: Any, *batch: object) -> None:
            states.append(kept(trainer, module))
            skipped.append(guard.skipped)

    with pytest.warns(UserWarning, match="passed over") as warned:
        train(class_store, Poison(3), Watch(), guard, task=task)
    same = [all(map(torch.equal, a, b)) for a, b in pairwise(states)]
    assert same == [False, False, True, False, False, False]
    late = task is Fused
    assert skipped == [0, 0, 0, 1 - late, 1, 1, 1], "no step waits for the one before it"
    assert any(str(each.message).startswith("step 4: loss") for each in warned)


def test_steps_that_are_finite_are_those_of_the_optimizer_alone(class_store: Path) -> None:
    class Blind(GradientGuard):
        def on_before_optimizer_step(self, *step: object) -> None:
            pass

    ends = []
    for guard in (Blind(), GradientGuard()):
        task, trainer = train(class_store, guard, task=Fused)
        ends.append(kept(trainer, task))
    assert all(map(torch.equal, *ends))


def test_a_step_that_is_told_of_later_stops_before_another_or_a_checkpoint(
    class_store: Path,
) -> None:
    poison, seen = Poison(3), {}

    class Watch(Callback):
        def on_exception(self, trainer: Trainer, module: Any, error: BaseException) -> None:
            seen["steps"] = trainer.global_step
            seen["finite"] = all(p.isfinite().all() for p in module.parameters())

    with pytest.raises(TrainingError, match="step 4:") as stopped:
        train(class_store, poison, Watch(), task=Fused)
    (student,) = poison.students
    assert f"because of student row {student} (answers 0 to" in stopped.value.problem
    assert seen == {"steps": 4, "finite": True}
    guard = GradientGuard()
    with pytest.raises(TrainingError, match="step 7:"):
        train(class_store, Poison(6), guard, task=Fused)
    assert guard.state_dict()["skipped"] == 0


def test_too_many_in_a_row_end_training(class_store: Path) -> None:
    with (
        pytest.warns(UserWarning, match="passed over"),
        pytest.raises(TrainingError, match="after 2 that were passed over"),
    ):
        train(class_store, Poison(*range(7)), GradientGuard("skip", most_skipped=2))


def test_a_gradient_alone_names_its_sample_too(class_store: Path) -> None:
    class Spoil(Poison):
        """Makes the gradient of one window infinite, and leaves its loss as it is."""

        def on_train_batch_start(
            self, trainer: Trainer, module: Any, batch: AnswerBatch, batch_idx: int
        ) -> None:
            if batch_idx == 1:
                student = int(batch.student_B[self.row])
                self.students.append(student)
                plain = module.loss

                def loss(batch: AnswerBatch) -> tuple[torch.Tensor, torch.Tensor]:
                    loss_B, count_B = plain(batch)
                    # The root of zero has an infinite slope; that of 1 has none to hand on.
                    mine_B = batch.student_B == student
                    root_B = torch.where(mine_B, loss_B - loss_B.detach(), 1).abs().sqrt()
                    return loss_B + root_B, count_B

                module.loss = loss

    spoil = Spoil()
    with pytest.raises(TrainingError, match="because of student row") as told:
        train(class_store, spoil)
    assert f"student row {spoil.students[0]} " in told.value.problem
    assert told.value.problem.count("student row") == 1


class ReadsHowLongItTakes(ItemDKT):
    """Is given the response times, which nobody knows here: NaN all."""

    reads = ("response_time",)


@pytest.mark.parametrize("kind", [ItemDKT, ReadsHowLongItTakes])
def test_where_most_samples_break_the_learning_rate_is_to_blame(
    class_store: Path, kind: type[ItemDKT]
) -> None:
    class Jump(Callback):
        """Puts the weights where a huge learning rate would."""

        def on_train_batch_start(self, trainer: Trainer, module: Any, *batch: object) -> None:
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter *= 1e30

    with pytest.raises(TrainingError, match="the learning rate is too high") as told:
        train(class_store, Jump(), kind=kind)
    assert "student row" not in told.value.problem
    assert told.value.remedy.startswith("Lower the learning rate")


def test_norms_are_logged_by_layer(class_store: Path, tmp_path: Path) -> None:
    log = CSVLogger(tmp_path, name="", version="")
    train(class_store, logger=log, log_every_n_steps=3)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("grad/lstm")]
    assert [row["step"] for row in rows] == ["2", "5"]
    assert all(float(row["grad/lstm"]) > 0 for row in rows)
    assert {"grad/lstm", "grad/asked", "grad/counted.0", "grad/counted.2"} <= set(rows[0])


def test_a_norm_far_above_those_before_is_told_of_once_in_a_while(class_store: Path) -> None:
    class Push(Callback):
        def on_after_backward(self, trainer: Trainer, module: Any) -> None:
            if trainer.global_step in (25, 26):
                module.net.lstm.weight_ih_l0.grad.mul_(1e6)

    with pytest.warns(UserWarning, match="norm") as warned:
        train(class_store, Push(), GradientGuard(spike=50), max_epochs=5)
    (said,) = (str(one.message) for one in warned if "norm" in str(one.message))
    assert said.startswith("step 26: the gradient's norm is ")
    assert "most of all in lstm" in said


def test_quiet_training_raises_no_alarm(class_store: Path) -> None:
    train(class_store, max_epochs=6)  # warnings are errors


def test_alerts_go_on_from_their_state() -> None:
    one, other = GradientGuard(), GradientGuard()
    one._norms.extend([[1.0, 2.0], [3.0, 4.0]])
    one.skipped = 3
    other.load_state_dict(one.state_dict())
    assert list(other._norms) == list(one._norms)
    assert other.state_dict() == one.state_dict()


def test_layers_are_children_and_blocks_of_lists() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(3, 2)
            self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
            self.frozen = nn.Linear(2, 2).requires_grad_(False)

    net = Net()
    found = layers(net)
    assert list(found) == ["table", "blocks.0", "blocks.1"]
    net.table(torch.tensor([1])).sum().backward()
    assert norms([found["table"], found["blocks.0"]]).tolist() == pytest.approx([2**0.5, 0])


def test_a_sparse_gradient_has_the_norm_of_a_dense_one() -> None:
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 1, 3])).sum().backward()
    assert float(norms([[table.weight]])) == pytest.approx((2 * 4 + 2) ** 0.5)


@pytest.mark.parametrize("wrong", [{"non_finite": "ignore"}, {"most_skipped": -1}, {"spike": 1.0}])
def test_a_value_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        GradientGuard(**wrong)
