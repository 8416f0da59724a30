import pytest
import torch

from torchedu.layers import marks_before, running_sum
from torchedu.testing import Pretended


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_a_running_sum_is_one_where_cuda_has_no_deterministic_one(dim: int) -> None:
    x = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    wanted = x.cumsum(dim)
    (slope,) = torch.autograd.grad((wanted * x.detach()).sum(), x)
    with Pretended(deterministic=True) as device:
        there = x.detach().to(device.name).requires_grad_()
        given = running_sum(there, dim)
        (given * there.detach()).sum().backward()
    torch.testing.assert_close(given.detach(), wanted)
    torch.testing.assert_close(there.grad, slope)
    assert torch.equal(running_sum(x, dim), wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_marks_are_summed_in_whole_numbers(dtype: torch.dtype) -> None:
    marks = torch.tensor([[1.0, 0.25, 0.5, 1.0, 0.0]], dtype=dtype)
    before = marks_before(marks, 1)
    assert before.tolist() == [[0.0, 1.0, 1.25, 1.75, 2.75]]
    assert before.dtype == dtype
    long = torch.full((1, 100_000), 0.1, dtype=torch.float64)
    assert float(marks_before(long, 1)[0, -1]) == pytest.approx(9999.9, abs=1e-3)
