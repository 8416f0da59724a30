import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from torchedu.layers import LSTM, lstm
from torchedu.layers.room import GRAIN


def plain(layer: LSTM, x_BLD: Tensor) -> Tensor:
    """What ``torch.nn.LSTM`` gives out, a slot later."""
    h_BLD, _ = layer(x_BLD)
    return torch.cat([torch.zeros_like(h_BLD[:, :1]), h_BLD[:, :-1]], dim=1)


def filled(lengths: list[int], steps: int) -> Tensor:
    return torch.arange(steps) < torch.tensor(lengths)[:, None]


def gradients(layer: LSTM, x: Tensor, before_BLD: Tensor, seen_BL: Tensor) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(before_BLD.shape, generator=generator, dtype=before_BLD.dtype)
    loss = (before_BLD * weight)[seen_BL].sum()
    return torch.autograd.grad(loss, [x, *layer.parameters()])


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    more=st.integers(0, 2),
    distinct=st.booleans(),
)
def test_it_is_torchs_lstm_in_output_and_gradients(
    lengths: list[int], more: int, distinct: bool
) -> None:
    torch.manual_seed(0)
    layer, steps = LSTM(3, 5).double(), max(lengths) + more
    seen_BL = filled(lengths, steps)
    if distinct:
        x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        which_BL = torch.randint(4, seen_BL.shape)
        wanted, found = plain(layer, x[which_BL]), layer.before(x, seen_BL, which_BL)
    else:
        x = torch.randn(*seen_BL.shape, 3, dtype=torch.float64, requires_grad=True)
        wanted, found = plain(layer, x), layer.before(x, seen_BL)
    torch.testing.assert_close(found[seen_BL], wanted[seen_BL])
    torch.testing.assert_close(
        gradients(layer, x, found, seen_BL), gradients(layer, x, wanted, seen_BL)
    )


def test_in_single_precision_too() -> None:
    torch.manual_seed(0)
    layer, seen_BL = LSTM(16, 32), filled([60, 60, 17, 1], 60)
    x = torch.randn(4, 60, 16, requires_grad=True)
    wanted, found = plain(layer, x), layer.before(x, seen_BL)
    torch.testing.assert_close(found[seen_BL], wanted[seen_BL], atol=1e-6, rtol=1e-5)
    for one, other in zip(
        gradients(layer, x, found, seen_BL), gradients(layer, x, wanted, seen_BL), strict=True
    ):
        assert (one - other).norm() < 1e-5 * other.norm()


@pytest.mark.parametrize("distinct", [True, False])
def test_under_autocast_products_are_in_bfloat16_and_near(distinct: bool) -> None:
    torch.manual_seed(0)
    layer, seen_BL = LSTM(16, 32), filled([60, 60, 17, 1], 60)
    which_BL = torch.arange(240).view(4, 60) if distinct else None
    x = torch.randn(4, 60, 16, requires_grad=True)
    rows = x.flatten(0, 1) if distinct else x
    with torch.autocast("cpu", torch.bfloat16):
        found = layer.before(rows, seen_BL, which_BL)
    assert found.dtype == torch.bfloat16
    wanted = plain(layer, x)
    torch.testing.assert_close(found[seen_BL].float(), wanted[seen_BL], atol=0.02, rtol=0.02)
    for one, other in zip(
        gradients(layer, x, found.float(), seen_BL),
        gradients(layer, x, wanted, seen_BL),
        strict=True,
    ):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


@pytest.mark.parametrize("distinct", [True, False])
def test_many_steps_are_gone_back_through_in_parts(
    distinct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm, "CHUNK", 64)
    torch.manual_seed(0)
    layer, seen_BL = LSTM(3, 5).double(), filled([40, 39, *range(40, 0, -3), 1, 1], 41)
    which_BL = torch.randint(9, seen_BL.shape) if distinct else None
    x = torch.randn(9, 3) if distinct else torch.randn(*seen_BL.shape, 3)
    x = x.double().requires_grad_()
    wanted, found = (
        plain(layer, x if which_BL is None else x[which_BL]),
        layer.before(x, seen_BL, which_BL),
    )
    torch.testing.assert_close(
        gradients(layer, x, found, seen_BL), gradients(layer, x, wanted, seen_BL)
    )


def test_histories_of_any_number_take_products_of_few_shapes() -> None:
    sizes: set[int] = set()

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
                sizes.update(size for x in args for size in x.shape)
            return func(*args, **(kwargs or {}))

    layer = LSTM(8, 8)
    for histories in (1, 31, 33, 75, 140):
        seen_BL = filled([4] * histories + [2] * 40, 4)
        which_BL = torch.arange(seen_BL.numel()).view(seen_BL.shape) % 7
        with torch.autocast("cpu", torch.bfloat16), Sizes():
            layer.before(torch.randn(7, 8), seen_BL, which_BL).sum().backward()
    assert max(sizes) > 140
    assert not [size for size in sizes if size % GRAIN and size > GRAIN]


def test_a_graph_may_be_gone_through_again() -> None:
    torch.manual_seed(0)
    layer, seen_BL = LSTM(3, 5), filled([4, 2], 4)
    before_BLD = layer.before(torch.randn(2, 4, 3), seen_BL)
    one, other = (
        torch.autograd.grad(before_BLD.sum(), layer.weight_hh_l0, retain_graph=True)[0]
        for _ in range(2)
    )
    assert torch.equal(one, other)


def test_slots_that_are_not_filled_get_no_gradient() -> None:
    layer, seen_BL = LSTM(3, 5), filled([4, 2], 4)
    x = torch.randn(2, 4, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(layer.before(x, seen_BL).sum(), x)
    assert not slope[~seen_BL].any()
    assert slope[:, :1].all()


def test_its_parameters_are_those_of_torch() -> None:
    theirs = torch.nn.LSTM(3, 5, batch_first=True).state_dict()
    layer = LSTM(3, 5)
    layer.load_state_dict(theirs)
    assert list(layer.state_dict()) == list(theirs)
