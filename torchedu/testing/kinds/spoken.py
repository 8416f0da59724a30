"""Networks that grade spoken answers under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import SpokenBatch
from torchedu.models import SpokenGrader
from torchedu.testing.contract import apart, named
from torchedu.testing.kinds.kind import Kind, NetworkSubject


def missing(subject: NetworkSubject) -> str:
    """What is said not to be there is not heard; an answer of which nothing is there is graded."""
    net, batch, other = subject.net(), subject.batch(), subject.batch(seed=1)
    for channel, noun, columns in (
        (0, "text", ("byte_BU", "vector_BD")), (1, "recording", ("frame_BWIF", "heard_BWI")),
        (2, "photograph", ("pixel_BHWF", "seen_BHW")),
    ):  # fmt: skip
        has_BC = batch.has_BC.clone()
        has_BC[:, channel] = False
        without = batch._replace(has_BC=has_BC)
        changed = without._replace(**{name: getattr(other, name) for name in columns})
        if apart(subject.said(net, without), subject.said(net, changed)):
            return f"predictions depend on a {noun} that is not there"
    nothing = batch._replace(has_BC=torch.zeros_like(batch.has_BC))
    finite = subject.said(net, nothing).isfinite().all()
    return "" if finite else "numbers that are not finite where nothing is there"


class Speech(Kind):
    """Answers of three channels; log odds of each place on each scale come out."""

    network = SpokenGrader
    sizes: ClassVar = {
        "num_scores": 2, "num_places": 5, "num_bands": 9, "text_dim": 0, "speech_dim": 0,
        "image_dim": 3,
    }  # fmt: skip
    step_dims = "UI"
    loose = ("frame_BWIF",)
    contracts = named(missing)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> SpokenBatch:
        """Draw answers; see ``Kind.batch``."""
        scored_BY = torch.ones(rows, sizes["num_scores"], dtype=torch.bool)
        return SpokenBatch(
            torch.randint(1, 257, (rows, steps)),
            torch.randn(rows, sizes["text_dim"]),
            torch.randn(rows, 2, steps, sizes["num_bands"]),
            torch.ones(rows, 2, steps, dtype=torch.bool),
            torch.rand(rows, 9, 12, sizes["image_dim"]),
            torch.ones(rows, 9, 12, dtype=torch.bool),
            torch.ones(rows, 3, dtype=torch.bool),
            torch.rand(rows, sizes["num_scores"]),
            scored_BY,
            torch.arange(rows),
            torch.full((rows,), float(scored_BY.sum())),
        )

    def said(self, net: SpokenGrader, batch: SpokenBatch) -> Tensor:
        """Return the log odds of places."""
        logit_BYK: Tensor = net(batch)
        return logit_BYK

    def real(self, batch: SpokenBatch) -> Tensor:
        """Return which answers there are: all."""
        return torch.ones_like(batch.answer_B, dtype=torch.bool)

    def unread(self, net: SpokenGrader) -> tuple[str, ...]:
        """Return what must not be read: the scores first of all."""
        return ("target_BY", "scored_BY", "answer_B", "mean_over_B")
