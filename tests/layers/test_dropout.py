import pytest
import torch

from torchedu.layers import Dropout


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.0001, 0.2, 0.5, 0.9999])
def test_it_leaves_out_its_share_and_keeps_the_mean(share: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.full((1000, 1001), 3.0, dtype=kind)
    left = Dropout(share)(x)
    assert left.dtype == kind
    out = (left == 0).double().mean().item()
    assert out == pytest.approx(share, abs=5 * (share * (1 - share) / x.numel()) ** 0.5 + 2e-5)
    assert len(left.unique()) == 2
    if 0.1 < share < 0.9:
        assert left.double().mean().item() == pytest.approx(3, rel=0.01)


def test_neighbours_are_left_out_independently() -> None:
    torch.manual_seed(0)
    left = (Dropout(0.3)(torch.ones(200_000, 8)) == 0).double()
    correlation = torch.corrcoef(left.T) - torch.eye(8)
    assert correlation.abs().max() < 0.015  # seven standard errors


def test_gradients_pass_where_entries_did() -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 7, requires_grad=True)
    left = Dropout(0.2)(x)
    left.sum().backward()
    assert torch.equal(x.grad, left.detach())


def test_it_is_drawn_from_torchs_numbers() -> None:
    drop, x = Dropout(0.2), torch.ones(3, 5)
    torch.manual_seed(1)
    one = drop(x)
    torch.manual_seed(1)
    assert torch.equal(one, drop(x))
    assert not torch.equal(one, drop(x))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_and_all_can_be_left_out(share: float) -> None:
    assert torch.equal(Dropout(share)(torch.ones(3, 5)), torch.full((3, 5), 1 - share))


def test_outside_training_all_stays() -> None:
    x = torch.randn(3, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
