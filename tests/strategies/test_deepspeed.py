import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tests.strategies.runs import (
    SAVED,
    STEPS,
    Run,
    Seen,
    apart,
    assert_equal,
    built,
    losses_apart,
    step_by_sgd,
    train,
    train_each,
)
from tests.tasks import explaining
from torchedu import DKT, KnowledgeTracing
from torchedu.callbacks import GradientGuard
from torchedu.checkpoints import read_checkpoint
from torchedu.cli import main
from torchedu.errors import ConfigError, MissingExtraError, TrainingError
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.strategies import deepspeed
from torchedu.strategies.deepspeed import DeepSpeed
from torchedu.strategies.named import AUTO
from torchedu.testing.launch import LaunchServer

pytest.importorskip("deepspeed", reason="the extra deepspeed is not installed")

CLIPPED = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05, "max_steps": 4}
# All of stage 3's tensors are divided, and several buckets fill.
WAYS: dict[str, dict[str, Any]] = {
    "1": {"stage": 1},
    "2 offload": {"stage": 2, "offload": True, "bucket": 500},
    "3": {"stage": 3, "persist": 0},
    "3 offload": {"stage": 3, "offload": True, "persist": 0},
}


def asked(way: str, net: str, **more: Any) -> Run:
    if way == AUTO:
        return Run(net, **more)
    return Run(net, "deepspeed", WAYS[way], **more)


def runs(way: str, folder: Path) -> dict[str, Run]:
    """Return what is compared, beside what ``test_equal.py`` does with stage 2."""
    file = folder / f"{way.replace(' ', '-')}.ckpt"
    found = {
        "SAKT, clipped": asked(way, "SAKT", sgd=True, more=CLIPPED),
        "SAKT, AdamW": asked(way, "SAKT", save=file),
    }
    if way in (AUTO, "3"):
        half = folder / f"{way}-half.ckpt"
        found |= {
            "DKT, bf16-mixed": asked(way, "DKT", sgd=True, precision="bf16-mixed"),
            "DKT, bf16-true": asked(way, "DKT", precision="bf16-true", save=half),
        }
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deepspeed")


@pytest.fixture(scope="module")
def one(class_store: Path, folder: Path) -> dict[str, Seen]:
    """Give the numbers of one process."""
    wanted = runs(AUTO, folder)
    return dict(zip(wanted, train_each(class_store, list(wanted.values())), strict=True))


@pytest.fixture(scope="module")
def two(
    class_store: Path, folder: Path, one: dict[str, Seen], launch: LaunchServer
) -> dict[str, dict[str, Seen]]:
    """Give the numbers of two ranks in every way, and of their going on from one process's file."""
    asked_for = {way: runs(way, folder) for way in WAYS}
    for way, known in asked_for.items():
        known["resumed"] = asked(way, "SAKT", go_on=folder / "auto.ckpt")
    half = {"precision": "bf16-true", "go_on": folder / "3-half.ckpt"}
    asked_for["3"]["half resumed"] = asked("3", "DKT", **half)
    flat = [run for known in asked_for.values() for run in known.values()]
    started = launch.start(train_each, class_store, flat, ranks=2)
    assert started.wait(110) == [0, 0], started.output()
    numbers = iter(started.result())
    return {way: {name: next(numbers) for name in known} for way, known in asked_for.items()}


@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_those_of_one_process(
    way: str, one: dict[str, Seen], two: dict[str, dict[str, Seen]]
) -> None:
    assert_equal(two[way]["SAKT, clipped"], one["SAKT, clipped"])


def test_half_precision_keeps_whole_weights_beside(
    one: dict[str, Seen], two: dict[str, dict[str, Seen]]
) -> None:
    numbers = two["3"]
    # A weight's gradient is summed over a rank's rows, and then rounded to 8 bits.
    name = "DKT, bf16-mixed"
    assert_equal(numbers[name], one[name], gradients=1e-2, losses=2e-3, weights=1e-3)
    half = numbers["DKT, bf16-true"]
    assert losses_apart(half.losses, one["DKT, bf16-true"].losses) <= 2e-2
    assert all(w.dtype == torch.float32 for w in half.weights.values() if w.is_floating_point())
    assert losses_apart(numbers["half resumed"].losses, half.losses) == 0
    assert apart(numbers["half resumed"].weights, half.weights) == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_checkpoint_goes_on_with_and_without_it(
    way: str,
    one: dict[str, Seen],
    two: dict[str, dict[str, Seen]],
    class_store: Path,
    folder: Path,
) -> None:
    whole = one["SAKT, AdamW"].losses
    assert len(whole) == STEPS
    assert losses_apart(two[way]["SAKT, AdamW"].losses, whole) <= 1e-5
    file = folder / f"{way.replace(' ', '-')}.ckpt"
    back = train(class_store, asked(AUTO, "SAKT", go_on=file))
    for went_on in (two[way]["resumed"], back):
        assert list(went_on.losses) == list(range(SAVED + 1, STEPS + 1))
        assert losses_apart(went_on.losses, whole) <= 1e-5


