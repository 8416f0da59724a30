import pytest
import torch
from torch import Tensor, nn

from torchedu.layers import at_least_single, in_single


@pytest.mark.parametrize(
    ("given", "summed"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_summed_in_single_and_double_in_double(
    given: torch.dtype, summed: torch.dtype
) -> None:
    x = torch.tensor([1.5, -2.0], dtype=given)
    assert at_least_single(x).dtype == summed
    assert at_least_single(x).tolist() == [1.5, -2.0]


class Scaled(nn.Linear):
    def twice(self, x: Tensor) -> Tensor:
        return 2 * self(x)


def test_a_method_runs_in_single_and_weights_stay_as_they_are() -> None:
    net = Scaled(3, 2).bfloat16()
    x = torch.randn(4, 3)
    wanted = 2 * (x @ net.weight.float().T + net.bias.float())
    torch.testing.assert_close(in_single(net, net.twice, x), wanted)
    assert net.weight.dtype == torch.bfloat16
    whole = Scaled(3, 2)
    assert torch.equal(in_single(whole, whole.twice, x), whole.twice(x))
