"""A language model trains the same however it is divided, by LoRA too, and goes on as it was."""

import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import FAST
from tests.tasks.explaining import (
    SMALL,
    Run,
    Seen,
    fit_until_killed,
    train,
    train_each,
    with_changes,
    write_model,
)
from torchedu import CausalLM, MathExplanation, open_task
from torchedu.checkpoints import read_checkpoint
from torchedu.cli import main
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import low_rank
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.testing.launch import LaunchServer

pytest.importorskip("transformers", reason="needs the package transformers")
pytest.importorskip("peft", reason="needs the package peft")
pytestmark = pytest.mark.timeout(300)

STEPS = 50
LORA = {"lora_rank": 4, "lora_alpha": 8.0}
PIPELINE = {"microbatches": 2}
FAMILIES: dict[str, dict[str, Any]] = {  # what differs from Llama outside its blocks
    "mistral": {**SMALL, "model_type": "mistral", "sliding_window": 8},
    "granite": {**SMALL, "model_type": "granite", "embedding_multiplier": 6.0,
                "residual_multiplier": 0.3, "logits_scaling": 4.0},
}  # fmt: skip
FSDP = ["--trainer.strategy", "fsdp", "--trainer.devices", "2"]


@pytest.fixture(scope="module")
def model(tokenizer: ChatTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a small model with its tokenizer."""
    rows = len(tokenizer) + 5  # as many models have some to spare
    return write_model(tmp_path_factory.mktemp("model") / "small", tokenizer, vocab_size=rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the checkpoints."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def on_two_ranks(
    model: Path, chat_store: Path, folder: Path, launch: LaunchServer
) -> dict[str, Seen]:
    """Give what several runs come to on two ranks, one launch for all."""
    source = {"source": str(model)}
    runs = {
        "own": Run({"config": SMALL}, "fsdp", steps=STEPS, sgd=True, lr=0.03),
        "source": Run(source, "fsdp", accumulate=2),
        "packed": Run(source, "fsdp", packing=True),
        "lora": Run(
            {**source, **LORA}, "fsdp", {"activation_checkpointing": True},
            save=folder / "two.ckpt", save_at=4,
        ),
        "lora again": Run({**source, **LORA}, "fsdp", go_on=folder / "two.ckpt"),
        "tensor": Run(source, "tensor"),
        "pipeline": Run(source, "pipeline", PIPELINE),
        **{f"lora {name}": Run({**source, **LORA}, name, options)
           for name, options in {"ddp": {}, "pipeline": PIPELINE}.items()},
        "lora pipeline again": Run(
            {**source, **LORA}, "pipeline", PIPELINE, go_on=folder / "two.ckpt"
        ),
        **{f"{family} {name}": Run({"config": config}, name, options, steps=3)
           for family, config in FAMILIES.items()
           for name, options in {"tensor": {}, "pipeline": PIPELINE}.items()},
    }  # fmt: skip
    launched = launch.start(train_each, chat_store, model, list(runs.values()), ranks=2)
    codes = launched.wait(200)
    assert not any(codes), launched.output(codes.index(next(filter(None, codes))))
    return dict(zip(runs, launched.result(0), strict=True))


@pytest.fixture(scope="module")
def alone(model: Path, chat_store: Path, folder: Path) -> dict[str, Seen]:
    """Give what the same come to in this process."""
    source = {"source": str(model)}
    runs = {
        "own": Run({"config": SMALL}, steps=STEPS, sgd=True, lr=0.03),
        "source": Run(source, save=folder / "whole.ckpt", save_at=10),
        "lora": Run({**source, **LORA}, save=folder / "one.ckpt", save_at=4),
        **{family: Run({"config": config}, steps=3) for family, config in FAMILIES.items()},
    }
    return {name: train(chat_store, model, run) for name, run in runs.items()}


def apart(one: dict[int, float], other: dict[int, float]) -> float:
    assert one
    assert one.keys() <= other.keys()
    return max(abs(one[step] - other[step]) / abs(other[step]) for step in one)


def test_fifty_steps_on_two_ranks_equal_one_process(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen]
) -> None:
    two, one = on_two_ranks["own"], alone["own"]
    assert len(two.losses) == STEPS
    assert apart(two.losses, one.losses) < 1e-4
    assert one.losses[STEPS] < 0.8 * one.losses[1]
    for name, value in one.scores.items():
        assert two.scores[name] == pytest.approx(value, rel=1e-4)
    for name, weight in one.weights.items():
        assert torch.allclose(two.weights[name], weight, atol=1e-4), name


def test_neither_packing_nor_accumulation_changes_a_step(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen]
) -> None:
    for name in ("source", "packed"):
        assert apart(on_two_ranks[name].losses, alone["source"].losses) < 1e-4
        assert on_two_ranks[name].scores == pytest.approx(alone["source"].scores, rel=1e-4)


@pytest.mark.parametrize("name", ["tensor", "pipeline"])
def test_a_model_that_is_read_in_parts_trains_as_one_that_is_read_whole(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen], name: str
) -> None:
    assert apart(on_two_ranks[name].losses, alone["source"].losses) < 1e-4
    for weight, one in alone["source"].weights.items():
        assert torch.allclose(on_two_ranks[name].weights[weight], one, atol=1e-3), weight


@pytest.mark.parametrize("name", ["tensor", "pipeline"])
@pytest.mark.parametrize("family", FAMILIES)
def test_windows_and_scales_are_those_of_one_process(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen], family: str, name: str
) -> None:
    assert apart(on_two_ranks[f"{family} {name}"].losses, alone[family].losses) < 1e-4


def test_each_rank_holds_half_of_a_model_that_is_read(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen]
) -> None:
    assert on_two_ranks["source"].held < 0.52 * alone["source"].held


def test_lora_trains_its_additions_alone(
    on_two_ranks: dict[str, Seen], alone: dict[str, Seen], folder: Path
) -> None:
    shared = [on_two_ranks[name] for name in ("lora", "lora ddp", "lora pipeline")]
    for seen in (*shared, alone["lora"]):
        assert seen.weights
        assert all(".lora_" in name for name in seen.weights)
        assert seen.losses[10] < seen.losses[1]
        assert apart(seen.losses, alone["lora"].losses) < 1e-4
    later = on_two_ranks["lora pipeline again"].losses  # from what fsdp saved
    assert set(later) == set(range(5, 11))
    assert apart(later, alone["lora"].losses) < 1e-4
    for name in ("one.ckpt", "two.ckpt"):
        kept = read_checkpoint(folder / name).content["state_dict"]
        assert set(kept) == set(alone["lora"].weights)


def test_a_lora_run_goes_on_exactly(
    on_two_ranks: dict[str, Seen],
    alone: dict[str, Seen],
    model: Path,
    chat_store: Path,
    folder: Path,
) -> None:
    again = train(chat_store, model, Run({"source": str(model), **LORA}, go_on=folder / "one.ckpt"))
    for later, whole in (
        (again, alone["lora"]),
        (on_two_ranks["lora again"], on_two_ranks["lora"]),
    ):
        assert set(later.losses) == set(range(5, 11))
        assert all(later.losses[step] == whole.losses[step] for step in later.losses)
        assert all(torch.equal(later.weights[name], one) for name, one in whole.weights.items())


def test_a_lora_run_that_was_killed_ends_as_one_that_was_not(
    model: Path, chat_store: Path, launch: LaunchServer, tmp_path: Path
) -> None:
    words = ["--model", "MathExplanation", "--model.net", "CausalLM", *FAST]
    words += ["--model.net.source", str(model), "--data.tokenizer", str(model)]
    words += ["--model.net.lora_rank", "4", "--model.net.lora_dropout", "0.2"]
    words += ["--model.max_new_tokens", "4", "--data.path", str(chat_store)]
    words += ["--data.max_tokens", "128", "--data.batch_tokens", "600"]
    words += ["--save.every_n_steps", "2", "--resume", "auto", "--run"]
    killed, whole = str(tmp_path / "killed"), str(tmp_path / "whole")
    launched = launch.start(fit_until_killed, [*words, killed], 7)
    assert launched.wait(100) == [-signal.SIGKILL], launched.output()
    for run in (killed, whole):
        assert main(["fit", *words, run]) == 0
    for name in ("best.ckpt", "last.ckpt"):
        own, other = (
            read_checkpoint(Path(run) / "checkpoints" / name).content for run in (killed, whole)
        )
        assert own["global_step"] == other["global_step"] > 7
        assert own["state_dict"].keys() == other["state_dict"].keys()
        assert all(torch.equal(own["state_dict"][key], other["state_dict"][key])
                   for key in other["state_dict"])  # fmt: skip


def test_a_checkpoint_opens_with_its_tokenizer(
    alone: dict[str, Seen], folder: Path, tokenizer: ChatTokenizer
) -> None:
    task = open_task(folder / "one.ckpt")
    assert isinstance(task, MathExplanation)
    assert task.tokenizer == tokenizer.files
    assert not task.net.deferred
    whole = open_task(folder / "whole.ckpt")
    assert isinstance(whole.net, CausalLM)
    assert whole.net.source is None  # what it began from is no longer needed
    for name, one in alone["source"].weights.items():
        assert torch.equal(whole.state_dict()[name], one)


def test_additions_to_other_weights_are_refused(
    alone: dict[str, Seen], folder: Path, model: Path, tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.move(model, kept)
    try:
        write_model(model, tokenizer, seed=1, vocab_size=len(tokenizer) + 5)
        with pytest.raises(CheckpointError, match=r"trained on other weights \("):
            open_task(folder / "one.ckpt")
    finally:
        shutil.rmtree(model)
        shutil.move(kept, model)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"source": "MODEL", "config": SMALL}, "both config and source"),
        ({"source": "nothing/here/at/all"}, "is no folder, and no name of a model"),
        ({"config": SMALL, "lora_rank": -1}, "lora_rank is -1"),
    ],
)
def test_a_net_that_cannot_be_is_told(model: Path, arguments: dict[str, Any], told: str) -> None:
    if arguments.get("source") == "MODEL":
        arguments = {**arguments, "source": str(model)}
    with pytest.raises(ConfigError, match=told):
        MathExplanation(partial(CausalLM, **arguments), 400)


def test_a_tokenizer_of_another_model_is_told(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 500 tokens, and the model of .* knows \d+"):
        CausalLM(500, source=str(model))


def test_mistakes_of_a_run_are_told_in_two_lines(
    model: Path,
    chat_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(low_rank, "find_spec", lambda name: name)  # as if all were installed
    data = ["--data.path", str(chat_store), "--data.tokenizer", str(model)]
    base = ["--model", "MathExplanation", "--model.net", "CausalLM"]
    base += ["--model.net.source", str(model), *data]
    large = tmp_path / "large"
    shutil.copytree(model, large)
    with_changes(large, intermediate_size=400_000_000)
    chats = tmp_path / "chats.jsonl"
    chats.write_text('{"messages": [{"role": "user", "content": "?"}]}\n')
    cases = [
        (["--data.max_tokens", "512"], "max_tokens of 512 is longer than the network's 256 steps"),
        (["--data.max_tokens", "12"], "is longer than max_tokens, 12"),
        (["--model.net.source", str(large)], "billion parameters take"),
        (["--data.path", str(chats)], "the chat has no answer"),
        (["--data.tokenizer", str(tmp_path)], "holds no tokenizer.json"),
        (["--data.batch_tokens", "8"], "batch_tokens is 8"),
        (
            [
                "--model.net.lora_rank",
                "4",
                "--trainer.strategy",
                "tensor",
                "--trainer.devices",
                "2",
            ],
            "tensor parallelism cannot share",
        ),
        (
            ["--model.net.lora_rank", "4", "--model.net.four_bits", "true", *FSDP],
            "FSDP trains no weights of 4 bits",
        ),
        (
            [
                *("--model.net.lora_rank", "4", "--model.net.four_bits", "true"),
                *(*FSDP, "--trainer.strategy.cpu_offload", "true"),
            ],
            "FSDP trains no weights of 4 bits",
        ),
    ]
    for i, (words, said) in enumerate(cases):
        words += ["--run", str(tmp_path / f"run{i}"), "--trainer.accelerator", "cpu"]
        assert main(["fit", *base, *words]) == 2, words
        error = capsys.readouterr().err.splitlines()
        assert said in "\n".join(error)
        assert len([line for line in error if line and "model shards" not in line]) == 2, error
