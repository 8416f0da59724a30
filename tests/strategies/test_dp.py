from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torch import Tensor, nn

from tests.strategies.numbers import NETS, SAVED, STEPS, Asked, assert_equal, compute
from torchedu.errors import ConfigError
from torchedu.strategies.dp import DP, _Threads


@pytest.mark.parametrize("net", NETS)
def test_numbers_are_those_of_one_device(class_store: Path, net: str) -> None:
    more = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05}
    one, clipped, *divided = compute(
        class_store,
        [
            Asked(net=net),
            Asked(net=net, more=more),
            Asked("dp", net=net, ranks=2),
            Asked("dp", net=net, ranks=3, more=more),
        ],
    )
    for own, wanted in zip(divided, (one, clipped), strict=True):
        assert_equal(own, wanted)


def test_autocast_reaches_the_threads(class_store: Path) -> None:
    one, dp = compute(
        class_store,
        [
            Asked(precision="bf16-mixed", net="SAKT"),
            Asked("dp", net="SAKT", ranks=2, precision="bf16-mixed"),
        ],
    )
    # Gradients of the two halves are rounded to 8 bits before they are added.
    assert_equal(dp, one, gradients=1e-2, losses=2e-3, weights=1e-3)
    plain = compute(class_store, [Asked(net="SAKT")])[0]
    assert plain.losses[0] != dp.losses[0]


def test_a_checkpoint_goes_on_with_and_without_it(class_store: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.ckpt" for name in ("auto", "dp")}
    ways = {name: Asked(name, ranks=1 + (name == "dp"), optimizer="AdamW") for name in files}
    runs = [way._replace(save=files[name]) for name, way in ways.items()]
    runs += [way._replace(resume=file) for way in ways.values() for file in files.values()]
    whole, *others = [one.losses for one in compute(class_store, runs)]
    for losses in others:
        assert losses == pytest.approx(whole[-len(losses) :], rel=1e-5)
    assert [len(losses) for losses in others] == [STEPS, *[STEPS - SAVED] * 4]


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


def test_what_a_thread_raises_is_raised() -> None:
    net: Any = Pair()
    net.forward = _Threads(net, 2)
    with pytest.raises(ValueError, match="no number"):
        net(torch.tensor([0.0, torch.nan]), 1.0)


def test_a_task_without_a_net_is_refused() -> None:
    with pytest.raises(ConfigError, match="LightningModule has none"):
        DP().check(LightningModule())
