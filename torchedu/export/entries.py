"""What other programs call of a network: three entries, of plain tensors in and out."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import PADDING

Run = Callable[..., State]
"""Calls an entry wherever it runs: the tensors of its ``forward`` in, a tuple of tensors out."""


class Entry(nn.Module):
    """One of a network's entries.

    Attributes:
        kind: What the columns before the state are put together to.
        columns: Their names, in order: item, skill and mark, then what the network reads.

    Args:
        net: The network.
    """

    kind: ClassVar[type[AnswerBatch | Asked | Answered]]

    def __init__(self, net: KTModel) -> None:
        super().__init__()
        self.net = net
        known = {"item", "skill", "correct", *net.reads}
        fields = {field: field.rpartition("_")[0] for field in self.kind._fields}
        self._fields = {field: name for field, name in fields.items() if name in known}
        self.columns = tuple(self._fields.values())

    def put(self, taken: tuple[Tensor, ...], **more: Tensor) -> Any:
        """Return the columns among what is taken as one value, with what else it needs."""
        return self.kind(**dict(zip(self._fields, taken, strict=False)), **more)


class Forward(Entry):
    """Predicts every answer of padded histories; see ``KTModel.forward``."""

    kind = AnswerBatch

    def forward(self, *taken: Tensor) -> State:
        """Return logit_BL; who a student is, and what is scored, changes no prediction."""
        item_BL, _, correct_BL, *_ = taken
        zero_B, one_B = torch.zeros_like(item_BL[:, 0]), torch.ones_like(correct_BL[:, 0])
        about = {"scored_BL": item_BL != PADDING, "student_B": zero_B, "start_B": zero_B}
        return (self.net(self.put(taken, **about, mean_over_B=one_B)),)


class Predict(Entry):
    """Predicts one answer of each student from what is known of them; see ``KTModel.predict``."""

    kind = Asked

    def forward(self, *taken: Tensor) -> State:
        """Return logit_B."""
        return (self.net.predict(taken[len(self.columns) :], self.put(taken)),)


class Step(Entry):
    """Takes in one answer of each student; see ``KTModel.step``."""

    kind = Answered

    def forward(self, *taken: Tensor) -> State:
        """Return what is known after it, tensor by tensor as it was given."""
        return self.net.step(taken[len(self.columns) :], self.put(taken))


ENTRIES: dict[str, type[Entry]] = {"forward": Forward, "predict": Predict, "step": Step}
"""The entries by name; a graph's file is called after its entry."""


def entries(net: KTModel) -> dict[str, Entry]:
    """Return a network's own entries."""
    return {name: kind(net) for name, kind in ENTRIES.items()}
