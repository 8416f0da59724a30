from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torch import Tensor, nn

from tests.networks import KNOWN, built, data_for
from tests.strategies.runs import NETS, Run, assert_equal, train
from tests.testing.examples import Examples, examples
from torchedu.errors import ConfigError
from torchedu.strategies.dp import DP, _Threads
from torchedu.testing.contract import moved

__all__ = ["examples"]


@pytest.mark.parametrize("net", NETS)
def test_three_replicas_accumulate_and_clip_as_one_device(class_store: Path, net: str) -> None:
    more = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05, "max_steps": 4}
    one = train(class_store, Run(net, sgd=True, more=more))
    assert_equal(train(class_store, Run(net, "dp", devices=3, sgd=True, more=more)), one)


class Pair(nn.Module):
    def forward(self, x: Tensor, scale: float) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if len(x) == 1 and x.isnan():
            raise ValueError("no number")
        return x * scale, (x + 1, x - 1)


@pytest.mark.parametrize("rows", [1, 2, 5, 7])
def test_a_batch_is_divided_by_its_rows_and_put_together_again(rows: int) -> None:
    net: Any = Pair()
    net.forward = _Threads(net, 3)
    x = torch.arange(float(rows))
    doubled, (more, less) = net(x, scale=2.0)
    assert torch.equal(doubled, 2 * x)
    assert torch.equal(more, x + 1)
    assert torch.equal(less, x - 1)


@pytest.mark.parametrize("name", KNOWN)
def test_every_network_says_of_parts_what_it_says_of_the_whole(
    name: str, examples: Examples
) -> None:
    data = data_for(name, examples)
    task = built(name, data).eval()
    task.agree(data, training=True)
    moved(task.net)
    batches, order = data.evaluation("val")
    batch = batches(order.epoch(0)[0][:5], True)
    with torch.no_grad():
        whole = task.net(batch)
        parts = _Threads(task.net, 2, task.net.rows_at)(batch)
    torch.testing.assert_close(parts, whole)


class Patient(nn.Module):
    """Lets something stand in for its part, waits for the other thread, and asks the part."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(1, 1)
        self.all_here = Barrier(2)

    def forward(self, x: Tensor) -> Tensor:
        part: Any = self.part
        part.forward = lambda _: x * part.weight
        self.all_here.wait(30)
        found: Tensor = self.part(x)
        self.all_here.wait(30)
        return found


def test_what_stands_in_for_a_part_is_one_thread_s_alone() -> None:
    net = Patient()
    x = torch.arange(1.0, 5.0)[:, None]
    found = _Threads(net, 2)(x)
    assert torch.equal(found, x * net.part.weight)
    found.sum().backward()
    assert net.part.weight.grad is not None
    assert net.part.weight.grad.item() == 10
    assert "forward" not in vars(net.part)


def test_what_a_thread_raises_is_raised() -> None:
    net: Any = Pair()
    net.forward = _Threads(net, 2)
    with pytest.raises(ValueError, match="no number"):
        net(torch.tensor([0.0, torch.nan]), 1.0)


def test_a_task_without_a_net_is_refused() -> None:
    with pytest.raises(ConfigError, match="LightningModule has none"):
        DP().check(LightningModule())
