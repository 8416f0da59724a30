"""Is a step's gradient the same however many ranks and accumulated batches share it?

Each loss is trained in processes of its own, by Lightning's own loop, on all its data in each step
and at a learning rate that moves nothing, so that one step's gradient is like another's but for
what is drawn. A loss that mixes rows of a batch is let off where it says so before training.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from harness import Goal
from honest_finite import stores_of_each_kind
from lightning import Callback, Trainer
from torch.optim import Optimizer

from torchedu.run import RunConfig, build
from torchedu.run.building import Run
from torchedu.strategies.named import named_strategy
from torchedu.testing.contract import moved, seeded
from torchedu.testing.launch import LaunchServer

COURSES = ("two_tower", "enrolments", "--data.window=8", "--model.net.dim=16")
LESSONS = ("talk_moves", "lessons")
CHATS = (
    *("math_small", "chats", "--model.net.config.hidden_size=24"),
    "--model.net.config.intermediate_size=48",
)
LOSSES: dict[str, tuple[str, ...]] = {
    "answers, with pairs of them": ("logistic_dkt", "answers"),
    "answers, with a penalty": ("item_dkt", "answers"),
    "answers, by chances": ("bkt", "answers"),
    **{
        f"courses, {loss}": (*COURSES, f"--model.loss={loss}", "--model.negatives=16")
        for loss in ("softmax", "sampled_softmax", "in_batch", "bce", "bpr")
    },
    "risk": ("at_risk", "events"),
    "risk, parity_weight": ("at_risk", "events", "--model.parity_weight=1"),
    "scores, by regression": ("essay", "texts"),
    "scores, ordinal": ("essay", "texts", "--model.net.head=ordinal"),
    "scores, as classes": ("essay", "texts", "--model.net.head=classes"),
    "scores, by tokens": ("essay_finetune", "texts"),
    "tags": LESSONS,
    "tags, with attention": (*LESSONS, "--model.net=LessonTransformer"),
    "tokens": CHATS,
    "tokens, packed": (*CHATS, "--data.packing=true"),
}
"""What is trained: a recipe, the kind of its data, and words."""
WAYS = ((1, 1), (1, 2), (1, 4), (2, 1))
"""Ranks and accumulated batches; all at once first."""
MOST = {"64-true": 1e-9, "32-true": 5e-6}
"""How far gradients may lie apart, by precision, as a share of their length."""
DIRECTIONS = 32
"""Random directions along which gradients with dropout are compared."""
SURE = 5.0
"""Standard errors by which means, or logarithms of variances, differ by no chance."""


class Gradients(Callback):
    """Keeps what each step's gradient is, on the ranks' way to the optimizer."""

    def __init__(self) -> None:
        self.steps: list[torch.Tensor] = []

    def on_before_optimizer_step(self, trainer: Trainer, task: Any, optimizer: Optimizer) -> None:
        """Keep it."""
        known = [x.grad.flatten() for x in task.parameters() if x.grad is not None]
        self.steps.append(torch.cat(known).double())


def gradients(words: list[str], ranks: int, accumulate: int, draws: int) -> dict[str, Any]:
    """Train one way; what ``measure`` compares. Every rank calls this."""
    found: dict[str, Any] = {}
    for precision in MOST:
        run = build(RunConfig(words))
        said: list[str] = []
        run.task.tell = said.append  # type: ignore[method-assign]
        run.task.net.eval()  # no dropout
        with seeded(1):
            # Where a line fits, the gradient is nothing but rounding; what stands on an encoder is
            # moved off it alone, as nobody trains one that was shaken.
            moved(getattr(run.task.net, "output", run.task.net))
        found[precision] = _steps(run, precision, ranks, accumulate, 1)[0]
        found["said"] = any("divided by" in note for note in said)
    run = build(RunConfig(words))
    drops = getattr(run.task.net, "dropout", 0) > 0
    steps = torch.stack(_steps(run, "32-true", ranks, accumulate, draws if drops else 2))
    along = torch.randn(
        steps.shape[1], DIRECTIONS, dtype=steps.dtype, generator=torch.Generator().manual_seed(0)
    )
    return {**found, "dropped": steps @ along}


def _steps(run: Run, precision: Any, ranks: int, accumulate: int, steps: int) -> list[torch.Tensor]:
    kept = Gradients()
    trainer = Trainer(
        accelerator="cpu", devices=ranks, precision=precision, callbacks=[kept],
        strategy=named_strategy("ddp" if ranks > 1 else "auto"),
        accumulate_grad_batches=accumulate, max_epochs=steps, limit_val_batches=0,
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(run.task, datamodule=run.data)
    return kept.steps


def measure(losses: int | None, draws: int) -> tuple[list[Goal], dict[str, Any]]:
    """Compare gradients of every loss in double and single precision, and with dropout.

    Args:
        losses: How many of the losses; all where it is None.
        draws: Steps with dropout of each way.
    """
    from tests.encoders import write_encoder

    names = list(LOSSES)[:: 1 if losses is None else len(LOSSES) // losses]
    off: dict[str, float] = {}
    apart: dict[str, float] = {}
    said, silent = [], []
    with TemporaryDirectory() as folder, LaunchServer() as server:
        root = Path(folder)
        encoder = write_encoder(root / "encoder", layers=3)
        stores = stores_of_each_kind(root)
        for name in names:
            words = _words(name, stores, encoder, root)
            ways: list[dict[str, Any]] = []
            for ranks, accumulate in WAYS:
                launch = server.start(gradients, words, ranks, accumulate, draws, ranks=ranks)
                launch.wait(timeout=600)
                ways.append(launch.result())
            whole, *others = ways
            if any(way["said"] for way in ways):
                said.append(name)
                if whole["said"] or not all(way["said"] for way in others):
                    silent.append(name)
                continue
            for way, (ranks, parts) in zip(others, WAYS[1:], strict=True):
                key = f"{name}, {ranks} ranks, {parts} batches"
                apart[key] = unlike(way["dropped"], whole["dropped"])
                for precision, most in MOST.items():
                    far = (way[precision] - whole[precision]).norm() / whole[precision].norm()
                    off[f"{key}, {precision}"] = float(far) / most
            print(f"  {name}: {max(v for k, v in off.items() if k.startswith(name)):.2g} of what "
                  "is allowed", flush=True)  # fmt: skip
    worst, farthest = max(off.values()), max(apart.values())
    must = (
        f"at most 1 of what is allowed, or said ({', '.join(said) or 'none'}); with dropout means "
        f"and variances within {SURE:g} standard errors ({farthest:.1f})"
    )
    holds = worst <= 1 and farthest <= SURE and not silent
    kept = {"of_allowed": off, "with_dropout": apart, "said": said, "silent": silent}
    return [Goal("honest.divided", worst, must, holds)], kept


def unlike(one_SD: torch.Tensor, other_SD: torch.Tensor) -> float:
    """Return by how many standard errors means or variances differ, in the direction of the most.

    Args:
        one_SD: Draws along some directions.
        other_SD: Others.
    """
    both = torch.stack([one_SD, other_SD])
    variance = both.var(1)
    if float(variance.max()) < 1e-12 * float(both.abs().max()) ** 2:  # nothing is drawn
        return 0.0
    draws = both.shape[1]
    mean = (both[0].mean(0) - both[1].mean(0)).abs() / (variance.sum(0) / draws).sqrt()
    spread = (variance[0] / variance[1]).log().abs() / (4 / (draws - 1)) ** 0.5
    return float(torch.cat([mean, spread]).max())


def _words(name: str, stores: dict[str, Path], encoder: Path, root: Path) -> list[str]:
    recipe, kind, *more = LOSSES[name]
    words = ["--config", recipe, "--data.path", str(stores[kind]), *more]
    if kind in ("texts", "lessons"):
        words += ["--data.encoder", str(encoder)]
    if recipe != "math_small":
        words += ["--data.batch_size", "100000"]
    else:
        words += ["--data.batch_tokens", "1000000"]
    return [
        *words,
        "--model.lr",
        "1e-30",
        "--model.schedule",
        "constant",
        "--run",
        str(root / "run"),
    ]
