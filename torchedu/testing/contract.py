"""A network under test: how it is built, what it is shown, and how its breach is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch
from torchedu.models import KTModel
from torchedu.schema import NO_TIME, RESERVED

TOLERANCE = 1e-4
"""Log odds that differ by less, relative to their size, count as equal: sums in another order do
so by 1e-6, and a network that looks where it must not does so by 1e-2."""


class ContractError(AssertionError):
    """A network breaks a contract that torchedu relies on.

    Args:
        contract: The contract's name, one of ``CONTRACTS``.
        breach: What was seen.
    """

    def __init__(self, contract: str, breach: str) -> None:
        super().__init__(f"{contract}: {breach}")
        self.contract = contract
        self.breach = breach


class Subject:
    """A network under test, and histories to show it.

    Args:
        build: Called with the numbers of items and skills, gives the network.
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
    """

    def __init__(
        self, build: Callable[[int, int], KTModel], num_items: int, num_skills: int
    ) -> None:
        self.build = build
        self.num_items = num_items
        self.num_skills = num_skills

    def net(self, seed: int = 0) -> KTModel:
        """Return the network in evaluation mode, every parameter moved off where it started.

        Layers that start at zero would hide what goes on behind them.
        """
        with seeded(seed):
            net = self.build(self.num_items, self.num_skills).eval()
            kept = [
                (module.weight, module.padding_idx)
                for module in net.modules()
                if isinstance(module, nn.Embedding) and module.padding_idx is not None
            ]
            with torch.no_grad():
                rows = [weight[row].clone() for weight, row in kept]
                for parameter in net.parameters():
                    std = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.1
                    parameter.add_(torch.randn_like(parameter), alpha=std)
                for (weight, row), was in zip(kept, rows, strict=True):
                    weight[row] = was  # padding is no parameter
        return net

    def batch(self, size: int = 6, steps: int = 12, skills: int = 3, seed: int = 0) -> AnswerBatch:
        """Return full histories of random answers, each item with 1 to ``skills`` skills.

        They carry what few networks read too, here and there not known.
        """
        with seeded(seed):
            item_BL = torch.randint(RESERVED, self.num_items, (size, steps))
            skill_BLS = torch.rand(size, steps, self.num_skills - RESERVED).argsort(-1) + RESERVED
            skill_BLS = skill_BLS[..., :skills]
            more_BL = torch.randint(skill_BLS.shape[-1], (size, steps, 1))
            skill_BLS = skill_BLS * (torch.arange(skill_BLS.shape[-1]) <= more_BL)
            correct_BL = torch.randint(2, (size, steps)).float()
            time_BL = 10**12 + torch.randint(10**8, (size, steps)).cumsum(1)
            response_time_BL = 60 * torch.rand(size, steps)
            attempt_BL = torch.randint(1, 5, (size, steps))
            known_BL = torch.rand(size, steps) < 0.8
        return AnswerBatch(
            item_BL,
            skill_BLS,
            correct_BL,
            torch.ones(size, steps, dtype=torch.bool),
            torch.arange(size),
            torch.zeros(size, dtype=torch.int64),
            torch.full((size,), float(size * steps)),
            time_BL.masked_fill(~known_BL, NO_TIME),
            response_time_BL.masked_fill(~known_BL, torch.nan),
            attempt_BL * known_BL,
        )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed of its own and leave the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def rows(batch: AnswerBatch, index: Tensor | slice) -> AnswerBatch:
    """Return some of a batch's histories."""
    return AnswerBatch(*(None if x is None else x[index] for x in batch))  # type: ignore[arg-type]


def apart(one: Tensor, other: Tensor) -> float:
    """Return how far log odds are apart at most, relative to their size; 0 where they are equal."""
    if one.shape != other.shape:
        return float("inf")
    if not one.numel():
        return 0.0
    gap = float(((one - other).abs() / (1 + one.abs())).max())
    return gap if gap > TOLERANCE or gap != gap else 0.0