class Spoil(Callback):
    """Spoils a sample of the second rank."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 2 and trainer.global_rank == trainer.world_size - 1:
            batch.correct_BL[0, 0] = torch.nan


def whole_run(store: Path, ranks: int, guard: str) -> tuple[dict[str, float], list[Any], str]:
    """Return the scores of a run with validation, the layers' norms seen, and what was told."""
    task, data = built("SAKT", store)
    step_by_sgd(task)
    watched = GradientGuard(non_finite=guard)  # type: ignore[arg-type]
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy=DeepSpeed(stage=3, persist=0) if ranks > 1 else "auto",
        max_epochs=2,
        limit_train_batches=4,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[watched, Spoil()],
    )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*passed over.*")
            trainer.fit(task, data)
    except TrainingError as error:
        return {}, [], str(error)
    scores = dict(trainer.callback_metrics) | trainer.test(task, data, verbose=False)[0]
    return {n: float(s) for n, s in scores.items()}, list(watched._norms), str(watched.skipped)


def both_runs(store: Path, ranks: int) -> list[Any]:
    return [whole_run(store, ranks, guard) for guard in ("skip", "stop")]


def test_guards_and_scores_are_those_of_one_process(
    class_store: Path, launch: LaunchServer
) -> None:
    started = launch.start(both_runs, class_store, 2, ranks=2)
    assert started.wait(90) == [0, 0], started.output()
    (scores, norms, skipped), (_, _, told) = started.result(1)
    (wanted, wanted_norms, _), (_, _, wanted_told) = both_runs(class_store, 1)
    # An AUC counts pairs, and rounding puts a few the other way round.
    pairs = {name for name in wanted if name.endswith("auc")}
    assert {n: scores[n] for n in pairs} == pytest.approx({n: wanted[n] for n in pairs}, abs=1e-3)
    rest = wanted.keys() - pairs
    assert {n: scores[n] for n in rest} == pytest.approx({n: wanted[n] for n in rest}, rel=1e-5)
    assert skipped == "1"
    assert len(norms) == len(wanted_norms) == 7
    for own, other in zip(norms, wanted_norms, strict=True):
        assert own == pytest.approx(other, rel=1e-4, abs=1e-7)
    for text in (told, wanted_told):
        assert "step 3: loss or gradients are not finite" in text
        assert "because of student row" in text


def test_bad_options_are_told() -> None:
    for options in ({"stage": 4}, {"bucket": 0}, {"persist": -1}):
        with pytest.raises(ConfigError):
            DeepSpeed(**options)  # type: ignore[arg-type]


def test_what_it_cannot_do_is_told_before_anything_starts(
    class_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data.path", str(class_store), "--run", str(tmp_path / "run")]
    words += ["--trainer.accelerator", "cpu", "--trainer.strategy", "deepspeed"]
    assert main(["fit", *words, "--trainer.precision", "16-true"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
    task = KnowledgeTracing(DKT, 5, 5)
    task.net.table = torch.nn.Embedding(5, 2, sparse=True)
    with pytest.raises(ConfigError, match="dense gradients"):
        DeepSpeed().check(task)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepspeed, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"torchedu\[deepspeed\]"):
        DeepSpeed()


def test_low_rank_additions_are_trained_and_saved_alone(
    chat_store: Path, tokenizer: ChatTokenizer, launch: LaunchServer, tmp_path: Path
) -> None:
    pytest.importorskip("peft", reason="needs the package peft")
    model, file = explaining.write_model(tmp_path / "model", tokenizer), tmp_path / "lora.ckpt"
    net = {"source": str(model), "lora_rank": 4}
    run = explaining.Run(net, "deepspeed", WAYS["3"], steps=4, save=file, save_at=2)
    launched = launch.start(explaining.train_each, chat_store, model, [run], ranks=2)
    codes = launched.wait(200)
    assert not any(codes), launched.output(codes.index(next(filter(None, codes))))
    alone = explaining.train(chat_store, model, explaining.Run(net, steps=4))
    assert launched.result(0)[0].losses == pytest.approx(alone.losses, rel=1e-5)
    assert set(read_checkpoint(file).content["state_dict"]) == set(alone.weights)
