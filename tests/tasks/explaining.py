"""Short trainings of language models, alone or on several ranks."""

import json
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch.distributed.tensor import DTensor

from torchedu import CausalLM, Explanations, MathExplanation
from torchedu.callbacks import AnswersProgressBar
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.cli import main
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.strategies.named import strategy_class

SMALL: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def write_model(folder: Path, tokenizer: ChatTokenizer, seed: int = 0, **config: Any) -> Path:
    """Write a small model as the hub has them: in two safetensors, with its tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    own = AutoConfig.for_model(**{**SMALL, "vocab_size": len(tokenizer), **config})
    lm = AutoModelForCausalLM.from_config(own)
    for name, one in lm.named_parameters():
        if "norm" in name:  # as training makes them
            one.data += 0.1 * torch.randn_like(one)
    lm.save_pretrained(folder, max_shard_size="60KB")
    tokenizer.write(folder)
    return folder


class Run(NamedTuple):
    """What is to be trained, and how."""

    net: Mapping[str, Any]
    strategy: str = "auto"
    options: Mapping[str, Any] = {}
    steps: int = 10
    accumulate: int = 1
    packing: bool = False
    lr: float = 1e-3
    sgd: bool = False
    save: Path | None = None
    save_at: int = 0
    go_on: Path | None = None


class Watch(Callback):
    """Notes every step's loss and what this rank holds, and saves."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.losses: dict[int, float] = {}
        self.held = 0
        self._part = 0.0

    def on_train_start(self, trainer: Trainer, *given: Any) -> None:
        self.held = sum(
            (one.to_local() if isinstance(one, DTensor) else one).numel()
            for one in trainer.lightning_module.net.parameters()
        )

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._part += float(outputs["loss"])
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        loss = torch.tensor(self._part)
        self.losses[trainer.global_step] = float(trainer.strategy.reduce(loss, reduce_op="mean"))
        self._part = 0.0
        if self.run.save is not None and trainer.global_step == self.run.save_at:
            trainer.save_checkpoint(self.run.save)


def fit_until_killed(words: list[str], step: int) -> None:
    """Train as the command line does, and end at a step as where the power fails."""
    drawn = AnswersProgressBar.on_train_batch_end

    def die(self: AnswersProgressBar, trainer: Trainer, *args: Any) -> None:
        drawn(self, trainer, *args)
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    AnswersProgressBar.on_train_batch_end = die  # type: ignore[method-assign]
    main(["fit", *words])


class Seen(NamedTuple):
    """What came of a run."""

    losses: dict[int, float]
    scores: dict[str, float]
    held: int
    weights: dict[str, torch.Tensor]


def train(chats: Path, tokenizer: Path, run: Run) -> Seen:
    """Train in this process, one of as many as the environment says."""
    seed_everything(1, verbose=False)
    data = Explanations(
        str(chats), str(tokenizer), max_tokens=128, batch_tokens=600, packing=run.packing
    )
    net = partial(CausalLM, **run.net)
    task = MathExplanation(net, data.num_tokens, lr=run.lr)
    if run.sgd:
        task.configure_optimizers = lambda: torch.optim.SGD(task.parameters(), run.lr)  # type: ignore
    watch = Watch(run)
    strategy = run.strategy
    trainer = Trainer(
        accelerator="cpu",
        devices=int(os.environ.get("WORLD_SIZE", "1")),
        strategy=strategy if strategy == "auto" else strategy_class(strategy)(**run.options),
        max_steps=run.steps,
        max_epochs=1000,
        accumulate_grad_batches=run.accumulate,
        callbacks=[watch],
        plugins=[VerifiedCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(task, data, ckpt_path=run.go_on, weights_only=True)
    (scores,) = trainer.validate(task, data, verbose=False)
    weights = {name: one.detach().clone() for name, one in task.state_dict().items()}
    return Seen(watch.losses, scores, watch.held, weights)


def train_each(chats: Path, tokenizer: Path, runs: list[Run]) -> list[Seen]:
    """Train one after the other; call it on as many ranks as the runs are for."""
    return [train(chats, tokenizer, run) for run in runs]


def with_changes(model: Path, **changes: Any) -> None:
    """Change a model's config.json."""
    file = model / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")
