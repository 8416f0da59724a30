"""Networks that grade texts under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import EssayBatch
from torchedu.models import Grader
from torchedu.schema import RESERVED, UNKNOWN
from torchedu.testing.contract import apart, named, seeded
from torchedu.testing.kinds.kind import Kind, NetworkSubject

NUM_TOKENS = 40
"""Token ids that texts hold; an encoder under test knows as many."""


def scores(subject: NetworkSubject) -> str:
    """What comes out is of members, texts and scores, and becomes scores and losses."""
    net, batch = subject.net(), subject.batch()
    raw_MBYK = net(batch)
    if raw_MBYK.dim() != 4 or raw_MBYK.shape[1:3] != (len(batch.text_B), net.num_scores):
        return f"shape {tuple(raw_MBYK.shape)} instead of (members, B, {net.num_scores}, K)"
    steps_BY = torch.full_like(batch.target_BY, net.num_steps)
    for name, numbers in (
        ("scores", net.output.value(raw_MBYK, steps_BY)),
        ("a loss", net.output.loss(raw_MBYK, batch.target_BY, steps_BY)),
    ):
        if numbers.shape != raw_MBYK.shape[:3] or not numbers.isfinite().all():
            return f"{name} of shape {tuple(numbers.shape)}, or not finite"
    return ""


def unknown_prompts(subject: NetworkSubject) -> str:
    """Texts of a prompt that the vocabulary lacks are graded too."""
    net, batch = subject.net(), subject.batch()
    unknown = net(batch._replace(prompt_B=torch.full_like(batch.prompt_B, UNKNOWN)))
    return "" if unknown.isfinite().all() else "numbers that are not finite for unknown prompts"


def learns_once(subject: NetworkSubject) -> str:
    """What was learned of a prompt's texts before training stays when more texts come."""
    net, batch = subject.net(), subject.batch()
    before = subject.said(net, batch)
    with seeded(3):
        net.learn(_facts(net, subject.kind.batch(subject.sizes, 20, 3, 2)), fresh=False)
    return "other texts change what is known" if apart(before, subject.said(net, batch)) else ""


class Texts(Kind):
    """Texts of two windows of tokens, and as vectors; what their scores are comes out."""

    network = Grader
    sizes: ClassVar = {
        "num_prompts": 5,
        "num_scores": 2,
        "num_steps": 6,
        "num_roles": 2,
        "dim": 16,
        "encoder": "an encoder",
        "num_surface_columns": 9,
    }
    loose = ("token_BWL",)
    contracts = named(scores, unknown_prompts, learns_once)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> EssayBatch:
        """Draw texts; see ``Kind.batch``."""
        scored_BY = torch.ones(rows, sizes["num_scores"], dtype=torch.bool)
        return EssayBatch(
            torch.randint(RESERVED, NUM_TOKENS, (rows, 2, steps)),
            torch.ones(rows, 2, steps, dtype=torch.bool),
            torch.randn(rows, sizes["num_roles"], sizes["dim"]),
            torch.rand(rows, sizes["num_surface_columns"]),
            torch.randint(RESERVED, sizes["num_prompts"], (rows,)),
            torch.rand(rows, sizes["num_scores"]),
            scored_BY,
            torch.arange(rows),
            torch.full((rows,), float(scored_BY.sum())),
        )

    def said(self, net: Grader, batch: EssayBatch) -> Tensor:
        """Return what the last layer tells of each text."""
        raw_MBYK: Tensor = net(batch)
        return raw_MBYK.transpose(0, 1)

    def real(self, batch: EssayBatch) -> Tensor:
        """Return which texts there are: all."""
        return torch.ones_like(batch.text_B, dtype=torch.bool)

    def unread(self, net: Grader) -> tuple[str, ...]:
        """Return what must not be read: the scores first of all."""
        return ("target_BY", "scored_BY", "text_B", "mean_over_B")

    def prepare(self, net: Grader, sizes: Mapping[str, Any]) -> Any:
        """Let it learn what is usual in texts of each prompt."""
        with seeded(2):
            batch = self.batch(sizes, 40, 3, 2)
        net.learn(_facts(net, batch), fresh=True)
        return net


def _facts(net: Grader, batch: EssayBatch) -> EssayBatch:
    """Return texts as they are known before training: without tokens, or as tokens alone."""
    without = batch._replace(
        token_BWL=batch.token_BWL[:, :0, :0], seen_BWL=batch.seen_BWL[:, :0, :0]
    )
    if net.reads == "tokens":
        without = without._replace(vector_BRD=batch.vector_BRD[:, :0, :0])
    return without
