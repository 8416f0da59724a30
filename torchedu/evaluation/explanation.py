"""How well explanations are predicted: a language model beside counted n-grams."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.kneser_ney import KneserNey, Tokens
from torchedu.datamodules import Explanations
from torchedu.evaluation.any_task import Request, findings, fitted, logged
from torchedu.evaluation.side_by_side import Models, rows
from torchedu.metrics.paired import COST, of_sums
from torchedu.metrics.token_costs import TokenCosts
from torchedu.sections import Section, Text
from torchedu.tasks import MathExplanation

ORDERS = (1, 5)
EXAMPLES = 3
"""Explanations that the report shows."""


@findings.register
def _(task: MathExplanation, data: Explanations, request: Request) -> dict[str, Any]:
    """Score what the tutor says, token by token.

    The n-grams learn from all tokens of the training part, the prompts' too, and are scored on the
    same tokens as the network.
    """
    strategy = request.trainer.strategy
    costs_of_texts = TokenCosts(data.store.num_chats, strategy.root_device)
    with costs_of_texts.noting(task):
        numbers = logged(task, data, request)
    sums = strategy.reduce(costs_of_texts.sums, reduce_op="sum")
    if not request.trainer.is_global_zero:
        return {}
    name = "LoRA" if task.net.arguments()["lora_rank"] else type(task.net).__name__
    costs: Models[float] = {name: ("network", -numbers["log_likelihood"])}
    windows = data.batches(request.part).windows
    network_S, number_S = sums.numpy(force=True)[:, windows.student]
    surely = {name: of_sums(network_S, number_S, COST)}
    tokens, scored = _tokens(data, request.part)
    learned, _ = _tokens(data.learned, "train")
    for baseline in fitted(map(KneserNey, ORDERS), request.baselines, learned):
        cost = -baseline.predict(tokens)
        costs[baseline.name] = ("baseline", float(cost[scored].mean()))
        begins = tokens.offsets[:-1]
        surely[baseline.name] = of_sums(np.add.reduceat(cost * scored, begins), number_S, COST)
    return {
        "counts": {
            "conversations": len(windows.student),
            "tokens scored": int((windows.stop - windows.first).sum()),
        },
        "columns": {"cost": "loss (nats a token)", "perplexity": "perplexity"},
        "scores": rows(costs, lambda cost: {"cost": cost, "perplexity": float(np.exp(cost))}),
        "verb": "predicts what a tutor says with",
        "lower": True,
        "estimate": surely.get,
        "product": "Let it explain beside a teacher: torchedu explain RUN, or torchedu predict RUN "
        "for a table of answers checked by rules.",
        "sections": [_examples(task, data, request.part)],
    }


def _tokens(data: Explanations, part: str) -> tuple[Tokens, NDArray[np.bool_]]:
    """Return the tokens of a part as baselines take them, and which of them are scored."""
    offsets, token, scored = data.batches(part).tokens()
    return Tokens(offsets, token, data.num_tokens), scored


def _examples(task: MathExplanation, data: Explanations, part: str) -> Section:
    """Show what a network says to the first prompts of a part, beside what the tutor said."""
    asked = [data.asked(row) for row in data.parts[part][:EXAMPLES].tolist()]
    prompts = [data.tokenizer.prompt(before) for before, _ in asked]
    said = task.eval().net.generate(prompts, data.tokenizer.ends, task.max_new_tokens)
    texts = [
        Text(
            before[-1].content,
            {"the network": data.tokenizer.decode(ids), "the tutor": tutor.content},
        )
        for (before, tutor), ids in zip(asked, said, strict=True)
    ]
    return Section("What it says", "To the first prompts of this part.", texts, private=True)
