"""How well explanations are predicted: a language model beside counted n-grams."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines.kneser_ney import KneserNey, Tokens
from torchedu.datamodules import Explanations
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.sections import Section, Text
from torchedu.tasks import MathExplanation

ORDERS = (1, 5)
EXAMPLES = 3
"""Explanations that the report shows."""


@evaluate.register
def _(
    task: MathExplanation,
    data: Explanations,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Score what the tutor says, token by token; ``evaluate`` tells the rest.

    The n-grams learn from all tokens of the training part, the prompts' too, and are scored on the
    same tokens as the network.
    """
    run = trainer.test if part == "test" else trainer.validate
    (logged,) = run(task, datamodule=data, verbose=False)
    if not trainer.is_global_zero:
        return {}
    name = "LoRA" if task.net.arguments()["lora_rank"] else type(task.net).__name__
    rows = [_row(name, "network", -logged[f"{part}/log_likelihood"])]
    batches = data.batches(part)
    asked, scored = _tokens(data, part)
    rows += [
        _row(one.name, "baseline", -float(one.predict(asked)[scored].mean()))
        for one in fitted(map(KneserNey, ORDERS), baselines, _tokens(data, "train")[0])
    ]
    found = evaluation(
        task, data, part,
        counts={
            "conversations": len(batches.windows.student),
            "tokens scored": int((batches.windows.stop - batches.windows.first).sum()),
        },
        columns={"cost": "loss (nats a token)", "perplexity": "perplexity"},
        scores=rows,
        verb="predicts what a tutor says with",
        lower=True,
        sections=[_examples(task, data, part)],
    )  # fmt: skip
    return keep(found, folder)


def _tokens(data: Explanations, part: str) -> tuple[Tokens, NDArray[np.bool_]]:
    """Return the tokens of a part as baselines take them, and which of them are scored."""
    offsets, token, scored = data.batches(part).tokens()
    return Tokens(offsets, token, data.num_tokens), scored


def _examples(task: MathExplanation, data: Explanations, part: str) -> Section:
    """Show what a network says to the first prompts of a part, beside what the tutor said."""
    rows = data.parts[part][:EXAMPLES].tolist()
    asked = {row: data.asked(row) for row in rows}
    prompts = [data.tokenizer.prompt(before) for before, _ in asked.values()]
    said = task.eval().net.generate(prompts, data.tokenizer.ends, task.max_new_tokens)
    texts = [
        Text(
            before[-1].content,
            {"the network": data.tokenizer.decode(ids), "the tutor": tutor.content},
        )
        for (before, tutor), ids in zip(asked.values(), said, strict=True)
    ]
    return Section("What it says", "To the first prompts of this part.", texts, private=True)


def _row(name: str, kind: str, cost: float) -> dict[str, Any]:
    return {"name": name, "kind": kind, "cost": cost, "perplexity": float(np.exp(cost))}
