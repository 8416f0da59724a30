"""What other programs call of a network: three entries, of plain tensors in and out."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import PADDING

Run = Callable[..., State]
"""Calls an entry wherever it runs: the tensors of its ``forward`` in, a tuple of tensors out."""


class Entry(nn.Module):
    """One of a network's entries.

    Args:
        net: The network.
    """

    columns: tuple[str, ...]
    """What it takes before the state."""

    def __init__(self, net: KTModel) -> None:
        super().__init__()
        self.net = net


class Forward(Entry):
    """Predicts every answer of padded histories; see ``KTModel.forward``."""

    columns = ("item", "skill", "correct")

    def forward(self, item_BL: Tensor, skill_BLS: Tensor, correct_BL: Tensor) -> State:
        """Return logit_BL; who a student is, and what is scored, changes no prediction."""
        zero_B, one_B = torch.zeros_like(item_BL[:, 0]), torch.ones_like(correct_BL[:, 0])
        real_BL = item_BL != PADDING
        batch = AnswerBatch(item_BL, skill_BLS, correct_BL, real_BL, zero_B, zero_B, one_B)
        return (self.net(batch),)


class Predict(Entry):
    """Predicts one answer of each student from what is known of them; see ``KTModel.predict``."""

    columns = ("item", "skill")

    def forward(self, item_B: Tensor, skill_BS: Tensor, *state: Tensor) -> State:
        """Return logit_B."""
        return (self.net.predict(state, item_B, skill_BS),)


class Step(Entry):
    """Takes in one answer of each student; see ``KTModel.step``."""

    columns = ("item", "skill", "correct")

    def forward(self, item_B: Tensor, skill_BS: Tensor, correct_B: Tensor, *state: Tensor) -> State:
        """Return what is known after it, tensor by tensor as it was given."""
        return self.net.step(state, item_B, skill_BS, correct_B)


ENTRIES: dict[str, type[Entry]] = {"forward": Forward, "predict": Predict, "step": Step}
"""The entries by name; a graph's file is called after its entry."""


def entries(net: KTModel) -> dict[str, Run]:
    """Return a network's own entries."""
    return {name: kind(net) for name, kind in ENTRIES.items()}
