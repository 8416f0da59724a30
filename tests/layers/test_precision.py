import pytest
import torch

from torchedu.layers import at_least_single


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
