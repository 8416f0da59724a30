"""What share of a GPU does a language model's training use, and what does packing save?

    python benchmarks/gpu_lm.py            # under eight minutes on one GPU; none, and it says so
    python benchmarks/gpu_lm.py --short    # fewer steps of a quarter of the layers

A model shaped like Llama, of a billion parameters, trains in bfloat16 under the trainer, its blocks
compiled. The share of the GPU's peak counts six operations a parameter and token, and attention to
half of the tokens (Chowdhery and others, 2022, appendix B, count all of them). Packing trains on
conversations of unequal lengths: several a row by flex attention, beside one a row, padded to the
longest of a random batch; counted are tokens that are no padding.
"""

import json
import os
import statistics
import sys
import time
from functools import partial
from typing import Any

import harness
import torch
from harness import Goal, Job, Skip
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader

from torchedu.batch import TokenBatch
from torchedu.callbacks import Compile
from torchedu.companions import Companions
from torchedu.models import CausalLM
from torchedu.run import quiet
from torchedu.tasks import MathExplanation

SMALL = "TORCHEDU_SMALL" in os.environ
"""Whether it only has to run, on whatever there is: for a try before minutes of a GPU are spent."""
ON_GPU = torch.cuda.is_available()
WHERE = "gpu" if ON_GPU else "cpu"
TOGETHER = "flex_attention" if ON_GPU else "sdpa"  # the one has no backward pass on a CPU
TOKENS = 32_000
SHAPE: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
LONG = 2048
ROWS = 8
LEAST, PACKED = 0.45, 1.6
WARM, STEPS = 6, 20
if SMALL:
    TOKENS, LONG, ROWS, WARM = 64, 128, 2, 1
    SHAPE |= {
        "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2,
        "num_key_value_heads": 1, "max_position_embeddings": 128,
    }  # fmt: skip
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "A10": 125e12}
"""Operations a second in bfloat16 without sparsity, as the maker states them, by the GPU's name."""


class Steps(Callback):
    """Notes when each step ended, its work on the device included."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self.at.append(time.perf_counter())


def conversations(number: int) -> list[int]:
    """Return lengths as those of GSM8K's conversations: most short, few long."""
    draw = torch.Generator().manual_seed(0)
    lengths = torch.empty(number).log_normal_(5.2, 0.45, generator=draw)
    return [int(one) for one in lengths.clamp(40, LONG)]


def padded(lengths: list[int]) -> TokenBatch:
    """Return a conversation a row."""
    token_BL = torch.randint(3, TOKENS, (len(lengths), max(lengths)))
    held_BL = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    text_BL = torch.arange(len(lengths))[:, None].expand_as(token_BL).masked_fill(~held_BL, -1)
    return _batch(token_BL, held_BL, text_BL, torch.empty(len(lengths), 0, dtype=torch.long))


def packed(lengths: list[int]) -> list[list[int]]:
    """Return conversations in rows, each put where it still finds room."""
    rows: list[list[int]] = []
    for one in sorted(lengths, reverse=True):
        row = next((row for row in rows if sum(row) + one <= LONG), None)
        rows.append([one]) if row is None else row.append(one)
    return rows


def together(rows: list[list[int]]) -> TokenBatch:
    """Return several conversations a row, each with places of its own."""
    token_BL = torch.randint(3, TOKENS, (len(rows), LONG))
    text_BL = torch.full((len(rows), LONG), -1)
    place_BL = torch.zeros(len(rows), LONG, dtype=torch.long)
    for i, row in enumerate(rows):
        begin = 0
        for text, length in enumerate(row):
            text_BL[i, begin : begin + length] = text
            place_BL[i, begin : begin + length] = torch.arange(length)
            begin += length
    return _batch(token_BL, text_BL >= 0, text_BL, place_BL)


