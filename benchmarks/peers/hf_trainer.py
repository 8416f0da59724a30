"""Train a small language model by torchedu or by Hugging Face's Trainer, and time it.

    python benchmarks/peers/hf_trainer.py torchedu|hf|hf_by_length STORE FOLDER

Prints as JSON the tokens of conversations that a second of this process's time gets through. All
ways train the same network by AdamW on the same conversations, in float32, with as many of them a
step on average.
"""

import json
import sys
import time
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

STEPS = 14
FIRST = 4
"""Steps that are left out: they find their memory."""


def by_torchedu(store: str, folder: str) -> tuple[int, float]:
    from lightning import Callback, Trainer

    from torchedu import CausalLM, Explanations, MathExplanation

    class Clock(Callback):
        tokens, begin, seconds = 0, 0.0, 0.0

        def on_train_batch_end(self, trainer: Any, task: Any, out: Any, batch: Any, i: int) -> None:
            if i >= FIRST:
                self.tokens += int((batch.text_BL >= 0).sum())
            self.seconds = time.process_time() - self.begin
            if i == FIRST - 1:
                self.begin = time.process_time()

    data, clock = Explanations(store), Clock()
    task = MathExplanation(partial(CausalLM), data.num_tokens, lr=1e-3)
    Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        limit_val_batches=0,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[clock],
    ).fit(task, data)
    return clock.tokens, clock.seconds


def by_transformers(store: str, folder: str, by_length: bool) -> tuple[int, float]:
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

    from torchedu import CausalLM, Explanations

    data = Explanations(store)
    batches = data.batches("train")
    offsets, token, scored = batches.tokens()
    rows = [
        {
            "input_ids": token[a:b].tolist(),
            "labels": np.where(scored[a:b], token[a:b], -100).tolist(),
            "attention_mask": [1] * int(b - a),
        }
        for a, b in pairwise(offsets.tolist())
    ]
    torch.manual_seed(0)
    lm = CausalLM(data.num_tokens).lm

    class Clock(TrainerCallback):
        begin, seconds = 0.0, 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            self.seconds = time.process_time() - self.begin
            if state.global_step == FIRST:
                self.begin = time.process_time()

    tokens: list[int] = []

    class Counted(DataCollatorForSeq2Seq):
        def __call__(self, features: Any, return_tensors: Any = None) -> Any:
            tokens.append(sum(len(one["input_ids"]) for one in features))
            return super().__call__(features, return_tensors)

    own = data.tokenizer._own
    own.pad_token = own.eos_token
    arguments = TrainingArguments(
        folder,
        per_device_train_batch_size=data.batch_size,
        max_steps=STEPS,
        learning_rate=1e-3,
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        **({"train_sampling_strategy": "group_by_length"} if by_length else {}),
    )
    clock = Clock()
    trainer = Trainer(
        lm, arguments, data_collator=Counted(own), train_dataset=rows, callbacks=[clock]
    )
    trainer.train()
    return sum(tokens[FIRST:STEPS]), clock.seconds


def main(way: str, store: str, folder: str) -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    Path(folder).mkdir(parents=True)
    if way == "torchedu":
        tokens, seconds = by_torchedu(store, f"{folder}/run")
    else:
        tokens, seconds = by_transformers(store, folder, way == "hf_by_length")
    print()
    print(json.dumps({"tokens_a_cpu_second": round(tokens / seconds), "tokens": tokens}))


if __name__ == "__main__":
    main(*sys.argv[1:])
