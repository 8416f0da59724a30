import torch

from torchedu.layers import seconds_between
from torchedu.schema import NO_TIME


def test_seconds_lie_between_two_times_that_are_known() -> None:
    now = 1_700_000_000_000
    earlier = torch.tensor([now, now, NO_TIME, NO_TIME, now])
    later = torch.tensor([now + 1, now + 86_400_000, now, NO_TIME, now - 2_500])
    wanted = torch.tensor([0.001, 86_400, torch.nan, torch.nan, -2.5])
    found = seconds_between(earlier, later)
    torch.testing.assert_close(found, wanted, equal_nan=True, rtol=1e-6, atol=0)
    assert found.dtype == torch.float32