def _batch(
    token_BL: torch.Tensor, held_BL: torch.Tensor, text_BL: torch.Tensor, place_BL: torch.Tensor
) -> TokenBatch:
    first_BL = text_BL != text_BL.roll(1, 1)
    first_BL[:, 0] = True
    scored_BL = held_BL & ~first_BL
    mean_B = torch.full((len(token_BL),), float(scored_BL.sum()))
    return TokenBatch(token_BL, scored_BL, text_BL, place_BL, mean_B)


def rate(
    batches: list[TokenBatch], shape: dict[str, Any], attention: str, steps: int, accelerator: str
) -> tuple[float, int]:
    """Train; tokens that are no padding a second, and the network's parameters."""
    quiet()
    seed_everything(0, verbose=False)
    net = partial(CausalLM, config=shape, attention=attention)
    task = MathExplanation(net, TOKENS)
    task.companions = Companions()  # its texts are drawn, and of no data
    noted = Steps()
    trainer = Trainer(
        max_steps=WARM + steps, max_epochs=-1, accelerator=accelerator, devices=1,
        precision="bf16-true", callbacks=[noted, *([Compile()] if accelerator == "gpu" else [])],
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    useful = [int((one.text_BL >= 0).sum()) for one in batches]
    rates = [
        useful[step % len(batches)] / (noted.at[step] - noted.at[step - 1])
        for step in range(WARM, WARM + steps)
    ]
    return statistics.median(rates), sum(one.numel() for one in task.parameters())


def utilisation(goal: str, layers: int, steps: int) -> tuple[list[Goal], Any]:
    """Compare the operations of training with the GPU's peak."""
    name = torch.cuda.get_device_name() if ON_GPU else "H100, for a try"
    peak = next((value for key, value in PEAK.items() if key in name), None)
    if peak is None:
        raise Skip(f"the peak of {name} is not known to this benchmark")
    shape = {**SHAPE, "num_hidden_layers": layers}
    batches = [padded([LONG] * ROWS) for _ in range(4)]
    tokens, parameters = rate(batches, shape, "sdpa", steps, WHERE)
    operations = 6 * parameters + 6 * layers * shape["hidden_size"] * LONG
    share = tokens * operations / peak
    must = f"at least {LEAST} of the peak of {name}"
    kept = {"tokens_a_second": round(tokens), "parameters": parameters, "peak": peak}
    return [Goal(goal, round(share, 3), must, share >= LEAST)], kept


def packing(goal: str, layers: int, steps: int) -> tuple[list[Goal], Any]:
    """Compare packed rows with padded ones."""
    shape = {**SHAPE, "num_hidden_layers": layers}
    lengths = conversations(64 * 8)
    alone = [padded(lengths[i : i + 64]) for i in range(0, len(lengths), 64)]
    rows = packed(lengths)
    several = [together(rows[i : i + ROWS]) for i in range(0, len(rows) - ROWS + 1, ROWS)]
    told = {
        "padded": rate(alone, shape, "sdpa", steps, WHERE)[0],
        "packed": rate(several, shape, TOGETHER, steps, WHERE)[0],
    }
    ratio = told["packed"] / told["padded"]
    must = f"packed at least {PACKED} times the tokens a second of padded"
    return [Goal(goal, round(ratio, 2), must, ratio >= PACKED)], {"tokens_a_second": told}


JOBS = [
    Job(("lm.gpu",), partial(utilisation, "lm.gpu", 16, STEPS)),
    Job(("lm.gpu_packing",), partial(packing, "lm.gpu_packing", 16, STEPS)),
    Job(("lm.gpu_short",), partial(utilisation, "lm.gpu_short", 4, 8), short=True),
    Job(("lm.gpu_packing_short",), partial(packing, "lm.gpu_packing_short", 4, 8), short=True),
]

if __name__ == "__main__":
    if not (ON_GPU or SMALL):
        print("There is no GPU here: nothing is measured.")
        print(json.dumps({"benchmark": "gpu_lm", "goals": []}))
        sys.exit(0)
    sys.exit(harness.main("gpu_lm", JOBS, __doc__.splitlines()[0]))
