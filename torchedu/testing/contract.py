"""What every check shares: contracts by name, and how a breach is told."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

TOLERANCE = 1e-4
"""Numbers that differ by less, relative to their size, count as equal: sums in another order do
so by 1e-6, and a network that looks where it must not does so by 1e-2."""

Subject = TypeVar("Subject")
Module = TypeVar("Module", bound=nn.Module)
Contract = Callable[[Subject], str]
"""Returns how what is under test breaks it, or nothing; its docstring says what is asked."""


class ContractError(AssertionError):
    """Something breaks a contract that torchedu relies on.

    Args:
        contract: The contract's name.
        breach: What was seen.
    """

    def __init__(self, contract: str, breach: str) -> None:
        super().__init__(f"{contract}: {breach}")
        self.contract = contract
        self.breach = breach


def named(*contracts: Contract[Subject]) -> dict[str, Contract[Subject]]:
    """Return contracts by their names, in the order in which they are checked."""
    return {contract.__name__: contract for contract in contracts}


def keep(subject: Subject, contracts: Mapping[str, Contract[Subject]]) -> None:
    """Check that contracts are kept; the caller's random state stays as it was.

    Args:
        subject: What is under test.
        contracts: The contracts.

    Raises:
        ContractError: One is broken; the first of them is named.
    """
    for name, contract in contracts.items():
        try:
            with torch.no_grad(), seeded(1):
                breach = contract(subject)
        except Exception as error:
            raise ContractError(name, f"{type(error).__name__}: {error}") from error
        if breach:
            raise ContractError(name, breach)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed of its own and leave the caller's random state as it was."""
    known = np.random.get_state()  # noqa: NPY002  # what a module under test may draw from
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        np.random.set_state(known)  # noqa: NPY002


def apart(ours: Tensor, theirs: Tensor) -> float:
    """Return how far numbers are apart at most, relative to their size; 0 where they are equal."""
    if ours.shape != theirs.shape:
        return float("inf")
    if not ours.numel():
        return 0.0
    ours, theirs = ours.double(), theirs.double()
    gaps = (ours - theirs).abs() / (1 + ours.abs())
    gap = float(gaps.masked_fill(ours == theirs, 0).max())  # infinities among them
    return gap if gap > TOLERANCE or gap != gap else 0.0


@torch.no_grad()
def moved(module: Module) -> Module:
    """Move every parameter off where it started, padding aside, and return the module.

    Layers that start at zero would hide what goes on behind them.
    """
    kept = [
        (table.weight, table.padding_idx)
        for table in module.modules()
        if isinstance(table, nn.Embedding) and table.padding_idx is not None
    ]
    padding = [weight[row].clone() for weight, row in kept]
    for parameter in module.parameters():
        std = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.1
        parameter.add_(torch.randn_like(parameter), alpha=std)
    for (weight, row), was in zip(kept, padding, strict=True):
        weight[row] = was  # padding is no parameter
    return module
