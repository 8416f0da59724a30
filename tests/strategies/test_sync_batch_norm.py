from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.strategies.runs import NETS, Run, Seen, apart, assert_equal, train
from torchedu.cli import main
from torchedu.models import DKT
from torchedu.strategies.named import AUTO
from torchedu.strategies.sync_batch_norm import SyncBatchNorm
from torchedu.testing.launch import LaunchServer


class NormedDKT(DKT):
    """DKT whose input codes are normalised over all answers of a batch, padding left out."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 8, dropout: float = 0.0) -> None:
        super().__init__(num_items, num_skills, dim, dropout)
        self.norm = nn.BatchNorm1d(dim, momentum=0.3)

    def _code(self, skill: Tensor, correct: Tensor) -> Tensor:
        code = super()._code(skill, correct)
        seen = skill.any(-1)
        return code.new_zeros(code.shape).index_put((seen,), self.norm(code[seen]))

    def forward(self, batch: Any) -> Tensor:
        before_BLD = self.lstm.before(
            self._code(batch.skill_BLS, batch.correct_BL), batch.item_BL != 0
        )
        return self._logit(before_BLD, batch.skill_BLS)


def seen(store: Path, strategy: str, synced: bool) -> Seen:
    NETS["normed"] = partial(NormedDKT)
    plugins = [SyncBatchNorm()] if synced else []
    more = {"sync_batchnorm": synced}
    return train(store, Run("normed", strategy, sgd=True, more=more, plugins=plugins))


def each_way(store: Path) -> list[Seen]:
    return [seen(store, *way) for way in (("ddp", True), ("ddp", False), ("deepspeed", True))]


def test_two_ranks_compute_what_one_does_with_the_whole_batch(
    class_store: Path, launch: LaunchServer
) -> None:
    pytest.importorskip("deepspeed", reason="the extra deepspeed is not installed")
    started = launch.start(each_way, class_store, ranks=2)
    assert started.wait(90) == [0, 0], started.output()
    synced, each, deepspeed = started.result()
    one = seen(class_store, AUTO, False)
    for own in (synced, deepspeed):
        # Its gradients are differences of sums, and one process rounds them by 1e-6 itself. The
        # running statistics are among the weights.
        assert_equal(own, one, gradients=2e-6)
        assert int(own.weights["net.norm.num_batches_tracked"]) == 8
    assert apart(each.gradients, one.gradients) > 1e-2


def layer_numbers(kind: str, rows: list[int], momentum: float | None) -> list[Tensor]:
    """Return output, input's gradient, and the layer's state of this rank's rows."""
    layer, x = layer_of(kind, momentum)
    rank = 0
    if len(rows) > 1:
        torch.distributed.init_process_group("gloo")
        rank = torch.distributed.get_rank()
        SyncBatchNorm().apply(layer)
    own = x.split(rows)[rank].clone().requires_grad_()
    for _ in range(2):
        out = layer(own)
    (out * torch.arange(out[0].numel()).view(out[0].shape).cos() * out).sum().backward()
    state = [one.double() for one in layer.state_dict().values()]
    gradients = [p.grad for p in layer.parameters()]
    for gradient in gradients if len(rows) > 1 else ():
        torch.distributed.all_reduce(gradient)
    assert own.grad is not None
    return [out.detach(), own.grad, *state, *[one for one in gradients if one is not None]]


def layer_of(kind: str, momentum: float | None) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    affine = kind != "BatchNorm3d"
    layer = getattr(nn, kind)(4, momentum=momentum, affine=affine)
    shape = {"BatchNorm1d": (7, 4), "BatchNorm2d": (7, 4, 3, 2), "BatchNorm3d": (7, 4, 2, 1, 2)}
    return layer, 5 + 3 * torch.randn(shape[kind])


@pytest.mark.parametrize(
    ("kind", "momentum"), [("BatchNorm1d", 0.1), ("BatchNorm2d", None), ("BatchNorm3d", 0.5)]
)
def test_ranks_count_by_what_they_have(
    kind: str, momentum: float | None, launch: LaunchServer
) -> None:
    started = launch.start(layer_numbers, kind, [5, 2], momentum, ranks=2)
    assert started.wait(60) == [0, 0], started.output()
    first, second = started.result(0), started.result(1)
    wanted = layer_numbers(kind, [7], momentum)
    for own, other, whole in zip(first[:2], second[:2], wanted[:2], strict=True):
        torch.testing.assert_close(torch.cat([own, other]), whole, rtol=1e-5, atol=1e-5)
    for own, other, whole in zip(first[2:], second[2:], wanted[2:], strict=True):
        torch.testing.assert_close(own, other)
        torch.testing.assert_close(own, whole, rtol=1e-5, atol=1e-5)


def test_layers_are_their_own_again() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    names = list(net.state_dict())
    sync = SyncBatchNorm()
    assert list(sync.apply(net).state_dict()) == names
    assert "forward" in vars(net[1])
    assert sync.revert(net)[1] is net[1]  # type: ignore[index]
    assert "forward" not in vars(net[1])


def test_the_flag_works_on_a_cpu(class_store: Path, tmp_path: Path) -> None:
    words = ["fit", "--data.path", str(class_store), "--run", str(tmp_path / "run")]
    words += ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "1", "--model.net", "ItemDKT"]
    assert main([*words, "--model.net.dim", "8", "--trainer.sync_batchnorm", "true"]) == 0
