"""A network that grows by new names says of the names that it knew what it said before."""

import os
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from tests.networks import KNOWN, built, data_for
from tests.testing.examples import Examples, examples
from torchedu.domains import Domain, Recommendation
from torchedu.schema import Names, Vocabulary
from torchedu.testing.contract import moved

__all__ = ["examples"]

CASES = int(os.environ.get("TORCHEDU_CASES", "1"))
"""Random cases of each network; ``benchmarks/devices.py`` takes 200."""
NEAR = 1e-6
MOST = 4
"""New names of a kind, at most."""


def said(task: Domain, batch: Any) -> list[Tensor]:
    """Return the numbers that a task makes of a batch: of recommenders a score a course."""
    with torch.no_grad():
        given = task(batch)
        if isinstance(task, Recommendation):
            given = task.net.logits(given.flatten(0, 1))[:, 2:]
    return [x for x in tree_leaves(given) if isinstance(x, Tensor) and x.is_floating_point()]


def known_part(new: Tensor, old: Tensor) -> Tensor:
    """Return what is said of what was known: new courses and tags stand at the end."""
    return new[tuple(slice(size) for size in old.shape)]


def some_names(task: Domain, draw: np.random.Generator) -> Vocabulary:
    """Draw new names of each kind that a task's weights belong to, and new kinds of a family."""
    assert task.vocabulary is not None
    kinds: dict[str, Names] = {}
    for bound in task.binds:
        family = [*task.vocabulary.family(bound)]
        if bound.endswith(".") and draw.random() < 0.5:
            family.append(f"{bound}of their own")
        for kind in family:
            number = int(draw.integers(MOST + 1))
            kinds[kind] = Names([f"new {kind} {i}" for i in draw.permutation(number)])
    return Vocabulary(kinds)


@pytest.mark.parametrize("name", KNOWN)
def test_what_was_known_is_said_as_before(name: str, examples: Examples) -> None:
    data = data_for(name, examples)
    task = built(name, data).eval()
    task.agree(data, training=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        moved(task.net)
    batches, order = data.evaluation("val")
    rows = order.epoch(0)[0][:4]
    before = said(task, batches(rows, True))
    draw = np.random.default_rng(0)
    for case in range(CASES if task.binds else 0):
        grown = task.grown(some_names(task, draw)).eval()
        assert grown.companions is not None
        again = data_for(name, examples)
        again.suit(grown.net)
        again.use(grown.companions)
        now, _ = again.evaluation("val")
        for old, new in zip(before, said(grown, now(rows, True)), strict=True):
            gap = (known_part(new, old) - old).abs() / (1 + old.abs())
            assert float(gap.nan_to_num(0).max()) <= NEAR, f"case {case}"
