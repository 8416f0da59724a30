"""Language models under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import TokenBatch
from torchedu.models import CausalLM
from torchedu.testing.contract import apart, named
from torchedu.testing.kinds.kind import Kind, NetworkSubject


def scored(subject: NetworkSubject) -> str:
    """Tokens that do not count cost nothing, and the others what they cost among all."""
    net, batch = subject.net(), subject.batch()
    scored_BL = batch.scored_BL & (batch.token_BL % 2 == 0)
    cost_BL = net(batch._replace(scored_BL=scored_BL))
    same = not apart(net(batch) * scored_BL, cost_BL)
    return "" if same else "what a token costs depends on which others count"


def logits(subject: NetworkSubject) -> str:
    """``logits`` and what ``forward`` says of the tokens are the same."""
    net, batch = subject.net(), subject.batch()
    log_BLV = net.logits(batch).log_softmax(-1)
    cost_BL = -log_BLV[:, :-1].gather(2, batch.token_BL[:, 1:].unsqueeze(-1)).squeeze(-1)
    same = not apart(net(batch)[:, 1:], cost_BL)
    return "" if same else "logits tells other chances than forward"


def packed(subject: NetworkSubject) -> str:
    """Texts that share a row do not see each other."""
    net, batch = subject.net(), subject.batch(rows=2)
    place_BL = torch.arange(batch.token_BL.shape[1]).repeat(1, 2)
    row = TokenBatch(
        batch.token_BL.view(1, -1),
        batch.scored_BL.view(1, -1),
        torch.arange(2).repeat_interleave(batch.token_BL.shape[1]).view(1, -1),
        place_BL,
        batch.mean_over_B[:1],
    )
    same = not apart(net(batch).view(1, -1), net(row))
    return "" if same else "a text depends on what it shares a row with"


class Tokens(Kind):
    """Texts as tokens, one a row; what each token costs comes out."""

    network = CausalLM
    sizes: ClassVar = {"num_tokens": 40}
    fill: ClassVar = {"text_BL": -1}
    loose = ("token_BL",)
    asked = ("token_BL",)
    contracts = named(scored, logits, packed)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> TokenBatch:
        """Draw texts; see ``Kind.batch``."""
        return TokenBatch(
            torch.randint(sizes["num_tokens"], (rows, steps)),
            (torch.arange(steps) > 0).repeat(rows, 1),
            torch.arange(rows).unsqueeze(1).repeat(1, steps),
            torch.zeros(rows, 0, dtype=torch.int64),
            torch.full((rows,), float(max(1, rows * (steps - 1)))),
        )

    def said(self, net: CausalLM, batch: TokenBatch) -> Tensor:
        """Return what each token costs."""
        cost_BL: Tensor = net(batch)
        return cost_BL

    def real(self, batch: TokenBatch) -> Tensor:
        """Return which slots hold a token."""
        return batch.text_BL >= 0

    def unread(self, net: CausalLM) -> tuple[str, ...]:
        """Return what must not be read."""
        return ("text_BL", "mean_over_B")
