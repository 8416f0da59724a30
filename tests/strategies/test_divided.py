"""What must hold besides where several devices share a network."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from tests.strategies.runs import (
    Run,
    Seen,
    apart,
    assert_equal,
    losses_apart,
    train,
    train_each,
)
from torchedu import DKT, SAKT, Interactions, KnowledgeTracing
from torchedu.callbacks import GradientGuard
from torchedu.checkpoints import VerifiedCheckpointIO, read_checkpoint
from torchedu.cli import main
from torchedu.errors import ConfigError, TrainingError
from torchedu.parallel import blocks, check_divisible, tensor_styles
from torchedu.prediction.stream import predicted
from torchedu.run import RunConfig, build
from torchedu.strategies.fsdp import FSDP
from torchedu.strategies.named import strategy_class
from torchedu.strategies.tensor import Tensor as TensorStrategy
from torchedu.testing.launch import LaunchServer

SECONDS = 100.0
CLIPPED = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05, "max_steps": 4}
ACCUMULATED = {"accumulate_grad_batches": 2, "max_steps": 4}


def runs() -> dict[str, Run]:
    """Return what is trained on two ranks."""
    return {
        **{f"{name} clipped": Run("SAKT", name, more=CLIPPED) for name in ("fsdp", "tensor")},
        **{
            f"{name} rounded": Run("SAKT", name, {"bf16_gradients": True}, sgd=True)
            for name in ("ddp", "fsdp")
        },
        **{
            f"{name} true": Run("SAKT", name, precision="bf16-true", sgd=True)
            for name in ("fsdp", "tensor")
        },
        "fsdp number": Run("LogisticDKT", "fsdp", sgd=True, more=ACCUMULATED),
    }


@pytest.fixture(scope="module")
def one(class_store: Path, launch: LaunchServer) -> dict[str, Seen]:
    asked = {
        "clipped": Run("SAKT", more=CLIPPED),
        "rounded": Run("SAKT", sgd=True),
        "true": Run("SAKT", precision="bf16-true", sgd=True),
        "number": Run("LogisticDKT", sgd=True, more=ACCUMULATED),
    }
    started = launch.start(train_each, class_store, list(asked.values()))
    assert started.wait(SECONDS) == [0], started.output()
    return dict(zip(asked, started.result(), strict=True))


@pytest.fixture(scope="module")
def two(class_store: Path, launch: LaunchServer) -> dict[str, Seen]:
    started = launch.start(train_each, class_store, list(runs().values()), ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output() + started.output(1)
    return dict(zip(runs(), started.result(), strict=True))


@pytest.mark.parametrize("case", runs())
def test_the_trainer_s_options_hold(case: str, one: dict[str, Seen], two: dict[str, Seen]) -> None:
    seen, wanted = two[case], one[case.split()[1]]
    if case.endswith("number"):
        assert_equal(seen, wanted)
    elif case.endswith("clipped"):
        assert losses_apart(seen.losses, wanted.losses) <= 1e-5
        assert apart(seen.gradients, wanted.gradients) <= 1e-6
    else:  # eight bits are kept
        assert 1e-5 < apart(seen.gradients, wanted.gradients) < 5e-2
        assert losses_apart(seen.losses, wanted.losses) < 2e-2


class Spoil(Callback):
    """Makes the second answer sheet of a step useless."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 2 and trainer.global_rank == 0:
            batch.correct_BL[1, 0] = torch.nan
        if trainer.global_step == 2 and isinstance(trainer.strategy, TensorStrategy):
            batch.correct_BL[1, 0] = torch.nan  # both ranks have this batch


def spoilt(store: Path) -> dict[str, Any]:
    """Return what is told of a useless answer, and what is left where such steps are skipped."""
    told: dict[str, Any] = {}
    for name in ("fsdp", "tensor"):
        for skip in (False, True):
            seed_everything(1, verbose=False)
            data = Interactions(str(store), batch_size=8)
            net = partial(SAKT, dim=16, heads=4, blocks=2, dropout=0.2)
            task = KnowledgeTracing(net, data.num_items, data.num_skills)
            guard = GradientGuard("skip" if skip else "stop")
            trainer = quick(name, [Spoil(), guard], max_steps=4)
            try:
                trainer.fit(task, data)
            except TrainingError as error:
                told[name] = str(error)
                continue
            told[f"{name} skipped"] = guard.skipped
            told[f"{name} finite"] = all(bool(one.isfinite().all()) for one in whole(task).values())
    return told


def quick(name: str, callbacks: list[Callback], **more: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=2,
        strategy=strategy_class(name)(),
        callbacks=callbacks,
        plugins=[VerifiedCheckpointIO()],
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


def whole(module: nn.Module) -> dict[str, Tensor]:
    return {
        name: one.full_tensor() if isinstance(one, DTensor) else one.detach()
        for name, one in module.named_parameters()
    }


def test_a_useless_answer_is_named_or_passed_over(class_store: Path, launch: LaunchServer) -> None:
    started = launch.start(spoilt, class_store, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    told = started.result()
    for name in ("fsdp", "tensor"):
        assert "because of student row" in told[name]
        assert told[f"{name} skipped"] == 1
        assert told[f"{name} finite"]


class Copies(Callback):
    """Notes whether what each rank keeps a copy of is the same on all."""

    def __init__(self) -> None:
        self.same: list[bool] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        own = [one.detach() for one in pl_module.parameters() if not isinstance(one, DTensor)]
        flat = torch.cat([one.flatten() for one in own])
        ranks = [torch.empty_like(flat) for _ in range(2)]
        distributed.all_gather(ranks, flat)
        self.same.append(torch.equal(*ranks))


def with_dropout(store: Path, checkpoint: Path) -> tuple[list[bool], int, int]:
    """Train with dropout under tensor, from a checkpoint that ``ddp`` wrote; then predict."""
    train(store, Run("SAKT", "ddp", save=checkpoint))
    seed_everything(1, verbose=False)
    data = Interactions(str(store), batch_size=8, window=16, context=4)
    net = partial(SAKT, dim=16, heads=4, blocks=4, dropout=0.2)
    task = KnowledgeTracing(
        net, data.num_items, data.num_skills, lr=0.01, weight_decay=0.1, schedule="one_cycle"
    )
    copies = Copies()
    trainer = quick("tensor", [copies], max_steps=8)
    trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    trainer.save_checkpoint(checkpoint)
    columns = predicted(task, data, "test", trainer)
    answers = set(zip(columns["student"].tolist(), columns["position"].tolist(), strict=True))
    # The task is a single-device one again, which anyone may use alone.
    assert not any(isinstance(one, DTensor) for one in task.parameters())
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(one, saved[name]) for name, one in task.state_dict().items())
    if trainer.is_global_zero:
        batch = next(iter(data.train_dataloader()))
        assert task.net.cpu()(batch).isfinite().all()
    return copies.same, len(answers), len(columns["student"])


def test_copies_stay_the_same_and_answers_are_predicted_once(
    class_store: Path, launch: LaunchServer, tmp_path: Path
) -> None:
    started = launch.start(with_dropout, class_store, tmp_path / "ddp.ckpt", ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    same, answers, rows = started.result()
    assert same == [True] * 4
    assert answers == rows > 100


def command(store: Path, folder: Path) -> list[int]:
    """Train, score, go on and score by the commands, on one device."""
    words = ["--data.path", str(store), "--run", str(folder), "--trainer.accelerator", "cpu"]
    small = [
        "--model.schedule",
        "constant",
        "--model.net",
        "SAKT",
        "--model.net.dim",
        "8",
        "--model.net.heads",
        "2",
    ]
    sharded = ["--trainer.strategy", "fsdp"]
    for option in ("activation_checkpointing", "sharded_checkpoints"):
        sharded += [f"--trainer.strategy.{option}", "true"]
    codes = [main(["fit", *words, *small, *sharded, "--trainer.max_epochs", "1"])]
    kept = [folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last")]
    assert all(read_checkpoint(file).in_parts for file in kept)
    codes.append(main(["validate", str(folder)]))
    shared = ["--trainer.strategy", "tensor", "--resume", "auto", "--trainer.max_epochs", "2"]
    codes.append(main(["fit", *words, *small, *shared]))
    assert not read_checkpoint(kept[1]).in_parts
    return [*codes, main(["test", str(folder), "--trainer.strategy", "fsdp"])]


def test_commands_take_one_device_too(
    class_store: Path, launch: LaunchServer, tmp_path: Path
) -> None:
    started = launch.start(command, class_store, tmp_path / "run", ranks=1)
    assert started.wait(SECONDS) == [0], started.output()
    assert started.result() == [0, 0, 0, 0], started.output()
    assert "auc" in (tmp_path / "run" / "evaluation.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--trainer.strategy tensor --trainer.strategy.tensor_size 2 --trainer.devices 3", "3 dev"),
        ("--trainer.strategy tensor --trainer.devices 3 --model.net.heads 4", "4 heads"),
        ("--trainer.strategy tensor --trainer.devices 2 --model.net DKT", "repeated blocks"),
        ("--trainer.strategy tensor --trainer.strategy.tensor_size 0", "tensor_size is 0"),
        ("--trainer.strategy tensor --trainer.strategy.data dp", "data"),
        ("--trainer.strategy fsdp --trainer.strategy.replicas 3 --trainer.devices 4", "replicas 3"),
        ("--trainer.strategy fsdp --trainer.strategy.cpu_ofload true", "cpu_offload"),
    ],
)
def test_what_cannot_be_is_told_in_two_lines_before_any_process_starts(
    words: str, said: str, class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    net = [] if "model.net DKT" in words else ["--model.net", "SAKT", "--model.net.dim", "8"]
    usual = ["--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    with pytest.raises(ConfigError) as caught:
        build(RunConfig([*usual, *net, *words.split()]))
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 1


def test_only_a_task_s_network_is_divided() -> None:
    class Other(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

    fsdp = FSDP()
    fsdp.parallel_devices = [torch.device("cpu")]
    with pytest.raises(ConfigError, match="outside"):
        fsdp.check(Other())
    other = Other()
    other.net = nn.Embedding(3, 2, sparse=True)
    with pytest.raises(ConfigError, match=r"outside it: layer\.weight"):
        fsdp.check(other)
    del other.layer
    with pytest.raises(ConfigError, match="sparse"):
        fsdp.check(other)


def test_plans_name_blocks_and_what_is_shared() -> None:
    net = SAKT(9, 9, dim=8, heads=2, blocks=3)
    assert blocks(net) == list(net.attention)
    styles = tensor_styles(net)
    assert styles["attention.2.query"] == "colwise"
    assert styles["attention.0.down"] == "rowwise"
    assert len(styles) == 18
    check_divisible(net, 2)
    with pytest.raises(ConfigError, match="2 heads cannot be shared evenly by 4 devices"):
        check_divisible(net, 4)
    assert blocks(DKT(9, 9, dim=8)) == []
